"""Transfers between the books of an account; the postings of each sum to zero, and each names the lot that it moves.

`granted` counts down from zero as credits are given, so the books of an account always sum to zero too. A hold is
two-phase: it takes credits out of the `available` of certain lots at once, and is resolved at most once, by settle,
void or expire. `expired` and `absorbed` are the house's books, kept account by account: what nobody used in time, and
what a call used beyond its hold, which the house gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Book = Literal["available", "held", "spent", "granted", "upcoming", "expired", "absorbed"]
TransferKind = Literal["grant", "activate", "hold", "settle", "void", "expire", "lapse", "refund"]
BOOKS: tuple[Book, ...] = ("available", "held", "spent", "granted", "upcoming", "expired", "absorbed")
LOT_BOOKS: tuple[Book, ...] = ("upcoming", "available", "held", "spent", "expired")


@dataclass(frozen=True, slots=True)
class Posting:
    """One leg: credits into a book, or out of it when negative, and the lot that they belong to."""

    book: Book
    credits: int
    lot: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Credits of one lot."""

    lot: int
    credits: int


@dataclass(frozen=True, slots=True)
class Usable:
    """A lot as far as holds care: what it has available, and what decides its turn."""

    id: int
    available: int
    priority: int
    expires_at: datetime | None

    @property
    def turn(self) -> tuple[int, float, int]:
        """Return what lots are ordered by: lower priority first, then what expires sooner, then what is older."""
        return (self.priority, self.expires_at.timestamp() if self.expires_at else float("inf"), self.id)


def take_in_turn(lots: Iterable[Usable], credits: int, now: datetime) -> tuple[Part, ...] | None:
    """Return which lots give how much of the credits; None when those that have not expired do not have so many."""
    parts: list[Part] = []
    left = credits
    for lot in sorted(lots, key=lambda lot: lot.turn):
        if left == 0:
            break
        if lot.available > 0 and (lot.expires_at is None or lot.expires_at > now):
            parts.append(Part(lot.id, min(left, lot.available)))
            left -= parts[-1].credits
    return None if left else tuple(parts)


def first_of(parts: Sequence[Part], credits: int) -> tuple[Part, ...]:
    """Return the first of the parts that make up so many credits; ValueError when there are not so many."""
    chosen: list[Part] = []
    for part in parts:
        taken = min(part.credits, credits)
        if taken:
            chosen.append(Part(part.lot, taken))
        credits -= taken
    if credits:
        raise ValueError(f"{credits} credits are missing")
    return tuple(chosen)


def grant_postings(part: Part, *, is_upcoming: bool = False) -> tuple[Posting, ...]:
    """Return the legs that give credits to an account, now or from a later day on."""
    _check(part.credits)
    book: Book = "upcoming" if is_upcoming else "available"
    return (Posting("granted", -part.credits, part.lot), Posting(book, part.credits, part.lot))


def move_postings(parts: Iterable[Part], out_of: Book, into: Book) -> tuple[Posting, ...]:
    """Return the legs that move parts of lots from one book to another."""
    legs: list[Posting] = []
    for part in parts:
        _check(part.credits)
        legs += (Posting(out_of, -part.credits, part.lot), Posting(into, part.credits, part.lot))
    return tuple(legs)


def settle_postings(parts: Sequence[Part], taken: int, absorbed: int = 0) -> tuple[Posting, ...]:
    """Return the legs that take credits of a hold from its lots in turn, and give the rest back to them.

    What the call used beyond the hold is given by the house, and used at once.
    """
    _check(taken)
    held = sum(part.credits for part in parts)
    if taken > held:
        raise ValueError(f"cannot take {taken} credits out of a hold of {held}")
    legs: list[Posting] = []
    for part in parts:
        spent = min(part.credits, taken)
        taken -= spent
        pieces: tuple[tuple[Book, int], ...] = (
            ("held", -part.credits), ("spent", spent), ("available", part.credits - spent),
        )  # fmt: skip
        legs += (Posting(book, credits, part.lot) for book, credits in pieces if credits)
    if absorbed:
        legs += (Posting("granted", -absorbed), Posting("absorbed", absorbed))
    return tuple(legs)


def month_name(at: datetime) -> str:
    """Return the calendar month of an instant in UTC, e.g. `2026-11`: the window of monthly budgets."""
    return f"{at.astimezone(UTC):%Y-%m}"


def _check(credits: int) -> None:
    if credits < 0:
        raise ValueError("a transfer moves no negative credits")
