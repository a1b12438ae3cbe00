"""How sites were found: whether they can be published to, when they were compared last, and what happened there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.pipeline.port import Row
from reconciler.store.statements import find_rows, insert_row, run, updating
from reconciler.store.tables import publication, site_sync, sync_event

_ALL = sa.select(site_sync)
_ANNOUNCED = ("announced", "not_announced")

# A site and the name of its further place, "" for its own.
PlaceRef = tuple[str, str]


def load_site_syncs(connection: Connection) -> dict[PlaceRef, Row]:
    """Return how each place was found last; one that nobody went to has none."""
    return {(row["site"], row["target_name"]): row for row in find_rows(connection, _ALL, {})}


def stop_site(
    connection: Connection, place: PlaceRef, *, reason: str, hint: str, failures: int, next_attempt_at: datetime
) -> None:
    """Leave a place alone until an instant."""
    values = {"reason": reason[:500], "hint": hint[:500], "failures": failures, "next_attempt_at": next_attempt_at}
    _put(connection, place, {"sync_status": "stopped", **values})


def resume_site(connection: Connection, place: PlaceRef) -> bool:
    """Record that a place can be published to; True when it could not before."""
    stopped = {"site": place[0], "target_name": place[1], "sync_status": "stopped"}
    values = {"sync_status": "ok", "reason": "", "hint": "", "failures": 0, "next_attempt_at": None}
    return run(connection, *updating(site_sync, stopped, values)).rowcount == 1


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
        "detail": detail[:500],
    }
    insert_row(connection, sync_event, values)


def pages_to_announce(connection: Connection, site: str, *, since: datetime) -> tuple[tuple[str, ...], int]:
    """Return the addresses of what became public, or was changed, and was announced to nobody yet; and the last such event.

    Samples and copies are left out, and what is not public any more.
    """
    own = sa.and_(sync_event.c.site == site, sync_event.c.target_name == "")
    last = sa.select(sync_event.c.id, sync_event.c.remote_id).where(own, sync_event.c.event.in_(_ANNOUNCED))
    told = connection.execute(last.order_by(sync_event.c.id.desc()).limit(1)).one_or_none()
    up_to = int(told.remote_id or told.id) if told is not None else 0
    public = sa.and_(publication.c.state == "published", publication.c.simulated.is_(sa.false()))
    statement = (
        sa.select(publication.c.url, sa.func.max(sync_event.c.id).label("event_id"))
        .join(publication, publication.c.content_id == sync_event.c.content_id)
        .where(own, sync_event.c.id > up_to, sync_event.c.event.in_(("published", "updated")), sync_event.c.at > since)
        .where(public)
        .group_by(publication.c.url)
        .order_by(sa.func.min(sync_event.c.id))
    )
    rows = connection.execute(statement).all()
    return tuple(row.url for row in rows), max((int(row.event_id) for row in rows), default=0)


def record_announcements(
    connection: Connection, site: str, ends: Sequence[tuple[str, str]], at: datetime, *, up_to: int
) -> None:  # fmt: skip
    """Write down what became of announcements. They were of the events up to this one: meanwhile others may have come."""
    for event, detail in ends:
        add_event(connection, (site, ""), event, at, remote_id=str(up_to), detail=detail)


def _put(connection: Connection, place: PlaceRef, values: dict[str, Any]) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(site_sync).values(site=place[0], target_name=place[1], **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["site", "target_name"], set_=values))
