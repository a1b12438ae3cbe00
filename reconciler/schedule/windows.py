"""Sync windows: the weekly times in which the daemon may, or may not, apply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reconciler.kinds.platform import SyncWindow
from reconciler.schedule.slots import WEEKDAYS, local_instant

HORIZON = timedelta(days=8)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether applying is allowed, why, and when it will be; `next_open` is None when open, or closed all 8 days."""

    open: bool
    next_open: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class _Span:
    """One occurrence of a window, its end excluded."""

    window: SyncWindow
    start_at: datetime
    end_at: datetime

    def covers(self, at: datetime) -> bool:
        return self.start_at <= at < self.end_at


def window_state(windows: tuple[SyncWindow, ...], now: datetime) -> WindowState:
    """Return whether applying is allowed now and, if not, the exact instant within 8 days at which it is again.

    Deny wins. Where allow windows exist, it is closed outside of them.
    """
    spans = tuple(span for window in windows for span in _spans_around(window, now))
    is_open, reason = _judge(windows, spans, now)
    return WindowState(is_open, None if is_open else _next_open(windows, spans, now), reason)


def _spans_around(window: SyncWindow, now: datetime) -> Iterator[_Span]:
    zone = ZoneInfo(window.timezone)
    nights = _DAY if window.end <= window.start else timedelta(0)
    day = now.astimezone(zone).date() - _DAY  # what began yesterday may run over midnight
    while day <= (now + HORIZON).astimezone(zone).date():
        if WEEKDAYS[day.weekday()] in window.days:
            start_at = local_instant(day, window.start, zone=zone)
            yield _Span(window, start_at, local_instant(day + nights, window.end, zone=zone))
        day += _DAY


def _judge(windows: Sequence[SyncWindow], spans: Sequence[_Span], at: datetime) -> tuple[bool, str]:
    covering = {span.window.action: span.window for span in spans if span.covers(at)}
    if "deny" in covering:
        return False, f"inside the deny window {_describe(covering['deny'])}"
    if "allow" in covering:
        return True, f"inside the allow window {_describe(covering['allow'])}"
    if any(window.action == "allow" for window in windows):
        return False, "outside every allow window"
    return True, "outside every deny window" if windows else "no sync windows"


def _next_open(windows: Sequence[SyncWindow], spans: Sequence[_Span], now: datetime) -> datetime | None:
    # Between two edges nothing changes, so only the edges have to be asked.
    edges = {at for span in spans for at in (span.start_at, span.end_at) if now < at <= now + HORIZON}
    return next((at for at in sorted(edges) if _judge(windows, spans, at)[0]), None)


def _describe(window: SyncWindow) -> str:
    return f"{','.join(window.days)} {window.start}-{window.end} {window.timezone}"
