"""Publishing slots: days x time slots on a site's local clock, as instants in UTC."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile
from typing import get_args
from zoneinfo import ZoneInfo

from reconciler.kinds.fields import Weekday
from reconciler.kinds.site import Publishing

WEEKDAYS: tuple[Weekday, ...] = get_args(Weekday)  # Monday first, as date.weekday() counts

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Move:
    """A scheduled article that changes its slot; `to_at` is None where the new schedule has no slots at all."""

    content_id: str
    from_at: datetime
    to_at: datetime | None


def slots_after(publishing: Publishing, timezone: str, *, after: datetime) -> Iterator[datetime]:
    """Yield the slots strictly after an instant, ascending and without end; nothing without days or slots."""
    return weekly_instants(publishing.days, publishing.time_slots, timezone=timezone, after=after)


def next_free_slot(
    publishing: Publishing, timezone: str, *, after: datetime, taken: Container[datetime]
) -> datetime | None:
    """Return the first slot strictly after an instant that nobody has taken; None without days or slots."""
    return next((slot for slot in slots_after(publishing, timezone, after=after) if slot not in taken), None)


def slots_between(publishing: Publishing, timezone: str, *, start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Return the slots strictly after `start` up to and including `end`."""
    return tuple(takewhile(lambda slot: slot <= end, slots_after(publishing, timezone, after=start)))


def is_slot(publishing: Publishing, timezone: str, *, at: datetime) -> bool:
    """Tell whether an instant is a slot of this schedule."""
    return next(slots_after(publishing, timezone, after=at - datetime.resolution), None) == at


def moved_slots(
    scheduled: Sequence[tuple[str, datetime]],
    *,
    old: Publishing,
    old_timezone: str,
    new: Publishing,
    new_timezone: str,
    now: datetime,
    taken: Collection[datetime] = (),
) -> tuple[Move, ...]:
    """Return the moves a change of schedule asks for: (id, slot) pairs in, in the order in which slots are given out.

    An article stays where its slot is still a slot, where a person chose an instant that never was one, and where
    its slot has come (it is due already, not waiting). No move goes to a slot that anybody holds now, by being `taken`
    or scheduled, so the moves can be written one by one under a unique constraint.
    """
    held = {slot_at for _, slot_at in scheduled}.union(taken)
    free = (slot for slot in slots_after(new, new_timezone, after=now) if slot not in held)
    return tuple(
        Move(content_id, slot_at, next(free, None))
        for content_id, slot_at in scheduled
        if slot_at > now and is_slot(old, old_timezone, at=slot_at) and not is_slot(new, new_timezone, at=slot_at)
    )


def weekly_instants(
    days: Collection[Weekday], times: Collection[str], *, timezone: str, after: datetime
) -> Iterator[datetime]:
    """Yield the instants strictly after `after` at which local clocks show one of the times on one of the days."""
    if not days or not times:
        return
    zone = ZoneInfo(timezone)
    latest = after
    # From the day before: a time in a gap at midnight falls on the day after its own.
    for day in _days_from(after.astimezone(zone).date() - _DAY, days):
        for time in sorted(times):
            instant = local_instant(day, time, zone=zone)
            if instant > latest:  # also drops the second of two times that a gap moves to one instant
                yield instant
                latest = instant


def local_instant(day: date, time: str, *, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of a local "HH:MM": in a DST gap the next valid minute, of two the first."""
    local = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=zone)  # fold=0 means the first of two
    # In a gap the way to UTC and back ends at another time. Both sides are in one zone: wall clocks are compared.
    while (instant := local.astimezone(UTC)).astimezone(zone) != local:
        local += _MINUTE
    return instant


def _days_from(day: date, weekdays: Collection[Weekday]) -> Iterator[date]:
    wanted = {WEEKDAYS.index(weekday) for weekday in weekdays}
    while True:
        if day.weekday() in wanted:
            yield day
        day += _DAY
