"""Publishing slots: what the domain promises, changes of the clock, and what holds for every schedule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.site import Blackout, Publishing
from reconciler.schedule.slots import (
    WEEKDAYS,
    Move,
    is_slot,
    local_instant,
    moved_slots,
    next_free_slot,
    slots_after,
    slots_between,
    why_closed,
)

DEFAULT = Publishing()
WEDNESDAY_1030 = datetime(2026, 3, 4, 10, 30, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Scoresbysund",
    "Australia/Lord_Howe",
    "Asia/Tokyo",
    "Pacific/Apia",
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def first_slots(publishing: Publishing, timezone: str, after: datetime, count: int) -> list[datetime]:
    return list(islice(slots_after(publishing, timezone, after=after), count))


# --- the domain's own examples


def test_approved_on_wednesday_1030_goes_out_on_wednesday_1400() -> None:
    """The next slot of the same day is taken first."""
    assert next_free_slot(DEFAULT, "UTC", after=WEDNESDAY_1030, taken=()) == utc("2026-03-04 14:00")


def test_a_full_today_means_the_next_publishing_day() -> None:
    """With 14:00 and 18:00 taken, Wednesday's article waits for Thursday's first slot."""
    taken = {utc("2026-03-04 14:00"), utc("2026-03-04 18:00")}
    assert next_free_slot(DEFAULT, "UTC", after=WEDNESDAY_1030, taken=taken) == utc("2026-03-05 09:00")


def test_after_fridays_last_slot_comes_monday() -> None:
    """Days without publishing are passed over."""
    assert next_free_slot(DEFAULT, "UTC", after=utc("2026-03-06 18:00"), taken=()) == utc("2026-03-09 09:00")


def test_a_slot_at_this_very_instant_is_past() -> None:
    """Slots lie strictly after the instant given."""
    assert first_slots(DEFAULT, "UTC", utc("2026-03-04 09:00"), 1) == [utc("2026-03-04 14:00")]


def test_slots_follow_the_sites_own_clock() -> None:
    """Nine o'clock in Tokyo is midnight in UTC, the year round."""
    publishing = Publishing(days=("mon",), time_slots=("09:00",))
    assert first_slots(publishing, "Asia/Tokyo", utc("2026-03-01 00:00"), 2) == [
        utc("2026-03-02 00:00"),
        utc("2026-03-09 00:00"),
    ]


def test_times_out_of_order_or_twice_make_each_slot_once() -> None:
    """The order in which people write days and times does not matter."""
    publishing = Publishing(days=("wed", "mon", "wed"), time_slots=("18:00", "09:00", "18:00"))
    assert first_slots(publishing, "UTC", utc("2026-03-02 00:00"), 4) == [
        utc("2026-03-02 09:00"),
        utc("2026-03-02 18:00"),
        utc("2026-03-04 09:00"),
        utc("2026-03-04 18:00"),
    ]


@pytest.mark.parametrize("publishing", [Publishing(days=()), Publishing(time_slots=())])
def test_without_days_or_times_there_are_no_slots(publishing: Publishing) -> None:
    """An empty schedule ends at once instead of searching for ever."""
    assert list(slots_after(publishing, "UTC", after=WEDNESDAY_1030)) == []
    assert next_free_slot(publishing, "UTC", after=WEDNESDAY_1030, taken=()) is None
    assert slots_between(publishing, "UTC", start=WEDNESDAY_1030, end=utc("2027-01-01 00:00")) == ()


def test_a_range_excludes_its_start_and_includes_its_end() -> None:
    """Ranges that follow each other neither share nor lose a slot."""
    start, end = utc("2026-03-04 09:00"), utc("2026-03-04 18:00")
    assert slots_between(DEFAULT, "UTC", start=start, end=end) == (utc("2026-03-04 14:00"), end)
    assert slots_between(DEFAULT, "UTC", start=end, end=start) == ()


def test_the_leap_day_is_a_day() -> None:
    """29 February 2028, a Tuesday, has its slots."""
    publishing = Publishing(days=("tue",), time_slots=("09:00",))
    assert first_slots(publishing, "Europe/Berlin", utc("2028-02-23 00:00"), 2) == [
        utc("2028-02-29 08:00"),
        utc("2028-03-07 08:00"),
    ]


# --- changes of the clock


@pytest.mark.parametrize(
    ("zone", "day", "time", "instant"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "01:59", "2026-03-29 00:59"),
        ("Europe/Berlin", date(2026, 3, 29), "02:00", "2026-03-29 01:00"),
        ("Europe/Berlin", date(2026, 3, 29), "02:30", "2026-03-29 01:00"),
        ("Europe/Berlin", date(2026, 3, 29), "03:00", "2026-03-29 01:00"),
        ("Europe/Berlin", date(2026, 3, 29), "03:01", "2026-03-29 01:01"),
        ("Europe/Berlin", date(2026, 10, 25), "02:30", "2026-10-25 00:30"),
        ("Europe/Berlin", date(2026, 10, 25), "03:00", "2026-10-25 02:00"),
        ("America/New_York", date(2026, 3, 8), "02:30", "2026-03-08 07:00"),
        ("America/New_York", date(2026, 11, 1), "01:30", "2026-11-01 05:30"),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:15", "2026-10-03 15:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "01:45", "2026-04-04 14:45"),
        ("Asia/Tokyo", date(2026, 3, 29), "02:30", "2026-03-28 17:30"),
        ("America/Scoresbysund", date(2026, 3, 28), "23:30", "2026-03-29 01:00"),
        ("Pacific/Apia", date(2011, 12, 30), "09:00", "2011-12-30 10:00"),
    ],
)
def test_a_missing_time_moves_on_and_a_double_one_means_the_first(
    zone: str, day: date, time: str, instant: str
) -> None:
    """A gap gives its first valid minute, however long it is; an overlap gives the earlier instant."""
    assert local_instant(day, time, zone=ZoneInfo(zone)) == utc(instant)


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2026, 3, 29)),
        ("Europe/Berlin", date(2026, 10, 25)),
        ("America/New_York", date(2026, 3, 8)),
        ("America/New_York", date(2026, 11, 1)),
        ("Australia/Lord_Howe", date(2026, 10, 4)),
        ("Australia/Lord_Howe", date(2026, 4, 5)),
        ("America/Scoresbysund", date(2026, 3, 28)),
        ("Asia/Tokyo", date(2026, 3, 29)),
    ],
)
def test_a_local_time_is_the_first_minute_at_which_the_wall_clock_has_reached_it(zone: str, day: date) -> None:
    """Somebody who watches the clock on the wall, minute by minute, finds the same instants."""
    watched = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=1)
    for hour in range(24):
        for minute in (0, 15, 30, 45):
            wanted = f"{day}T{hour:02}:{minute:02}"
            while watched.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M") < wanted:
                watched += timedelta(minutes=1)
            assert local_instant(day, f"{hour:02}:{minute:02}", zone=ZoneInfo(zone)) == watched


def test_two_slots_that_a_gap_moves_together_are_one() -> None:
    """02:15, 02:45 and 03:00 are one slot on the night on which Berlin's clocks go forward."""
    publishing = Publishing(days=("sun",), time_slots=("02:15", "02:45", "03:00", "03:15"))
    assert first_slots(publishing, "Europe/Berlin", utc("2026-03-28 12:00"), 3) == [
        utc("2026-03-29 01:00"),
        utc("2026-03-29 01:15"),
        utc("2026-04-05 00:15"),
    ]


def test_a_gap_at_midnight_moves_a_slot_into_the_day_after() -> None:
    """Saturday 23:30 and Sunday 00:00 are one slot when the clock skips Saturday's last hour."""
    publishing = Publishing(days=("sat", "sun"), time_slots=("00:00", "23:30"))
    slots = first_slots(publishing, "America/Scoresbysund", utc("2026-03-28 12:00"), 2)
    assert slots == [utc("2026-03-29 01:00"), utc("2026-03-30 00:30")]
    assert first_slots(publishing, "America/Scoresbysund", utc("2026-03-29 00:59"), 2) == slots


# --- a change of the schedule


def test_articles_on_a_slot_that_is_gone_move_in_their_old_order() -> None:
    """Dropping 14:00 moves two articles to the next slots that nobody holds; the others stay."""
    scheduled = [
        ("a", utc("2026-03-04 14:00")),
        ("b", utc("2026-03-04 18:00")),
        ("c", utc("2026-03-05 09:00")),
        ("d", utc("2026-03-05 14:00")),
    ]
    moves = moved_slots(
        scheduled,
        old=DEFAULT,
        old_timezone="UTC",
        new=Publishing(time_slots=("09:00", "18:00")),
        new_timezone="UTC",
        now=WEDNESDAY_1030,
    )
    assert moves == (
        Move("a", utc("2026-03-04 14:00"), utc("2026-03-05 18:00")),
        Move("d", utc("2026-03-05 14:00"), utc("2026-03-06 09:00")),
    )


def test_a_new_timezone_moves_the_articles() -> None:
    """The same wall-clock times in another zone are other instants."""
    scheduled = [("a", utc("2026-03-04 14:00")), ("b", utc("2026-03-04 18:00"))]
    moves = moved_slots(
        scheduled, old=DEFAULT, old_timezone="UTC", new=DEFAULT, new_timezone="Europe/Berlin", now=WEDNESDAY_1030
    )
    assert [move.to_at for move in moves] == [utc("2026-03-04 13:00"), utc("2026-03-04 17:00")]


def test_what_is_due_already_and_what_a_person_chose_stay() -> None:
    """Late articles are owed now, and an instant that never was a slot was somebody's wish."""
    scheduled = [("late", utc("2026-03-04 09:00")), ("chosen", utc("2026-03-04 16:20"))]
    new = Publishing(time_slots=("10:00",))
    now = WEDNESDAY_1030
    assert moved_slots(scheduled, old=DEFAULT, old_timezone="UTC", new=new, new_timezone="UTC", now=now) == ()


def test_a_schedule_without_slots_leaves_nowhere_to_go() -> None:
    """The move says so instead of inventing a slot."""
    slot = utc("2026-03-04 14:00")
    moves = moved_slots(
        [("a", slot)],
        old=DEFAULT,
        old_timezone="UTC",
        new=Publishing(time_slots=()),
        new_timezone="UTC",
        now=WEDNESDAY_1030,
    )
    assert moves == (Move("a", slot, None),)


# --- blackouts and full days


def test_a_blackout_has_no_slots_and_the_days_around_it_have() -> None:
    """Christmas on a Friday: after Wednesday's and Thursday's slots comes Monday's first."""
    christmas = Blackout(starts_on="2026-12-24", ends_on="2026-12-26", reason="Christmas")
    publishing = Publishing(time_slots=("09:00",), blackouts=(christmas, "2026-12-29"))
    assert first_slots(publishing, "UTC", utc("2026-12-23 08:00"), 3) == [
        utc("2026-12-23 09:00"),
        utc("2026-12-28 09:00"),
        utc("2026-12-30 09:00"),
    ]


def test_a_blackout_is_a_day_of_the_sites_calendar() -> None:
    """25 December in Tokyo ends at 15:00 UTC."""
    publishing = Publishing(time_slots=("00:30", "23:30"), blackouts=("2026-12-25",))
    assert first_slots(publishing, "Asia/Tokyo", utc("2026-12-24 14:00"), 2) == [
        utc("2026-12-24 14:30"),
        utc("2026-12-27 15:30"),
    ]


def test_a_blackout_without_end_leaves_no_slots() -> None:
    """The search ends at the end of the calendar, at once."""
    publishing = Publishing(blackouts=(Blackout(starts_on="2026-01-01", ends_on="9999-12-31"),))
    assert next_free_slot(publishing, "Europe/Berlin", after=WEDNESDAY_1030, taken=()) is None


def test_a_full_day_gives_no_more_slots() -> None:
    """With two a day at most, the third article of Wednesday goes out on Thursday; what is public counts too."""
    publishing = Publishing(max_per_day=2)
    taken = {utc("2026-03-04 09:00"), utc("2026-03-04 14:00")}
    assert next_free_slot(publishing, "UTC", after=WEDNESDAY_1030, taken=taken) == utc("2026-03-05 09:00")


def test_a_new_blackout_moves_its_articles_also_what_a_person_chose() -> None:
    """An instant that somebody chose was no slot, but nothing may go out on that day."""
    scheduled = [
        ("slot", utc("2026-03-05 09:00")),
        ("chosen", utc("2026-03-05 11:11")),
        ("stays", utc("2026-03-06 09:00")),
    ]
    new = Publishing(blackouts=("2026-03-05",))
    moves = moved_slots(scheduled, old=DEFAULT, old_timezone="UTC", new=new, new_timezone="UTC", now=WEDNESDAY_1030)
    assert moves == (
        Move("slot", utc("2026-03-05 09:00"), utc("2026-03-04 14:00")),
        Move("chosen", utc("2026-03-05 11:11"), utc("2026-03-04 18:00")),
    )


def test_a_lower_cap_moves_the_later_articles_of_a_day() -> None:
    """One a day: what is public today fills today, and of tomorrow's three the first stays."""
    scheduled = [
        ("today", utc("2026-03-04 14:00")),
        *((f"tomorrow-{hour}", utc(f"2026-03-05 {hour}:00")) for hour in ("09", "14", "18")),
    ]
    moves = moved_slots(
        scheduled, old=DEFAULT, old_timezone="UTC", new=Publishing(max_per_day=1), new_timezone="UTC",
        now=WEDNESDAY_1030, taken={utc("2026-03-04 09:00")},
    )  # fmt: skip
    assert [(move.content_id, move.to_at) for move in moves] == [
        ("today", utc("2026-03-06 09:00")),
        ("tomorrow-14", utc("2026-03-09 09:00")),
        ("tomorrow-18", utc("2026-03-10 09:00")),
    ]


def test_a_closed_day_tells_why() -> None:
    """The reason of a blackout, or the number of articles that the day has."""
    publishing = Publishing(max_per_day=1, blackouts=(Blackout(starts_on="2026-12-25", reason="Christmas"),))
    taken = {utc("2026-12-28 10:00")}
    at = [utc(f"2026-12-{day} 09:00") for day in (25, 28, 29)]
    assert [why_closed(publishing, "UTC", at=instant, taken=taken) for instant in at] == [
        "2026-12-25 is a blackout: Christmas",
        "2026-12-28 has its 1 article already",
        "",
    ]


# --- what holds for every schedule

TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
PUBLISHING = st.builds(
    Publishing,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=8).map(tuple),
    time_slots=st.lists(TIMES | st.sampled_from(["00:00", "01:30", "02:00", "02:15", "02:30", "23:30"]), min_size=1)
    .map(lambda times: times[:6])
    .map(tuple),
)
DATES = st.dates(date(2026, 3, 1), date(2026, 4, 15)).map(str)
BLACKOUTS = st.lists(
    DATES
    | st.builds(
        lambda first, length: Blackout(
            starts_on=first, ends_on=str(date.fromisoformat(first) + timedelta(days=length))
        ),
        DATES,
        st.integers(0, 5),
    ),
    max_size=6,
).map(tuple)
LIMITED = st.builds(
    lambda publishing, blackouts, cap: publishing.model_copy(update={"blackouts": blackouts, "max_per_day": cap}),
    PUBLISHING,
    BLACKOUTS,
    st.none() | st.integers(1, 4),
)
SPRING = st.datetimes(datetime(2026, 2, 27), datetime(2026, 4, 10), timezones=st.just(UTC))  # noqa: DTZ001
CLOCK_CHANGES = (
    "2026-03-29 01:00",
    "2026-10-25 01:00",
    "2026-03-08 07:00",
    "2026-11-01 06:00",
    "2026-10-03 15:30",
    "2026-04-04 15:00",
    "2011-12-30 10:00",
)
INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)) | st.builds(  # noqa: DTZ001
    lambda change, minutes: utc(change) + timedelta(minutes=minutes),
    st.sampled_from(CLOCK_CHANGES),
    st.integers(-3000, 3000),
)
TIMEZONES = st.sampled_from(ZONES)


@settings(deadline=None)
@given(PUBLISHING, TIMEZONES, INSTANTS)
def test_slots_ascend_strictly_and_lie_after(publishing: Publishing, timezone: str, after: datetime) -> None:
    """No slot comes twice, none comes early, and each is one by itself."""
    slots = first_slots(publishing, timezone, after, 20)
    assert all(earlier < later for earlier, later in zip([after, *slots], slots, strict=False))
    assert all(is_slot(publishing, timezone, at=slot) for slot in slots)


@settings(deadline=None)
@given(PUBLISHING, TIMEZONES, INSTANTS, st.integers(0, 19))
def test_slots_do_not_depend_on_where_one_starts(
    publishing: Publishing, timezone: str, after: datetime, skipped: int
) -> None:
    """Starting from any slot goes on with the same slots."""
    slots = first_slots(publishing, timezone, after, 25)
    assert first_slots(publishing, timezone, slots[skipped], 24 - skipped) == slots[skipped + 1 :]
    assert slots_between(publishing, timezone, start=after, end=slots[skipped]) == tuple(slots[: skipped + 1])


@settings(deadline=None)
@given(PUBLISHING, TIMEZONES, INSTANTS, st.sets(st.integers(0, 11)))
def test_the_next_free_slot_is_the_first_that_is_not_taken(
    publishing: Publishing, timezone: str, after: datetime, taken_places: set[int]
) -> None:
    """It is a slot, it is free, and every slot before it is taken."""
    slots = first_slots(publishing, timezone, after, 13)
    taken = {slots[place] for place in taken_places}
    free = next_free_slot(publishing, timezone, after=after, taken=taken)
    assert free == next(slot for slot in slots if slot not in taken)


def schedule_articles(publishing: Publishing, timezone: str, now: datetime, gaps: list[int]) -> Iterator[datetime]:
    slots = first_slots(publishing, timezone, now - timedelta(days=3), 40)
    place = 0
    for gap in gaps:
        place += gap
        yield slots[place]


@settings(deadline=None)
@given(PUBLISHING, TIMEZONES, PUBLISHING, TIMEZONES, INSTANTS, st.lists(st.integers(1, 3), max_size=12))
def test_after_a_change_nobody_shares_a_slot_and_the_unaffected_stay(
    old: Publishing, old_timezone: str, new: Publishing, new_timezone: str, now: datetime, gaps: list[int]
) -> None:
    """Whatever changes: only orphans move, in order, to new slots after now that nobody holds."""
    slots = list(schedule_articles(old, old_timezone, now, gaps))
    scheduled = [(f"article-{place}", slot) for place, slot in enumerate(slots)]
    moves = moved_slots(scheduled, old=old, old_timezone=old_timezone, new=new, new_timezone=new_timezone, now=now)

    assert [(move.content_id, move.from_at) for move in moves] == [
        (content_id, slot) for content_id, slot in scheduled if slot > now and not is_slot(new, new_timezone, at=slot)
    ]
    to = [move.to_at for move in moves if move.to_at is not None]
    assert len(to) == len(moves)
    assert to == sorted(set(to))
    assert not set(to) & set(slots)
    assert all(slot > now and is_slot(new, new_timezone, at=slot) for slot in to)


@settings(deadline=None)
@given(PUBLISHING, TIMEZONES, INSTANTS, st.lists(st.integers(1, 3), max_size=12))
def test_without_a_change_nothing_moves(publishing: Publishing, timezone: str, now: datetime, gaps: list[int]) -> None:
    """Planning the same schedule again plans no moves."""
    scheduled = [("article", slot) for slot in schedule_articles(publishing, timezone, now, gaps)]
    assert (
        moved_slots(scheduled, old=publishing, old_timezone=timezone, new=publishing, new_timezone=timezone, now=now)
        == ()
    )


def local_days(slots: list[datetime], timezone: str) -> list[date]:
    return [slot.astimezone(ZoneInfo(timezone)).date() for slot in slots]


def is_blackout(publishing: Publishing, day: date) -> bool:
    """Read the blackouts as a person does, one by one."""
    for item in publishing.blackouts or ():
        first, last = (item, item) if isinstance(item, str) else (item.starts_on, item.ends_on or item.starts_on)
        if first <= str(day) <= last:
            return True
    return False


def fill(publishing: Publishing, timezone: str, now: datetime, count: int) -> list[datetime]:
    taken: list[datetime] = []
    for _ in range(count):
        slot = next_free_slot(publishing, timezone, after=now, taken=taken)
        assert slot is not None
        taken.append(slot)
    return taken


@settings(deadline=None)
@given(LIMITED, TIMEZONES, SPRING, st.integers(1, 25))
def test_a_slot_is_taken_once_never_in_a_blackout_and_never_over_the_cap(
    publishing: Publishing, timezone: str, now: datetime, count: int
) -> None:
    """Whatever the schedule, the zone and its changes of the clock: spring has the gaps, autumn of the south the folds."""
    slots = fill(publishing, timezone, now, count)
    assert slots == sorted(set(slots))
    days = local_days(slots, timezone)
    assert not [day for day in days if is_blackout(publishing, day)]
    assert all(days.count(day) <= (publishing.max_per_day or count) for day in days)
    plain = publishing.model_copy(update={"blackouts": None, "max_per_day": None})
    assert all(is_slot(plain, timezone, at=slot) for slot in slots)


@settings(deadline=None)
@given(LIMITED, TIMEZONES, SPRING, st.integers(0, 19))
def test_slots_around_blackouts_do_not_depend_on_where_one_starts(
    publishing: Publishing, timezone: str, after: datetime, skipped: int
) -> None:
    """A long blackout is passed over in one step and in many alike."""
    slots = first_slots(publishing, timezone, after, 25)
    assert first_slots(publishing, timezone, slots[skipped], 24 - skipped) == slots[skipped + 1 :]
    assert first_slots(publishing, timezone, slots[skipped] - timedelta(hours=13), 1)[0] <= slots[skipped]


@settings(deadline=None)
@given(LIMITED, TIMEZONES, LIMITED, TIMEZONES, SPRING, st.integers(0, 12))
def test_after_a_change_nothing_stands_in_a_blackout_over_the_cap_or_in_a_slot_of_another(
    old: Publishing, old_timezone: str, new: Publishing, new_timezone: str, now: datetime, count: int
) -> None:
    """The calendar after the moves keeps every promise of the new schedule, and a second change finds nothing to do."""
    slots = fill(old, old_timezone, now, count)
    scheduled = [(str(place), slot) for place, slot in enumerate(slots)]
    change = {"old": old, "old_timezone": old_timezone, "new": new, "new_timezone": new_timezone, "now": now}
    moves = {move.content_id: move.to_at for move in moved_slots(scheduled, **change)}
    after = sorted((moves.get(content_id, slot), content_id) for content_id, slot in scheduled)
    instants = [slot for slot, _ in after]
    assert len(set(instants)) == len(instants)
    days = local_days(instants, new_timezone)
    assert not [day for day in days if is_blackout(new, day)]
    assert all(days.count(day) <= (new.max_per_day or count) for day in days)
    assert not set(moves.values()) & set(slots)
    same = {"old": new, "old_timezone": new_timezone, "new": new, "new_timezone": new_timezone, "now": now}
    assert moved_slots([(content_id, slot) for slot, content_id in after], **same) == ()


@settings(deadline=None)
@given(st.sampled_from(sorted(available_timezones())), st.dates(date(2005, 1, 1), date(2035, 1, 1)), TIMES)
def test_every_day_of_every_zone_has_the_instants_of_its_wall_clock(zone: str, day: date, time: str) -> None:
    """Days without a change of the clock are worked out at once, the others minute by minute: both the same."""
    publishing = Publishing(days=(WEEKDAYS[day.weekday()],), time_slots=(time,))
    wanted = local_instant(day, time, zone=ZoneInfo(zone))
    assert first_slots(publishing, zone, wanted - timedelta(minutes=1), 1) == [wanted]
