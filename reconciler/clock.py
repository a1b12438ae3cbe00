"""The only source of wall time and of waiting. Everything else takes instants as arguments."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

_RELATIVE = re.compile(r"([+-])(\d+)([smhdw])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SECONDS_MAX = 36_500 * 86_400


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; cancellable like any await."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        import asyncio  # takes as long to import as a small root to validate

        await asyncio.sleep(seconds)


def ticks() -> float:
    """Return seconds on a clock that only moves forward: for how long something took, never for when it was."""
    return time.monotonic()


def wait_seconds(seconds: float) -> None:
    """Let so many seconds of real time pass: for who watches, and has nothing else to do."""
    time.sleep(seconds)


@dataclass
class FixedClock:
    """A clock that stands at one instant; sleeping moves it on at once and remembers how long was asked for."""

    at: datetime
    slept_seconds: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept_seconds.append(seconds)
        self.at += timedelta(seconds=seconds)
        import asyncio

        await asyncio.sleep(0)

    def advance(self, **delta: float) -> None:
        """Move the clock on by a timedelta's keyword arguments."""
        self.at += timedelta(**delta)


def parse_instant(text: str, now: datetime) -> datetime:
    """Return the UTC instant of an ISO 8601 time or of an offset from now such as `+7d`; ValueError otherwise.

    A time without an offset is read as UTC.
    """
    relative = _RELATIVE.fullmatch(text.strip())
    try:
        if relative:
            sign, count, unit = relative.groups()
            seconds = int(count) * _UNIT_SECONDS[unit]
            return now + timedelta(seconds=seconds if sign == "+" else -seconds)
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"{text!r} is beyond the end of the calendar") from error
    except ValueError as error:
        raise ValueError(f"{text!r} is no time: write 2026-01-31T09:00+01:00, or an offset such as +7d") from error


def parse_duration_seconds(text: str) -> int:
    """Return the seconds of a duration such as "90s", "5m" or "1h"; ValueError otherwise, and beyond a century."""
    match = re.fullmatch(r"(\d+)([smhd])", text)
    if not match:
        raise ValueError(f'{text!r} is no duration: write "60s", "5m" or "1h"')
    seconds = int(match[1]) * _UNIT_SECONDS[match[2]] if len(match[1]) < 16 else _SECONDS_MAX + 1
    if seconds > _SECONDS_MAX:
        raise ValueError(f"{text!r} is longer than a century: write 36500d at most")
    return seconds
