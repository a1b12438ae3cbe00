"""The calendar: which article stands in which slot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from reconciler.clock import Clock
from reconciler.operations.context import context_of, load_contexts
from reconciler.store.engine import Database
from reconciler.store.publications import list_calendar


def calendar(
    database: Database, clock: Clock, *, site: str | None, days: int, back: int = 0
) -> tuple[dict[str, Any], ...]:
    """Return the slots of the coming days, and of some days back, each with its article and local time."""
    from zoneinfo import ZoneInfo

    now = clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        if site is not None:
            context_of(contexts, site)
        rows = list_calendar(connection, since=now - timedelta(days=back), until=now + timedelta(days=days), site=site)
    return tuple(
        _entry(row, contexts[str(row["site"])].site.timezone, ZoneInfo) for row in rows if row["site"] in contexts
    )


def _entry(row: Any, timezone: str, zone: Any) -> dict[str, Any]:
    slot_at: datetime = row["slot_at"]
    return {
        "site": row["site"],
        "content": row["content_id"],
        "title": row["title"],
        "state": row["state"],
        "slot_at": slot_at,
        "local": slot_at.astimezone(zone(timezone)),
        "timezone": timezone,
        "url": row["url"],
        "error": row["error"],
        "simulated": bool(row["simulated"]),
    }
