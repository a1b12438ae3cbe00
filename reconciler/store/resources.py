"""Resources as the database records them, and the history of applies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import canonical_json, derive_id, digest
from reconciler.kinds import find_kind
from reconciler.kinds.fields import Spec
from reconciler.plan.change import Actual, Change
from reconciler.store.tables import history, resource

SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, slots=True)
class Applied:
    """One apply of the history."""

    generation: int
    at: datetime
    actor: str
    revision: str
    config_digest: str
    reason: str
    plan: dict[str, Any]


def current_generation(connection: Connection) -> int:
    """Return the generation of the last apply, 0 before the first."""
    return int(connection.scalar(sa.select(sa.func.max(history.c.generation))) or 0)


def applied_environment(connection: Connection) -> str | None:
    """Return the environment of the last apply, "" when it was made without one, None before the first."""
    # The database reads the one field: a plan may be large, and every command asks.
    is_sqlite = connection.dialect.name == "sqlite"
    plan = sa.type_coerce(history.c.plan, sa.JSON) if is_sqlite else sa.cast(history.c.plan, sa.JSON)
    found = sa.select(plan["environment"].as_string()).order_by(history.c.generation.desc()).limit(1)
    row = connection.execute(found).first()
    return None if row is None else str(row[0] or "")


def load_actual(connection: Connection) -> dict[tuple[str, str], Actual]:
    """Return every resource as the database records it."""
    return {(row.kind, row.name): _actual(row) for row in connection.execute(sa.select(resource))}


def _actual(row: sa.Row[Any]) -> Actual:
    live = json.loads(row.spec)
    applied = live if row.applied_spec == row.spec else json.loads(row.applied_spec)
    return Actual(
        row.kind, row.name, row.generation, live, digest(live), applied, row.applied_digest, bool(row.protected)
    )


def load_specs(connection: Connection, kind: str, spec: type[SpecT]) -> dict[str, SpecT]:
    """Return the live specs of a kind by name."""
    rows = connection.execute(sa.select(resource.c.name, resource.c.spec).where(resource.c.kind == kind))
    return {row.name: spec.model_validate_json(row.spec) for row in rows.all()}


def created_at(connection: Connection, kind: str, name: str) -> datetime | None:
    """Return when a resource was first applied, or None when it is not there."""
    found: datetime | None = connection.scalar(
        sa.select(resource.c.created_at).where(resource.c.kind == kind, resource.c.name == name)
    )
    return found


def save_changes(connection: Connection, changes: Iterable[Change], *, generation: int, at: datetime) -> None:
    """Carry the changes of a plan out, in their order."""
    for change in changes:
        where = sa.and_(resource.c.kind == change.kind, resource.c.name == change.name)
        if change.action == "delete":
            connection.execute(resource.delete().where(where))
            continue
        assert change.after is not None
        text = canonical_json(change.after)
        values = {
            "generation": generation,
            "spec": text,
            "applied_spec": text,
            "applied_digest": digest(change.after),
            "applied_at": at,
            "protected": bool(change.after.get("protected", False)),
        }
        if change.action == "create":
            uid = derive_id("resource", change.kind, change.name, generation)
            connection.execute(
                resource.insert().values(kind=change.kind, name=change.name, uid=uid, created_at=at, **values)
            )
        else:
            connection.execute(resource.update().where(where).values(**values))


def save_history(connection: Connection, applied: Applied) -> None:
    """Write one apply into the history."""
    connection.execute(
        history.insert().values(
            generation=applied.generation,
            at=applied.at,
            actor=applied.actor,
            revision=applied.revision,
            config_digest=applied.config_digest,
            reason=applied.reason,
            plan=canonical_json(applied.plan),
        )
    )


def load_history(connection: Connection, *, limit: int) -> tuple[Applied, ...]:
    """Return the last applies, newest first."""
    rows = connection.execute(sa.select(history).order_by(history.c.generation.desc()).limit(limit))
    return tuple(
        Applied(
            row.generation, row.at, row.actor, row.revision, row.config_digest, row.reason, json.loads(row.plan)
        )
        for row in rows
    )  # fmt: skip


def read_spec(kind: str, data: Mapping[str, Any]) -> Spec:
    """Return a stored spec as its kind's value."""
    found = find_kind(kind)
    assert found is not None
    return found.spec.model_validate_json(canonical_json(data))
