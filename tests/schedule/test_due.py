"""Due times: hourly, daily, weekly, changes of the clock, and runs that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.site import Automation
from reconciler.schedule.due import is_due, last_due, next_due
from reconciler.schedule.slots import WEEKDAYS

DAILY = Automation(enabled=True)
HOURLY = Automation(enabled=True, frequency="hourly", time="02:30")
WEEKLY = Automation(enabled=True, frequency="weekly", weekday="mon", time="02:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def owed(automation: Automation, now: str, last: str | None, enabled_since: str | None = None) -> datetime | None:
    return is_due(
        automation,
        "UTC",
        now=utc(now),
        last_started_for=utc(last) if last else None,
        enabled_since=utc(enabled_since) if enabled_since else None,
    )


# --- when


@pytest.mark.parametrize(
    ("automation", "timezone", "now", "last", "following"),
    [
        (DAILY, "UTC", "2026-03-04 01:59", "2026-03-03 02:00", "2026-03-04 02:00"),
        (DAILY, "UTC", "2026-03-04 02:00", "2026-03-04 02:00", "2026-03-05 02:00"),
        (DAILY, "Asia/Tokyo", "2026-03-04 12:00", "2026-03-03 17:00", "2026-03-04 17:00"),
        (DAILY, "UTC", "2028-02-29 12:00", "2028-02-29 02:00", "2028-03-01 02:00"),
        (HOURLY, "UTC", "2026-03-04 10:29", "2026-03-04 09:30", "2026-03-04 10:30"),
        (HOURLY, "Asia/Kolkata", "2026-03-04 10:29", "2026-03-04 10:00", "2026-03-04 11:00"),
        (WEEKLY, "UTC", "2026-03-04 12:00", "2026-03-02 02:00", "2026-03-09 02:00"),
        (WEEKLY, "UTC", "2026-03-02 01:59", "2026-02-23 02:00", "2026-03-02 02:00"),
        # Clocks go forward: Berlin has no 02:00 and no 02:30 on 29 March, Lord Howe no 02:15 on 4 October.
        (DAILY, "Europe/Berlin", "2026-03-29 01:00", "2026-03-29 01:00", "2026-03-30 00:00"),
        (HOURLY, "Europe/Berlin", "2026-03-29 01:10", "2026-03-29 01:00", "2026-03-29 01:30"),
        (Automation(time="02:15"), "Australia/Lord_Howe", "2026-10-03 15:30", "2026-10-03 15:30", "2026-10-04 15:15"),
        # Clocks go back: New York has 01:30 twice on 1 November; only the first counts.
        (Automation(time="01:30"), "America/New_York", "2026-11-01 06:40", "2026-11-01 05:30", "2026-11-02 06:30"),
        (HOURLY, "America/New_York", "2026-11-01 06:40", "2026-11-01 05:30", "2026-11-01 07:30"),
    ],
)
def test_due_instants_follow_the_sites_clock(
    automation: Automation, timezone: str, now: str, last: str, following: str
) -> None:
    """The last due instant is never after now, the next one always is, and the wall clock decides."""
    assert last_due(automation, timezone, now=utc(now)) == utc(last)
    assert next_due(automation, timezone, after=utc(now)) == utc(following)


# --- whether


def test_a_run_is_owed_until_it_has_started() -> None:
    """The due instant is the answer until a run was started for it."""
    assert owed(DAILY, "2026-03-04 02:00", "2026-03-03 02:00") == utc("2026-03-04 02:00")
    assert owed(DAILY, "2026-03-04 02:01", "2026-03-04 02:00") is None


def test_missed_runs_are_owed_once() -> None:
    """After a week of silence one run is owed, for the latest due instant."""
    assert owed(DAILY, "2026-03-11 12:00", "2026-03-04 02:00") == utc("2026-03-11 02:00")
    assert owed(DAILY, "2026-03-11 12:00", "2026-03-11 02:00") is None


def test_a_site_that_never_ran_owes_nothing_from_before_it_was_enabled() -> None:
    """Switching automation on at noon does not start last night's run."""
    assert owed(DAILY, "2026-03-04 12:01", None, "2026-03-04 12:00") is None
    assert owed(DAILY, "2026-03-05 02:00", None, "2026-03-04 12:00") == utc("2026-03-05 02:00")
    assert owed(DAILY, "2026-03-04 02:00", None, "2026-03-04 02:00") == utc("2026-03-04 02:00")


def test_a_site_that_never_ran_and_was_always_enabled_owes_a_run_at_once() -> None:
    """Without an instant of enabling, the latest due instant counts."""
    assert owed(DAILY, "2026-03-04 12:00", None) == utc("2026-03-04 02:00")


def test_automation_that_is_off_owes_nothing() -> None:
    """Scheduled runs need `enabled`."""
    assert owed(Automation(enabled=False), "2026-03-04 12:00", None) is None


def test_an_earlier_time_does_not_run_the_same_day_again() -> None:
    """Moving the time back after today's run leaves today done."""
    assert owed(Automation(enabled=True, time="01:00"), "2026-03-04 12:00", "2026-03-04 02:00") is None


# --- what holds for every automation

AUTOMATIONS = st.builds(
    Automation,
    enabled=st.just(True),
    frequency=st.sampled_from(["hourly", "daily", "weekly"]),
    time=st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59)),
    weekday=st.sampled_from(WEEKDAYS),
)
TIMEZONES = st.sampled_from(
    [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "America/Scoresbysund",
        "Australia/Lord_Howe",
        "Asia/Tokyo",
        "Pacific/Apia",
    ]
)
INSTANTS = st.datetimes(datetime(2010, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)) | st.builds(  # noqa: DTZ001
    lambda change, minutes: utc(change) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-29 01:00", "2026-11-01 06:00", "2026-10-03 15:30", "2026-04-04 15:00"]),
    st.integers(-3000, 3000),
)


@settings(deadline=None)
@given(AUTOMATIONS, TIMEZONES, INSTANTS)
def test_now_lies_between_two_neighbouring_due_instants(automation: Automation, timezone: str, now: datetime) -> None:
    """Last <= now < next, with nothing due in between."""
    last, following = last_due(automation, timezone, now=now), next_due(automation, timezone, after=now)
    assert last <= now < following
    assert next_due(automation, timezone, after=last) == following
    assert last_due(automation, timezone, now=following) == following
    assert last_due(automation, timezone, now=following - datetime.resolution) == last


@settings(deadline=None)
@given(AUTOMATIONS, TIMEZONES, INSTANTS, st.lists(st.integers(1, 3 * 24 * 60), max_size=12))
def test_a_daemon_that_looks_now_and_then_starts_each_due_run_at_most_once(
    automation: Automation, timezone: str, now: datetime, minutes_between: list[int]
) -> None:
    """However irregularly it looks, runs ascend, and after a look nothing is owed."""
    started: list[datetime] = []
    enabled_since = now
    for minutes in minutes_between:
        now += timedelta(minutes=minutes)
        last = started[-1] if started else None
        due = is_due(automation, timezone, now=now, last_started_for=last, enabled_since=enabled_since)
        if due:
            assert enabled_since <= due <= now
            started.append(due)
            assert is_due(automation, timezone, now=now, last_started_for=due, enabled_since=enabled_since) is None
    assert started == sorted(set(started))
