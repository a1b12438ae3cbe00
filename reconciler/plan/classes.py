"""What a plan is, in a word: its verdict, and which classes of changes it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from reconciler.plan.change import Change
from reconciler.plan.diff import FieldState

Verdict = Literal["no-changes", "blocked", "ready"]
FIELD_STATES: tuple[FieldState, ...] = ("pending", "drift", "conflict", "converged")
# What a caller may want to fail on. Pending is what git moved, deletions included.
CLASSES = ("pending", "drift", "conflict", "delete")


def verdict_of(changes: Sequence[Change], blocks: Sequence[Any]) -> Verdict:
    """Return whether there is nothing to do, something forbids it, or it can be applied."""
    if blocks:
        return "blocked"
    return "ready" if changes else "no-changes"


def count_fields(changes: Iterable[Change]) -> dict[str, int]:
    """Return how many changed fields of updates are in each state."""
    counts = Counter(field.state for change in changes for field in change.fields)
    return {state: counts[state] for state in FIELD_STATES}


def present_classes(changes: Iterable[Change]) -> frozenset[str]:
    """Return which of CLASSES there are."""
    found: set[str] = set()
    for change in changes:
        if change.action != "update":
            found.add("pending")
        if change.action == "delete":
            found.add("delete")
        found.update(field.state for field in change.fields)
    return frozenset(found) & frozenset(CLASSES)
