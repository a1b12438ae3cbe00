"""A site's days to come: what runs write, what goes out, and what holds for every schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.site import Automation, Publishing
from reconciler.schedule.due import due_after
from reconciler.schedule.simulation import WITHOUT_LIMIT, Flow, simulate_site
from reconciler.schedule.slots import WEEKDAYS, slots_between

MONDAY = date(2026, 11, 16)
DAILY = Automation(enabled=True)


def test_a_run_a_day_writes_its_limit_and_the_week_publishes_it() -> None:
    """Two a day are fourteen a week; the last slot of the week's fifteen stays empty."""
    days = simulate_site(Flow("UTC", DAILY, Publishing(), 2), first_on=MONDAY, days=7)
    assert days.runs == [1] * 7
    assert days.slots == [3, 3, 3, 3, 3, 0, 0]
    assert (days.written, sum(days.published)) == ([2] * 7, 14)


def test_a_site_that_may_write_more_than_it_publishes_writes_what_its_slots_need() -> None:
    """Twenty a day or no limit at all: in balance it is what the slots of the week ask for."""
    for limit in (20, None):
        days = simulate_site(Flow("UTC", DAILY, Publishing(), limit), first_on=MONDAY, days=28)
        assert sum(days.written) == sum(days.published) == sum(days.slots) == 60


def test_blackouts_and_caps_leave_less_to_write() -> None:
    """One article a day, and none on the Wednesday."""
    publishing = Publishing(max_per_day=1, blackouts=("2026-11-18",))
    days = simulate_site(Flow("UTC", DAILY, publishing, None), first_on=MONDAY, days=7)
    assert days.slots == days.published == [1, 1, 0, 1, 1, 0, 0]


def test_a_hold_delays_what_is_written() -> None:
    """A run on Monday at two; its article may go out a day later, not in Monday's slot."""
    weekly = Automation(enabled=True, frequency="weekly", weekday="mon")
    publishing = Publishing(time_slots=("09:00",))
    prompt = simulate_site(Flow("UTC", weekly, publishing, 1), first_on=MONDAY, days=5)
    held = simulate_site(Flow("UTC", weekly, publishing, 1, timedelta(hours=24)), first_on=MONDAY, days=5)
    assert (prompt.published, held.published) == ([1, 0, 0, 0, 0], [0, 1, 0, 0, 0])


def test_without_publishing_runs_write_and_nothing_goes_out() -> None:
    """auto_publish off: a run without a limit is reckoned with ten articles, as in the forecast of a plan."""
    days = simulate_site(Flow("UTC", DAILY, None, None), first_on=MONDAY, days=3)
    assert (days.written, days.slots, days.published) == ([WITHOUT_LIMIT] * 3, [0] * 3, [0] * 3)


def test_without_automation_no_run_is_due_and_every_slot_stays_empty() -> None:
    """Nobody writes, so nothing goes out."""
    days = simulate_site(Flow("UTC", None, Publishing(), None), first_on=MONDAY, days=5)
    assert (days.runs, sum(days.slots), days.published) == ([0] * 5, 15, [0] * 5)


def test_a_day_of_a_change_of_the_clock_has_23_or_25_hours_of_runs() -> None:
    """Hourly runs in Berlin: on the night without 02:30 and 03:00's there are 24 less one, a doubled hour runs once."""
    hourly = Automation(enabled=True, frequency="hourly", time="00:00")
    spring = simulate_site(Flow("Europe/Berlin", hourly, None, 0), first_on=date(2026, 3, 28), days=3)
    autumn = simulate_site(Flow("Europe/Berlin", hourly, None, 0), first_on=date(2026, 10, 24), days=3)
    assert (spring.runs, autumn.runs) == ([24, 23, 24], [24, 24, 24])


AUTOMATIONS = st.builds(
    Automation,
    enabled=st.just(True),
    frequency=st.sampled_from(["hourly", "daily", "weekly"]),
    time=st.sampled_from(["00:00", "02:00", "02:30", "13:45"]),
    weekday=st.sampled_from(WEEKDAYS),
)
PUBLISHING = st.builds(
    Publishing,
    days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7).map(tuple),
    time_slots=st.lists(st.sampled_from(["00:00", "02:30", "09:00", "14:00", "23:30"]), min_size=1, max_size=5).map(
        tuple
    ),
    blackouts=st.none() | st.just(("2026-03-30", "2026-10-26")),
    max_per_day=st.none() | st.integers(1, 3),
)
FLOWS = st.builds(
    Flow,
    st.sampled_from(["UTC", "Europe/Berlin", "America/Scoresbysund", "Australia/Lord_Howe"]),
    AUTOMATIONS,
    PUBLISHING,
    st.none() | st.integers(0, 12),
    st.sampled_from([timedelta(), timedelta(hours=24)]),
)
FIRST_DAYS = st.sampled_from([date(2026, 3, 20), date(2026, 10, 20), date(2027, 1, 1)])


@settings(deadline=None, max_examples=60)
@given(FLOWS, FIRST_DAYS, st.integers(1, 40))
def test_the_days_agree_with_the_schedule_and_with_each_other(flow: Flow, first_on: date, days: int) -> None:
    """Runs are the due ones, slots those of the calendar, and nothing goes out twice or before it is approved."""
    found = simulate_site(flow, first_on=first_on, days=days, with_events=True)
    zone = ZoneInfo(flow.timezone)
    runs = [event for event in found.events if event.kind == "run"]
    out = [event.at for event in found.events if event.kind == "slot"]
    assert (len(runs), len(out)) == (sum(found.runs), sum(found.published))
    assert out == sorted(set(out))
    assert all(published <= slots for published, slots in zip(found.published, found.slots, strict=True))
    assert sum(event.articles for event in runs) == sum(found.written)
    assert flow.articles_a_run is None or all(event.articles <= flow.articles_a_run for event in runs)
    last = first_on + timedelta(days=days)
    begin = datetime(first_on.year, first_on.month, first_on.day, tzinfo=UTC) - timedelta(days=2)
    end = datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
    assert flow.automation is not None
    assert flow.publishing is not None
    due = []
    for instant in due_after(flow.automation, flow.timezone, after=begin):
        if instant > end:
            break
        if first_on <= instant.astimezone(zone).date() < last:
            due.append(instant)
    assert [event.at for event in runs] == due
    assert set(out) <= set(slots_between(flow.publishing, flow.timezone, start=begin, end=end))
    again = simulate_site(flow, first_on=first_on, days=days)
    assert (again.runs, again.slots, again.written, again.published) == (
        found.runs,
        found.slots,
        found.written,
        found.published,
    )
