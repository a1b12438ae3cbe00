"""Publishing slots: days x time slots on a site's local clock, as instants in UTC, without blackouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import takewhile
from typing import get_args
from zoneinfo import ZoneInfo

from reconciler.kinds.fields import Weekday
from reconciler.kinds.site import Publishing
from reconciler.schedule.blackouts import ClosedDays, blackout_on, closed_days

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
    return weekly_instants(
        publishing.days, publishing.time_slots, timezone=timezone, after=after, closed=closed_days(publishing)
    )


def next_free_slot(
    publishing: Publishing, timezone: str, *, after: datetime, taken: Collection[datetime]
) -> datetime | None:
    """Return the first slot strictly after an instant that nobody has taken, on a day that is not full; None without any."""
    return next(free_slots(publishing, timezone, after=after, taken=taken), None)


def slots_between(publishing: Publishing, timezone: str, *, start: datetime, end: datetime) -> tuple[datetime, ...]:
    """Return the slots strictly after `start` up to and including `end`."""
    return tuple(takewhile(lambda slot: slot <= end, slots_after(publishing, timezone, after=start)))


def is_slot(publishing: Publishing, timezone: str, *, at: datetime) -> bool:
    """Tell whether an instant is a slot of this schedule."""
    return next(slots_after(publishing, timezone, after=at - datetime.resolution), None) == at


def why_closed(publishing: Publishing, timezone: str, *, at: datetime, taken: Collection[datetime]) -> str:
    """Return why nothing may go out at an instant, whoever chose it: a blackout or a full day; "" when it may."""
    zone = ZoneInfo(timezone)
    day = at.astimezone(zone).date()
    found = blackout_on(closed_days(publishing), day)
    if found is not None:
        return f"{day} is a blackout" + (f": {found.reason}" if found.reason else "")
    cap = publishing.max_per_day
    if cap is not None and sum(item.astimezone(zone).date() == day for item in taken) >= cap:
        return f"{day} has its {cap} {'article' if cap == 1 else 'articles'} already"
    return ""


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

    An article moves when its slot is none any more, when its day became a blackout, and when the day has more articles
    than it may now: then the later ones move. It stays where its slot has come (it is due already, not waiting), and
    where a person chose an instant that never was a slot, unless nothing may go out on that day now. No move goes to a
    slot that anybody holds now, by being `taken` or scheduled, so the moves can be written one by one under a unique
    constraint.
    """
    waiting = [(content_id, slot_at) for content_id, slot_at in scheduled if slot_at > now]
    held = {slot_at for _, slot_at in scheduled}.union(taken)
    settled = held.difference(slot_at for _, slot_at in waiting)
    before, after = _Days(old, old_timezone, settled), _Days(new, new_timezone, settled)
    leaving = [(content_id, slot_at) for content_id, slot_at in waiting if not _stays(slot_at, before, after)]
    staying = held.difference(slot_at for _, slot_at in leaving)
    free = free_slots(new, new_timezone, after=now, taken=held, counted=staying)
    return tuple(Move(content_id, slot_at, next(free, None)) for content_id, slot_at in leaving)


def weekly_instants(
    days: Collection[Weekday],
    times: Collection[str],
    *,
    timezone: str,
    after: datetime,
    closed: tuple[ClosedDays, ...] = (),
) -> Iterator[datetime]:
    """Yield the instants strictly after `after` at which local clocks show one of the times on one of the days.

    What falls on a closed day of the local calendar is left out.
    """
    if not days or not times:
        return
    zone, clocks = ZoneInfo(timezone), sorted(times)
    steps = [timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) for clock in clocks]
    wanted = {WEEKDAYS.index(weekday) for weekday in days}
    latest = after
    # From the day before: a time in a gap at midnight falls on the day after its own.
    day = after.astimezone(zone).date() - _DAY
    try:
        while True:
            shut = blackout_on(closed, day) if closed else None
            midnight = _even_midnight(timezone, day)
            if day.weekday() not in wanted or (shut is not None and midnight is not None):
                instants = []
            elif midnight is not None:
                instants = [midnight + step for step in steps]
            else:
                instants = [local_instant(day, clock, zone=zone) for clock in clocks]
                instants = [at for at in instants if not blackout_on(closed, at.astimezone(zone).date())]
            for instant in instants:
                if instant > latest:  # also drops the second of two times that a gap moves to one instant
                    yield instant
                    latest = instant
            # A long blackout is passed over but for its last day, which a gap at midnight may lead out of.
            day = max(day, shut.last - _DAY if shut else day) + _DAY
    except OverflowError:  # the calendar ends: a blackout without end leaves no slots
        return


def local_instant(day: date, time: str, *, zone: ZoneInfo) -> datetime:
    """Return the UTC instant of a local "HH:MM": in a DST gap the next valid minute, of two the first."""
    local = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=zone)  # fold=0 means the first of two
    # In a gap the way to UTC and back ends at another time. Both sides are in one zone: wall clocks are compared.
    while (instant := local.astimezone(UTC)).astimezone(zone) != local:
        local += _MINUTE
    return instant


class _Days:
    """How many articles each local day has, and whether an instant may have one."""

    def __init__(self, publishing: Publishing, timezone: str, held: Collection[datetime]) -> None:
        self._publishing, self._timezone, self._zone = publishing, timezone, ZoneInfo(timezone)
        self._closed = closed_days(publishing)
        self._counts = Counter(map(self._day, held)) if publishing.max_per_day else Counter[date]()

    def take(self, at: datetime) -> None:
        if self._publishing.max_per_day:
            self._counts[self._day(at)] += 1

    def is_slot(self, at: datetime) -> bool:
        return is_slot(self._publishing, self._timezone, at=at)

    def may_have(self, at: datetime) -> bool:
        day, cap = self._day(at), self._publishing.max_per_day
        return blackout_on(self._closed, day) is None and (cap is None or self._counts[day] < cap)

    def _day(self, at: datetime) -> date:
        return at.astimezone(self._zone).date()


def _stays(at: datetime, before: _Days, after: _Days) -> bool:
    """Tell whether an article keeps its instant, and count it where it does."""
    is_lost = (before.is_slot(at) and not after.is_slot(at)) or (before.may_have(at) and not after.may_have(at))
    before.take(at)
    if not is_lost:
        after.take(at)
    return not is_lost


def free_slots(
    publishing: Publishing, timezone: str, *, after: datetime, taken: Collection[datetime],
    counted: Collection[datetime] | None = None,
) -> Iterator[datetime]:  # fmt: skip
    """Yield the slots after an instant that are not taken, ascending, as many a day as it may have.

    `counted` are the instants that fill their days; without it all that are taken do.
    """
    slots = (slot for slot in slots_after(publishing, timezone, after=after) if slot not in taken)
    cap = publishing.max_per_day
    if cap is None:
        yield from slots
        return
    zone = ZoneInfo(timezone)
    # What lies more than a day back shares no day with what comes.
    recent = (at for at in (taken if counted is None else counted) if at > after - 2 * _DAY)
    counts = Counter(at.astimezone(zone).date() for at in recent)
    for slot in slots:
        day = slot.astimezone(zone).date()
        if counts[day] < cap:
            counts[day] += 1
            yield slot


@lru_cache(maxsize=1 << 16)
def _even_midnight(timezone: str, day: date) -> datetime | None:
    """Return the instant of a day's midnight where its clock shows every time once; None on a day of a change."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(timezone))
    offset = midnight.utcoffset()
    others = (midnight.replace(fold=1), midnight + timedelta(hours=12), midnight + _DAY)
    return midnight.astimezone(UTC) if all(other.utcoffset() == offset for other in others) else None
