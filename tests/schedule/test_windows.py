"""Sync windows: open or closed, why, and when it opens again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.fields import Weekday
from reconciler.kinds.platform import SyncWindow
from reconciler.schedule.slots import WEEKDAYS
from reconciler.schedule.windows import HORIZON, WindowState, window_state


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def allow(days: tuple[Weekday, ...], start: str, end: str, timezone: str = "UTC") -> SyncWindow:
    return SyncWindow(action="allow", days=days, start=start, end=end, timezone=timezone)


def deny(days: tuple[Weekday, ...], start: str, end: str, timezone: str = "UTC") -> SyncWindow:
    return SyncWindow(action="deny", days=days, start=start, end=end, timezone=timezone)


OFFICE = allow(("mon", "tue", "wed", "thu", "fri"), "09:00", "17:00")
LUNCH = deny(("wed",), "12:00", "13:00")
FREEZE = deny(("fri",), "16:00", "09:00")
NIGHT = allow(("sun",), "22:00", "02:00")


@pytest.mark.parametrize(
    ("windows", "now", "is_open", "next_open", "reason"),
    [
        ((), "2026-03-04 10:00", True, None, "no sync windows"),
        ((OFFICE,), "2026-03-04 09:00", True, None, "inside the allow window mon,tue,wed,thu,fri 09:00-17:00 UTC"),
        ((OFFICE,), "2026-03-04 17:00", False, "2026-03-05 09:00", "outside every allow window"),
        ((OFFICE,), "2026-03-06 17:00", False, "2026-03-09 09:00", "outside every allow window"),
        ((OFFICE, LUNCH), "2026-03-04 12:00", False, "2026-03-04 13:00", "inside the deny window wed 12:00-13:00 UTC"),
        ((LUNCH,), "2026-03-04 11:59", True, None, "outside every deny window"),
        # Over midnight: Friday's freeze lasts until Saturday morning, and then the office is closed.
        ((FREEZE,), "2026-03-07 08:59", False, "2026-03-07 09:00", "inside the deny window fri 16:00-09:00 UTC"),
        ((OFFICE, FREEZE), "2026-03-06 16:30", False, "2026-03-09 09:00", "inside the deny window fri 16:00-09:00 UTC"),
        (
            (allow(("sun",), "22:00", "02:00"),),
            "2026-03-09 01:59",
            True,
            None,
            "inside the allow window sun 22:00-02:00 UTC",
        ),
    ],
)
def test_a_window_says_whether_why_and_until_when(
    windows: tuple[SyncWindow, ...], now: str, is_open: bool, next_open: str | None, reason: str
) -> None:
    """Deny wins; with allow windows it is closed outside of them; the start counts, the end does not."""
    state = window_state(windows, utc(now))
    assert state == WindowState(is_open, utc(next_open) if next_open else None, reason)


def test_equal_start_and_end_mean_a_whole_day() -> None:
    """A window from noon to noon is open for 24 hours."""
    noon = allow(("wed",), "12:00", "12:00")
    assert not window_state((noon,), utc("2026-03-04 11:59")).open
    assert window_state((noon,), utc("2026-03-04 12:00")).open
    assert window_state((noon,), utc("2026-03-05 11:59")).open
    assert window_state((noon,), utc("2026-03-05 12:00")).next_open == utc("2026-03-11 12:00")


def test_deny_windows_that_meet_open_only_at_the_end_of_the_last() -> None:
    """The end of one is no opening while the next one holds."""
    windows = (deny(("wed",), "10:00", "12:00"), deny(("wed",), "12:00", "14:00"))
    assert window_state(windows, utc("2026-03-04 10:30")).next_open == utc("2026-03-04 14:00")


def test_what_never_opens_says_so() -> None:
    """An allow window that is denied altogether has no next opening."""
    windows = (allow(("wed",), "10:00", "12:00"), deny(("wed",), "09:00", "13:00"))
    assert window_state(windows, utc("2026-03-04 08:00")).next_open is None


@pytest.mark.parametrize(
    ("window", "now", "next_open"),
    [
        (allow(("sun",), "02:30", "06:00", "Europe/Berlin"), "2026-03-29 00:00", "2026-03-29 01:00"),
        (allow(("sun",), "02:30", "06:00", "Europe/Berlin"), "2026-10-25 00:00", "2026-10-25 00:30"),
        (allow(("sun",), "01:30", "06:00", "America/New_York"), "2026-11-01 05:00", "2026-11-01 05:30"),
        (allow(("sun",), "02:15", "06:00", "Australia/Lord_Howe"), "2026-10-03 15:00", "2026-10-03 15:30"),
        (allow(("mon",), "00:30", "06:00", "Asia/Tokyo"), "2026-03-29 12:00", "2026-03-29 15:30"),
    ],
)
def test_windows_follow_their_own_clock(window: SyncWindow, now: str, next_open: str) -> None:
    """Each window is in its own timezone, and changes of the clock are met as slots meet them."""
    assert window_state((window,), utc(now)).next_open == utc(next_open)


def test_a_window_that_a_change_of_the_clock_swallows_does_not_open() -> None:
    """02:00-03:00 does not exist on 29 March in Berlin; the next Sunday is too far away to be promised."""
    window = allow(("sun",), "02:00", "03:00", "Europe/Berlin")
    assert window_state((window,), utc("2026-03-23 00:00")).next_open is None


TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
WINDOWS = st.lists(
    st.builds(
        SyncWindow,
        action=st.sampled_from(["allow", "deny"]),
        days=st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7).map(tuple),
        start=TIMES,
        end=TIMES,
        timezone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]),
    ),
    max_size=4,
).map(tuple)
QUARTER = timedelta(minutes=15)


@settings(deadline=None, max_examples=40)
@given(WINDOWS, st.integers(0, 365 * 96))
def test_the_next_opening_is_the_first_open_quarter_of_an_hour(windows: tuple[SyncWindow, ...], quarters: int) -> None:
    """Asking every quarter of an hour from now on finds it open first at the instant that was promised."""
    now = utc("2026-01-01 00:00") + quarters * QUARTER
    state = window_state(windows, now)
    later = (now + step * QUARTER for step in range(1, HORIZON // QUARTER + 1))
    if state.open:
        assert state.next_open is None
    else:
        assert state.next_open == next((at for at in later if window_state(windows, at).open), None)
