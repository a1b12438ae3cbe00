"""Blackouts: days of a site's calendar on which nothing goes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from reconciler.kinds.site import Blackout, Publishing


@dataclass(frozen=True, slots=True)
class ClosedDays:
    """A range of days, both ends included, and why."""

    first: date
    last: date
    reason: str = ""


def closed_days(publishing: Publishing) -> tuple[ClosedDays, ...]:
    """Return the blackouts of a schedule by their first day; a range that ends before it starts closes nothing."""
    return _closed_days(publishing.blackouts or ())


def blackout_on(closed: tuple[ClosedDays, ...], day: date) -> ClosedDays | None:
    """Return the blackout that closes a day, or None when it is open."""
    for item in closed:
        if item.first > day:
            return None
        if day <= item.last:
            return item
    return None


@lru_cache(maxsize=4096)
def _closed_days(blackouts: tuple[str | Blackout, ...]) -> tuple[ClosedDays, ...]:
    found = []
    for written in blackouts:
        item = Blackout(starts_on=written) if isinstance(written, str) else written
        first, last = date.fromisoformat(item.starts_on), date.fromisoformat(item.ends_on or item.starts_on)
        found.append(ClosedDays(first, last, item.reason or ""))
    return tuple(sorted(found, key=lambda item: (item.first, item.last)))
