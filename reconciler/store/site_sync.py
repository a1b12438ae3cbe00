"""How sites were found: whether they can be published to, when they were compared last, and what happened there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.pipeline.port import Row
from reconciler.store.tables import site_sync, sync_event


def load_site_syncs(connection: Connection) -> dict[str, Row]:
    """Return how each site was found last, by name; a site that nobody went to has none."""
    return {row.site: row._asdict() for row in connection.execute(sa.select(site_sync))}


def stop_site(
    connection: Connection, site: str, *, reason: str, hint: str, failures: int, next_attempt_at: datetime
) -> None:
    """Leave a site alone until an instant."""
    values = {"reason": reason[:500], "hint": hint[:500], "failures": failures, "next_attempt_at": next_attempt_at}
    _put(connection, site, {"sync_status": "stopped", **values})


def resume_site(connection: Connection, site: str) -> bool:
    """Record that a site can be published to; True when it could not before."""
    where = sa.and_(site_sync.c.site == site, site_sync.c.sync_status == "stopped")
    values = {"sync_status": "ok", "reason": "", "hint": "", "failures": 0, "next_attempt_at": None}
    return connection.execute(site_sync.update().where(where).values(**values)).rowcount == 1


def record_sync(connection: Connection, site: str, *, differs: bool, at: datetime) -> None:
    """Record that a site was compared with what we know."""
    status = "differs" if differs else "ok"
    values = {"reason": "", "hint": "", "failures": 0, "next_attempt_at": None}
    _put(connection, site, {"sync_status": status, "last_sync_at": at, **values})


def add_event(
    connection: Connection, site: str, event: str, at: datetime, *, content_id: int | None = None, remote_id: str = "",
    detail: str = "",
) -> None:  # fmt: skip
    """Write down what happened at a site."""
    values = {"site": site, "event": event, "at": at, "content_id": content_id, "remote_id": remote_id}
    connection.execute(sync_event.insert().values(**values, detail=detail[:500]))


def _put(connection: Connection, site: str, values: dict[str, Any]) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(site_sync).values(site=site, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["site"], set_=values))
