"""Holds that people put on resources and fields: who, until when, why, and who released them. Rows are never deleted.

These are not the holds on credits, which stand in `ledger.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.plan.holds import ResourceHold
from reconciler.store.tables import resource_hold


def add_hold(connection: Connection, hold: ResourceHold) -> None:
    """Write a hold down; one in force on the same resource and field is released by it."""
    release_hold(connection, hold.kind, hold.name, hold.field, by=hold.by, at=hold.since)
    values = {
        "kind": hold.kind,
        "name": hold.name,
        "field": hold.field,
        "until": hold.until,
        "held_by": hold.by,
        "reason": hold.reason,
        "held_at": hold.since,
    }
    connection.execute(resource_hold.insert().values(**values))


def release_hold(connection: Connection, kind: str, name: str, field: str, *, by: str, at: datetime) -> bool:
    """End a hold before its time; False when none is in force."""
    table = resource_hold.c
    is_it = sa.and_(table.kind == kind, table.name == name, table.field == field, _in_force(at))
    return connection.execute(resource_hold.update().where(is_it).values(released_at=at, released_by=by)).rowcount > 0


def load_holds(connection: Connection, now: datetime | None = None) -> tuple[ResourceHold, ...]:
    """Return the holds in force at an instant, or every hold that there ever was, in the order of their resources."""
    table = resource_hold.c
    statement = sa.select(resource_hold).order_by(table.kind, table.name, table.field, table.id)
    if now is not None:
        statement = statement.where(_in_force(now))
    return tuple(_hold(row) for row in connection.execute(statement))


def _in_force(now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(resource_hold.c.released_at.is_(None), resource_hold.c.until > now)


def _hold(row: sa.Row[Any]) -> ResourceHold:
    return ResourceHold(
        row.kind, row.name, row.field, row.until, row.held_by, row.reason, row.held_at, row.released_at, row.released_by
    )
