"""How numbers are said: with their noun, which is one or many."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun, e.g. `1 credit`, `1,200 credits`, `2 copies`; without `many` the noun takes an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
