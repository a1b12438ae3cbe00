"""How numbers are said, with their noun, which is one or many; and how times are."""

from __future__ import annotations

from datetime import datetime


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, e.g. `1 credit`, `1,200 credits`, `2 copies`; without `many` the noun takes an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day_and_time(at: datetime, now: datetime) -> str:
    """Return a time as people read it, e.g. `Wed 18 Nov 14:00`; with its year where that is not the present one."""
    return f"{at:%a %d %b %H:%M}" if at.year == now.year else f"{at:%a %d %b %Y %H:%M}"
