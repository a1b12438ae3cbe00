"""What is there by the history: the resources that applies made and did not delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import derive_id
from reconciler.store.history import load_version
from reconciler.store.tables import former_name, history, history_change

Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Inventoried:
    """A resource that an apply made, and the last generation that wrote it; `version` is the digest of its spec."""

    generation: int
    version: str | None


def load_inventory(connection: Connection) -> dict[Ref, Inventoried]:
    """Return everything that was applied and not deleted by an apply."""
    columns = history_change.c
    newest = sa.func.row_number().over(
        partition_by=(columns.kind, columns.name), order_by=(columns.generation.desc(), columns.position.desc())
    )
    ranked = sa.select(
        columns.kind, columns.name, columns.action, columns.version, columns.generation, newest.label("rank")
    ).subquery()
    rows = connection.execute(
        sa.select(ranked.c.kind, ranked.c.name, ranked.c.generation, ranked.c.version).where(
            ranked.c.rank == 1, ranked.c.action != "delete"
        )
    )
    return {(row.kind, row.name): Inventoried(row.generation, row.version) for row in rows}


def specs_of(connection: Connection, items: Iterable[tuple[Ref, Inventoried]]) -> dict[Ref, dict[str, Any] | None]:
    """Return the specs that were last applied; None where an apply of an older schema did not keep it."""
    return {ref: load_version(connection, item.version) if item.version else None for ref, item in items}


def uid_of(connection: Connection, kind: str, name: str) -> str:
    """Return the uid that a resource was created with, also when its row is gone."""
    renamed = sa.select(former_name.c.uid).where(former_name.c.kind == kind, former_name.c.renamed_to == name)
    uid = connection.scalar(renamed.order_by(former_name.c.generation.desc()).limit(1))
    columns = history_change.c
    made = sa.select(sa.func.max(columns.generation)).where(
        columns.kind == kind, columns.name == name, columns.action == "create"
    )
    return str(uid) if uid else derive_id("resource", kind, name, connection.scalar(made) or 0)


def last_config(connection: Connection) -> tuple[str, str, str]:
    """Return revision, config digest and environment of the last apply; "" before the first."""
    found = sa.select(history.c.revision, history.c.config_digest, history.c.plan)
    row = connection.execute(found.order_by(history.c.generation.desc()).limit(1)).one_or_none()
    return (
        ("", "", "")
        if row is None
        else (row.revision, row.config_digest, orjson.loads(row.plan).get("environment", ""))
    )
