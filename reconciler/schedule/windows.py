"""Sync windows: the weekly times in which changes may, or may not, be applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reconciler.kinds.platform import SyncWindow
from reconciler.schedule.slots import WEEKDAYS, local_instant

HORIZON = timedelta(days=8)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WindowState:
    """Whether applying is allowed, why, and when it will be; `next_open` is None when open, or closed all 8 days.

    `zones` are the windows' own timezones, in which the next opening is told.
    """

    open: bool
    next_open: datetime | None
    reason: str
    zones: tuple[str, ...] = field(default=(), compare=False)

    @property
    def opening(self) -> str:
        """Return the next opening on the windows' own clocks and in UTC, as people read it; "" when there is none."""
        if self.next_open is None:
            return ""
        local = [f"{self.next_open.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M} {zone}" for zone in self.zones]
        at_utc = f"{self.next_open.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{', '.join(local)} ({at_utc})" if local and self.zones != ("UTC",) else at_utc

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        next_open = self.next_open.astimezone(UTC).isoformat() if self.next_open else None
        return {"open": self.open, "reason": self.reason, "next_open": next_open, "timezones": list(self.zones)}


ALWAYS_OPEN = WindowState(True, None, "no sync windows")


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
    zones = tuple(dict.fromkeys(window.timezone for window in windows))
    return WindowState(is_open, None if is_open else _next_open(windows, spans, now), reason, zones)


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
