"""Patterns that people write to select names: `*` stands for any text, `?` for one character, all else for itself."""

from __future__ import annotations


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern may select more than one text."""
    return "*" in pattern or "?" in pattern


def selects(pattern: str, text: str) -> bool:
    """Tell whether a pattern selects a text, in time that no pattern can make grow beyond length times length."""
    if pattern == "*" or pattern == text:
        return True
    at = place = 0
    star, resume = -1, 0
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            # What follows the last star did not fit here: let the star take one character more.
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return all(character == "*" for character in pattern[at:])
