"""Compares two resolved specs field by field, against what was last applied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.diagnostics import FieldPath, format_path

# pending: git moved; drift: the database moved; conflict: both, apart; converged: both, to the same value.
FieldState = Literal["pending", "drift", "conflict", "converged"]
_ABSENT: Any = None


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: what the database holds, what git wants, and which of both moved since the last apply.

    `cause` is the place in git that the wanted value comes from.
    """

    path: FieldPath
    before: Any
    after: Any
    state: FieldState
    cause: str = ""

    @property
    def field(self) -> str:
        """Return the path as people write it."""
        return format_path(self.path)


def diff_specs(desired: Any, live: Any, applied: Any) -> tuple[FieldChange, ...]:
    """Return the fields that differ between desired and live, or that drifted and came back together."""
    return tuple(_diff(desired, live, applied, ()))


def _diff(desired: Any, live: Any, applied: Any, path: FieldPath) -> Iterator[FieldChange]:
    if isinstance(desired, dict) and isinstance(live, dict):
        base = applied if isinstance(applied, dict) else {}
        for key in sorted({*desired, *live}, key=str):
            yield from _diff(desired.get(key, _ABSENT), live.get(key, _ABSENT), base.get(key, _ABSENT), (*path, key))
        return
    if _has_named_items(desired) and _has_named_items(live):
        yield from _diff(_by_name(desired), _by_name(live), _by_name(applied), path)
        return
    if desired != live:
        yield FieldChange(path, live, desired, _classify(desired, live, applied))
    elif live != applied:
        yield FieldChange(path, live, desired, "converged")


def _classify(desired: Any, live: Any, applied: Any) -> FieldState:
    if live == applied:
        return "pending"
    return "drift" if desired == applied else "conflict"


def _has_named_items(value: Any) -> bool:
    """Tell whether a value is a list of things with names or ids of their own, such as sectors and grants."""
    return isinstance(value, list) and bool(value) and all(item_name(item) is not None for item in value)


def item_name(item: Any) -> str | None:
    """Return what a thing in a list is known by, or None."""
    if not isinstance(item, dict):
        return None
    for key in ("name", "id", "email", "term"):
        if isinstance(item.get(key), str):
            return str(item[key])
    return None


def _by_name(value: Any) -> dict[str, Any]:
    items = value if isinstance(value, list) else []
    return {str(item_name(item)): item for item in items if item_name(item) is not None}


def leaves(value: Any, path: FieldPath = ()) -> Iterator[tuple[FieldPath, Any]]:
    """Yield every field of a spec with its path, cut as finely as differences are."""
    if isinstance(value, dict) and value:
        for key in sorted(value, key=str):
            yield from leaves(value[key], (*path, key))
    elif _has_named_items(value):
        yield from leaves(_by_name(value), path)
    else:
        yield path, value
