"""The calendar: which article stands in which slot, which slots are empty, and which days are closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo

from reconciler.clock import Clock
from reconciler.operations.context import context_of, load_contexts
from reconciler.pipeline.port import SiteContext
from reconciler.schedule.blackouts import blackout_on, closed_days
from reconciler.schedule.slots import free_slots
from reconciler.store.engine import Database
from reconciler.store.publications import list_calendar
from reconciler.store.resources import first_applied

# What a slot can be; `missed` has an article whose time has passed and which is not public.
STATES = ("scheduled", "publishing", "published", "failed", "withdrawn", "missed", "empty")
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Closed:
    """A day of a site on which nothing goes out, and why."""

    site: str
    on: date
    reason: str


@dataclass(frozen=True, slots=True)
class Calendar:
    """Slots in order, each with its article or without one, and the closed days among them."""

    entries: tuple[dict[str, Any], ...]
    closed: tuple[Closed, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many slots there are of each state that occurs."""
        states = [entry["state"] for entry in self.entries]
        return {state: states.count(state) for state in STATES if state in states}


def calendar(
    database: Database, clock: Clock, *, site: str | None, days: int, back: int = 0, with_empty: bool = False
) -> Calendar:
    """Return the slots of the coming days, and of some days back, each with its article and local time."""
    now = clock.now()
    since, until = now - timedelta(days=back), now + timedelta(days=days)
    # Whether a day is full is told by all of its articles, also by those just outside of the time asked for.
    contexts, rows, begun = _load(database, site, since - 2 * _DAY, until + 2 * _DAY)
    entries = [_entry(row, contexts[str(row["site"])], now) for row in rows if since <= row["slot_at"] <= until]
    if with_empty:
        for name, context in contexts.items():
            held = {row["slot_at"] for row in rows if row["site"] == name}
            entries += _empty(context, max(since, begun[name]), until, held)
    return Calendar(_in_order(entries))


def month_calendar(database: Database, clock: Clock, *, site: str | None, year: int, month: int) -> Calendar:
    """Return the slots of a month on each site's own calendar, empty ones too, and its closed days."""
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC) - 2 * _DAY
    until = datetime(after.year, after.month, after.day, tzinfo=UTC) + 2 * _DAY
    contexts, rows, begun = _load(database, site, since, until)
    now = clock.now()
    entries = [_entry(row, contexts[str(row["site"])], now) for row in rows]
    closed: list[Closed] = []
    for name, context in sorted(contexts.items()):
        held = {row["slot_at"] for row in rows if row["site"] == name}
        entries += _empty(context, max(since, begun[name]), until, held)
        found = closed_days(context.site.publishing)
        for index in range((after - first).days if found else 0):
            shut = blackout_on(found, first + index * _DAY)
            if shut is not None:
                closed.append(Closed(name, first + index * _DAY, shut.reason))
    return Calendar(_in_order(entry for entry in entries if first <= entry["local"].date() < after), tuple(closed))


def _load(
    database: Database, site: str | None, since: datetime, until: datetime
) -> tuple[dict[str, SiteContext], list[Mapping[str, Any]], dict[str, datetime]]:
    """Return the sites, what stands in their slots, and since when each site is managed here: before, no slot was empty."""
    with database.read() as connection:
        contexts = load_contexts(connection)
        if site is not None:
            contexts = {site: context_of(contexts, site)}
        rows = list_calendar(connection, since=since, until=until, site=site)
        begun = first_applied(connection, "site")
    return contexts, [row for row in rows if row["site"] in contexts], begun


def _in_order(entries: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    return tuple(sorted(entries, key=lambda entry: (entry["slot_at"], entry["site"])))


def _empty(context: SiteContext, since: datetime, until: datetime, held: set[datetime]) -> Iterable[dict[str, Any]]:
    """Yield the slots that nobody has; a day that has all the articles that it may have has none left."""
    site = context.site
    if not site.publishing.auto_publish:
        return
    free = free_slots(site.publishing, site.timezone, after=since, taken=held)
    for slot in takewhile(lambda slot: slot <= until, free):
        yield _slot(site.name, site.timezone, slot, "empty")


def _entry(row: Mapping[str, Any], context: SiteContext, now: datetime) -> dict[str, Any]:
    is_missed = row["state"] in ("scheduled", "publishing") and row["slot_at"] < now
    entry = _slot(str(row["site"]), context.site.timezone, row["slot_at"], "missed" if is_missed else row["state"])
    return entry | {
        "content": row["content_id"],
        "title": row["title"],
        "url": row["url"],
        "error": row["error"],
        "simulated": bool(row["simulated"]),
    }


def _slot(site: str, timezone: str, slot_at: datetime, state: str) -> dict[str, Any]:
    return {
        "site": site,
        "content": None,
        "title": "",
        "state": state,
        "slot_at": slot_at,
        "local": slot_at.astimezone(ZoneInfo(timezone)),
        "timezone": timezone,
        "url": "",
        "error": "",
        "simulated": False,
    }
