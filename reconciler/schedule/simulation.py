"""What a site's schedule will bring on the days to come: due runs, what they write, and the slots that it fills.

A run writes up to its limit, but no more than the slots of the week after it have room for. So a site that writes faster
than it publishes is in balance from the first day; the fortnight before it is worked out and left away.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise, takewhile
from typing import Literal
from zoneinfo import ZoneInfo

from reconciler.kinds.site import Automation, Publishing
from reconciler.schedule.due import due_after
from reconciler.schedule.slots import free_slots, local_instant

WARM_UP_DAYS = 14
# What a run without a limit writes where no schedule asks for a number.
WITHOUT_LIMIT = 10
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Flow:
    """What decides a site's days: without `automation` no run is due, without `publishing` nothing goes out.

    `articles_a_run` is a run's limit: None is none, 0 writes nothing. An article waits `hold` for its approval.
    """

    timezone: str
    automation: Automation | None
    publishing: Publishing | None
    articles_a_run: int | None
    hold: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Event:
    """A due run with the articles that it writes, or a slot with the one that goes out in it."""

    kind: Literal["run", "slot"]
    at: datetime
    articles: int


@dataclass(slots=True)
class SiteDays:
    """Counts by day, all of one length, and how many articles were written before the first."""

    runs: list[int]
    slots: list[int]
    written: list[int]
    published: list[int]
    written_before: int = 0
    events: list[Event] = field(default_factory=list)


def simulate_site(flow: Flow, *, first_on: date, days: int, with_events: bool = False) -> SiteDays:
    """Return what a site's days from `first_on` on bring, on its own calendar; with what happens when, if asked for."""
    edges = _midnights(flow.timezone, first_on, days)
    begin = local_instant(first_on - timedelta(days=WARM_UP_DAYS), "00:00", zone=ZoneInfo(flow.timezone))
    end = edges[-1] + flow.hold + _WEEK
    slots = () if flow.publishing is None else _slots(flow.publishing, flow.timezone, begin, end)
    queue = _Queue(slots)
    found = SiteDays([0] * days, _count(slots, edges), [0] * days, [])
    for due in _runs(flow, begin, edges[-1]):
        number = _written(flow, queue, due)
        queue.add(due + flow.hold, number)
        day = bisect_right(edges, due) - 1
        if day < 0:
            found.written_before += number
            continue
        found.runs[day] += 1
        found.written[day] += number
        if with_events:
            found.events.append(Event("run", due, number))
    found.published = _count(queue.filled, edges)
    if with_events:
        found.events += [Event("slot", slot, 1) for slot in queue.filled if edges[0] <= slot < edges[-1]]
        found.events.sort(key=lambda event: (event.at, event.kind))
    return found


class _Queue:
    """Approved articles in slots: each takes the next that is free, so that the last one taken says which are."""

    def __init__(self, slots: tuple[datetime, ...]) -> None:
        self._slots = slots
        self._next = 0
        self.filled: list[datetime] = []

    def room(self, after: datetime) -> int:
        """Return how many slots of the week after an instant are free."""
        free = max(self._next, bisect_right(self._slots, after))
        return max(0, bisect_right(self._slots, after + _WEEK) - free)

    def add(self, approved_at: datetime, number: int) -> None:
        """Give so many articles the next free slots after their approval."""
        begin = max(self._next, bisect_right(self._slots, approved_at))
        self._next = max(self._next, min(begin + number, len(self._slots))) if number else self._next
        self.filled.extend(self._slots[begin : begin + number])


def _written(flow: Flow, queue: _Queue, due: datetime) -> int:
    """Return how many articles a run writes."""
    limit = flow.articles_a_run
    if flow.publishing is None:
        return WITHOUT_LIMIT if limit is None else limit
    room = queue.room(due + flow.hold)
    return room if limit is None else min(limit, room)


def _runs(flow: Flow, begin: datetime, end: datetime) -> Iterator[datetime]:
    if flow.automation is None:
        return
    before = begin - datetime.resolution
    yield from takewhile(lambda due: due < end, due_after(flow.automation, flow.timezone, after=before))


@lru_cache(maxsize=256)  # many sites of an account have one schedule
def _slots(publishing: Publishing, timezone: str, begin: datetime, end: datetime) -> tuple[datetime, ...]:
    slots = free_slots(publishing, timezone, after=begin - datetime.resolution, taken=())
    return tuple(takewhile(lambda slot: slot < end, slots))


def _count(instants: Sequence[datetime], edges: Sequence[datetime]) -> list[int]:
    """Return how many of the instants, which ascend, lie between each edge and the next."""
    places = [bisect_left(instants, edge) for edge in edges]
    return [after - before for before, after in pairwise(places)]


@lru_cache(maxsize=1024)
def _midnights(timezone: str, first_on: date, days: int) -> tuple[datetime, ...]:
    """Return the beginnings of days on a site's calendar, and the end of the last."""
    zone = ZoneInfo(timezone)
    return tuple(local_instant(first_on + timedelta(days=day), "00:00", zone=zone) for day in range(days + 1))
