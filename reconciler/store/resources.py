"""Resources as the database records them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, Protocol, TypeVar

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import canonical_json, derive_id, text_digest
from reconciler.kinds import find_kind
from reconciler.kinds.fields import Spec
from reconciler.plan.change import Actual, Change
from reconciler.store.statements import run
from reconciler.store.tables import resource

SpecT = TypeVar("SpecT", bound=Spec)
_NAMES_A_QUERY = 500


class Declared(Protocol):
    """A declared resource: the digest of its canonical JSON, and the JSON itself."""

    @property
    def digest(self) -> str: ...

    def canonical(self) -> bytes: ...


def load_actual(
    connection: Connection, declared: Mapping[tuple[str, str], Declared] | None = None
) -> dict[tuple[str, str], Actual]:
    """Return every resource as the database records it.

    What is just as `declared`, by its digest, is not read but told by its declaration: unless so much differs, or
    something that many depend on, that a plan will look into all of them.
    """
    columns = resource.c
    light = (
        columns.kind,
        columns.name,
        columns.generation,
        columns.applied_digest,
        columns.protected,
        columns.uid,
        columns.managed,
        columns.deleting_since,
    )
    is_touched = (columns.spec != columns.applied_spec).label("is_touched")
    found: dict[tuple[str, str], Actual] = {}
    unread: list[tuple[str, str]] = []
    for row in connection.execute(sa.select(*light, is_touched)):
        kind, name, generation, digest, protected, uid, managed, deleting_since, touched = row
        item = (declared or {}).get((kind, name))
        if item is None or touched or item.digest != digest:
            unread.append((kind, name))
            continue
        found[kind, name] = Actual(
            kind, name, generation, digest, item.canonical, None, bool(protected), uid, bool(managed), deleting_since
        )  # fmt: skip
    if any(kind != "site" for kind, _ in unread) or len(unread) > _NAMES_A_QUERY:
        return _load(connection, sa.true())
    names = [name for _, name in unread]
    return found | _load(connection, sa.and_(columns.kind == "site", columns.name.in_(names))) if names else found


def _load(connection: Connection, where: sa.ColumnElement[bool]) -> dict[tuple[str, str], Actual]:
    """Return resources with their texts."""
    columns = resource.c
    live = sa.case((columns.spec != columns.applied_spec, columns.spec)).label("live")
    texts = (columns.kind, columns.name, columns.generation, columns.applied_digest, columns.applied_spec)
    notes = (columns.protected, columns.uid, columns.managed, columns.deleting_since)
    rows = connection.execute(sa.select(*texts, live, *notes).where(where))
    return {
        (kind, name): Actual(
            kind, name, generation, digest, _told(applied), None if touched is None else _told(touched),
            bool(protected), uid, bool(managed), deleting_since,
        )
        for kind, name, generation, digest, applied, touched, protected, uid, managed, deleting_since in rows
    }  # fmt: skip


def _told(text: str) -> Callable[[], str]:
    return lambda: text


def load_specs(connection: Connection, kind: str, spec: type[SpecT]) -> dict[str, SpecT]:
    """Return the live specs of a kind by name."""
    rows = connection.execute(sa.select(resource.c.name, resource.c.spec).where(resource.c.kind == kind))
    return {row.name: spec.model_validate_json(row.spec) for row in rows.all()}


def load_specs_of(connection: Connection, specs: Mapping[str, type[Spec]]) -> dict[str, dict[str, Any]]:
    """Return the live specs of several kinds, by kind and name."""
    found: dict[str, dict[str, Any]] = {kind: {} for kind in specs}
    for kind, name, spec in run(connection, _specs_of(tuple(specs)), {}).rows:
        found[kind][name] = specs[kind].model_validate_json(spec)
    return found


@cache
def _specs_of(kinds: tuple[str, ...]) -> sa.Select[Any]:
    columns = (resource.c.kind, resource.c.name, resource.c.spec)
    return sa.select(*columns).where(sa.or_(*(resource.c.kind == kind for kind in kinds)))


def live_spec(connection: Connection, kind: str, name: str) -> dict[str, Any] | None:
    """Return the live spec of a resource, or None when it is not there."""
    where = sa.and_(resource.c.kind == kind, resource.c.name == name)
    text = connection.scalar(sa.select(resource.c.spec).where(where))
    return None if text is None else orjson.loads(text)


def created_at(connection: Connection, kind: str, name: str) -> datetime | None:
    """Return when a resource was first applied, or None when it is not there."""
    found: datetime | None = connection.scalar(
        sa.select(resource.c.created_at).where(resource.c.kind == kind, resource.c.name == name)
    )
    return found


def first_applied(connection: Connection, kind: str) -> dict[str, datetime]:
    """Return when each resource of a kind was first applied, by name."""
    rows = connection.execute(sa.select(resource.c.name, resource.c.created_at).where(resource.c.kind == kind))
    return {str(name): at for name, at in rows}


def save_changes(
    connection: Connection, changes: Iterable[Change], *, generation: int, at: datetime,
    uids: Mapping[tuple[str, str], str] | None = None,
) -> None:  # fmt: skip
    """Carry the changes of a plan out: deletes, then updates and creates, each as one statement over many rows.

    `uids` are those of resources that come back; what is new gets one of its own.

    Resources refer to each other by name, not by constraint, so that their order among themselves does not matter.
    """
    rows: dict[str, list[dict[str, Any]]] = {"delete": [], "rename": [], "update": [], "create": []}
    for change in changes:
        rows["rename" if change.renamed_from else change.action].append(_row(change, generation, at, uids or {}))
    key = sa.and_(resource.c.kind == sa.bindparam("b_kind"), resource.c.name == sa.bindparam("b_name"))
    if rows["delete"]:
        connection.execute(resource.delete().where(key), rows["delete"])
    if rows["rename"]:
        connection.execute(resource.update().where(key), rows["rename"])
    if rows["update"]:
        connection.execute(resource.update().where(key), rows["update"])
    if rows["create"]:
        connection.execute(resource.insert(), rows["create"])


def _row(change: Change, generation: int, at: datetime, uids: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    """Return what a change binds: its key, and what is written."""
    key = {"b_kind": change.kind, "b_name": change.name}
    if change.after_text is None:
        return key
    text = _decoded(change.after_text)
    applied = text if change.applied_text is None else _decoded(change.applied_text)
    values = {
        "generation": generation,
        "spec": text,
        "applied_spec": applied,
        "applied_digest": text_digest(applied),
        "applied_at": at,
        "protected": '"protected":true' in text and bool(orjson.loads(text).get("protected", False)),
        "managed": True,
        "deleting_since": None,
    }
    if change.renamed_from:  # the uid stays: it is the same resource
        return {"b_kind": change.kind, "b_name": change.renamed_from, "name": change.name, **values}
    if change.action == "update":
        return key | values
    known = uids.get((change.kind, change.name))
    uid = known or derive_id("resource", change.kind, change.name, generation)
    return {"kind": change.kind, "name": change.name, "uid": uid, "created_at": at, **values}


def _decoded(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode()


def read_spec(kind: str, data: Mapping[str, Any]) -> Spec:
    """Return a stored spec as its kind's value."""
    found = find_kind(kind)
    assert found is not None
    return found.spec.model_validate_json(canonical_json(data))
