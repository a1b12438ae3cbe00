"""Choices that look random and are not: each follows from a key and a label by SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lot:
    """A keyed source of choices: the same key and label always choose the same."""

    key: str

    @classmethod
    def of(cls, *parts: str) -> Lot:
        """Return the lot whose key is made from the parts."""
        return cls(hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest())

    def below(self, label: str, bound: int) -> int:
        """Return an integer from 0 to bound - 1."""
        return int.from_bytes(hashlib.sha256(f"{self.key}\x1f{label}".encode()).digest()[:8]) % bound

    def between(self, label: str, low: float, high: float) -> float:
        """Return a number from low to high."""
        return low + (high - low) * self.below(label, 10_001) / 10_000

    def pick(self, label: str, items: Sequence[T]) -> T:
        """Return one of the items."""
        return items[self.below(label, len(items))]

    def shuffled(self, label: str, items: Sequence[T]) -> list[T]:
        """Return all items in another order."""
        order = sorted(range(len(items)), key=lambda index: self.below(f"{label}:{index}", 1 << 62))
        return [items[index] for index in order]
