"""Transfers between the four books of an account; the postings of each sum to zero.

`granted` counts down from zero as credits are given, so the four books of an account always sum to zero too. A hold is
two-phase: it takes credits out of `available` at once, and is resolved at most once, by settle, void or expire.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Book = Literal["available", "held", "spent", "granted"]
TransferKind = Literal["grant", "hold", "settle", "void", "expire"]


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: credits into a book, or out of it when negative."""

    book: Book
    credits: int


def grant_postings(credits: int) -> tuple[Posting, ...]:
    """Return the legs that give credits to an account."""
    _check(credits)
    return (Posting("granted", -credits), Posting("available", credits))


def hold_postings(credits: int) -> tuple[Posting, ...]:
    """Return the legs that set credits aside for a call."""
    _check(credits)
    return (Posting("available", -credits), Posting("held", credits))


def settle_postings(held: int, taken: int) -> tuple[Posting, ...]:
    """Return the legs that take part of a hold, or all, and give the rest back."""
    _check(taken)
    if taken > held:
        raise ValueError(f"cannot take {taken} credits out of a hold of {held}")
    legs = (Posting("held", -held), Posting("spent", taken), Posting("available", held - taken))
    return tuple(leg for leg in legs if leg.credits or leg.book == "held")


def release_postings(held: int) -> tuple[Posting, ...]:
    """Return the legs that give a hold back whole, for void and expire."""
    _check(held)
    return (Posting("held", -held), Posting("available", held))


def _check(credits: int) -> None:
    if credits < 0:
        raise ValueError("a transfer moves no negative credits")
