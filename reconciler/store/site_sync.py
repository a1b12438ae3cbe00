"""How sites were found: whether they can be published to, when they were compared last, and what happened there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.pipeline.port import Row
from reconciler.store.tables import site_sync, sync_event

# A site and the name of its further place, "" for its own.
PlaceRef = tuple[str, str]


def load_site_syncs(connection: Connection) -> dict[PlaceRef, Row]:
    """Return how each place was found last; one that nobody went to has none."""
    return {(row.site, row.target_name): row._asdict() for row in connection.execute(sa.select(site_sync))}


def stop_site(
    connection: Connection, place: PlaceRef, *, reason: str, hint: str, failures: int, next_attempt_at: datetime
) -> None:
    """Leave a place alone until an instant."""
    values = {"reason": reason[:500], "hint": hint[:500], "failures": failures, "next_attempt_at": next_attempt_at}
    _put(connection, place, {"sync_status": "stopped", **values})


def resume_site(connection: Connection, place: PlaceRef) -> bool:
    """Record that a place can be published to; True when it could not before."""
    site, target_name = place
    of_place = sa.and_(site_sync.c.site == site, site_sync.c.target_name == target_name)
    where = sa.and_(of_place, site_sync.c.sync_status == "stopped")
    values = {"sync_status": "ok", "reason": "", "hint": "", "failures": 0, "next_attempt_at": None}
    return connection.execute(site_sync.update().where(where).values(**values)).rowcount == 1


def record_sync(connection: Connection, place: PlaceRef, *, differs: bool, at: datetime) -> None:
    """Record that a place was compared with what we know."""
    status = "differs" if differs else "ok"
    values = {"reason": "", "hint": "", "failures": 0, "next_attempt_at": None}
    _put(connection, place, {"sync_status": status, "last_sync_at": at, **values})


def add_event(
    connection: Connection, place: PlaceRef, event: str, at: datetime, *, content_id: int | None = None,
    remote_id: str = "", detail: str = "",
) -> None:  # fmt: skip
    """Write down what happened at a place."""
    values = {
        "site": place[0],
        "target_name": place[1],
        "event": event,
        "at": at,
        "content_id": content_id,
        "remote_id": remote_id,
    }
    connection.execute(sync_event.insert().values(**values, detail=detail[:500]))


def _put(connection: Connection, place: PlaceRef, values: dict[str, Any]) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(site_sync).values(site=place[0], target_name=place[1], **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["site", "target_name"], set_=values))
