"""Drift: what the database holds that differs from what was last applied, and not by an apply. It is told, never applied."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.kinds import kind_order
from reconciler.plan.change import Actual
from reconciler.plan.diff import diff_specs, leaves

Ref = tuple[str, str]
# changed: a live value is another one; missing: it was applied and is gone; unknown: no apply ever made it.
DriftState = Literal["changed", "missing", "unknown"]
# Who has the last word at the next apply: git, the database (git says the same), or what was last applied.
Winner = Literal["git", "database", "last apply"]
_UNTOLD: Any = object()


@dataclass(frozen=True, slots=True)
class DriftedField:
    """A field: what was applied, what the database holds, what git wants where that is known, and who would win."""

    field: str
    path: tuple[str | int, ...]
    applied: Any
    live: Any
    winner: Winner
    git: Any = _UNTOLD

    @property
    def is_conflict(self) -> bool:
        """Tell whether git wants a third value."""
        return self.git is not _UNTOLD and self.git not in (self.applied, self.live)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        told = {} if self.git is _UNTOLD else {"git": self.git}
        return {
            "field": self.field, "applied": self.applied, "live": self.live, **told,
            "conflict": self.is_conflict, "winner": self.winner,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drifted:
    """A resource that differs from what was last applied. `applied` is what would be there; None when nobody knows."""

    kind: str
    name: str
    state: DriftState
    live: dict[str, Any] | None
    applied: dict[str, Any] | None
    fields: tuple[DriftedField, ...] = ()

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "kind": self.kind,
            "name": self.name,
            "state": self.state,
            "fields": [item.to_json() for item in self.fields],
        }


@dataclass(frozen=True, slots=True)
class Drift:
    """All drift at one generation. It has no id: there is nothing to apply."""

    generation: int
    resources: tuple[Drifted, ...]
    looked_at: int
    knows_git: bool = False

    @property
    def is_empty(self) -> bool:
        """Tell whether the database is as it was last applied."""
        return not self.resources

    def count(self, state: DriftState) -> int:
        """Return the number of resources in a state."""
        return sum(item.state == state for item in self.resources)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "generation": self.generation,
            "summary": {
                "drifted": len(self.resources),
                "changed": self.count("changed"),
                "missing": self.count("missing"),
                "unknown": self.count("unknown"),
                "fields": sum(len(item.fields) for item in self.resources),
                "looked_at": self.looked_at,
                "compared_with_git": self.knows_git,
            },
            "resources": [item.to_json() for item in self.resources],
        }


def find_drift(
    generation: int,
    actual: Mapping[Ref, Actual],
    applied: Mapping[Ref, dict[str, Any] | None],
    desired: Mapping[Ref, Mapping[str, Any]] | None = None,
    only: Collection[Ref] | None = None,
) -> Drift:
    """Return the drift of all resources, or of some.

    `applied` are the resources that the history says are there, with their specs where those are not in `actual`.
    `desired` is what git wants; None where it cannot be told.
    """
    refs = sorted({*actual, *applied}, key=lambda ref: (kind_order(ref[0]), ref[1]))
    looked_at = [ref for ref in refs if only is None or ref in only]
    found = (_drifted(ref, actual.get(ref), applied, desired) for ref in looked_at)
    return Drift(generation, tuple(item for item in found if item is not None), len(looked_at), desired is not None)


def _drifted(
    ref: Ref,
    actual: Actual | None,
    applied: Mapping[Ref, dict[str, Any] | None],
    desired: Mapping[Ref, Mapping[str, Any]] | None,
) -> Drifted | None:
    if actual is None:
        return Drifted(*ref, "missing", None, applied[ref])
    if ref not in applied:
        if actual.deleting_since is not None:  # an apply has deleted it; it goes when its work has ended
            return None
        return Drifted(*ref, "unknown", actual.spec, None)
    if actual.is_as_applied:
        return None
    fields = tuple(_fields(actual, desired.get(ref, {}) if desired is not None else None))
    return Drifted(*ref, "changed", actual.spec, actual.applied_spec, fields) if fields else None


def _fields(actual: Actual, desired: Mapping[str, Any] | None) -> Iterable[DriftedField]:
    wanted = dict(leaves(dict(desired or {})))
    for item in diff_specs(actual.applied_spec, actual.spec, actual.applied_spec):
        if desired is None:
            yield DriftedField(item.field, item.path, item.after, item.before, "last apply")
        else:
            git = wanted.get(item.path)
            winner: Winner = "database" if git == item.before else "git"
            yield DriftedField(item.field, item.path, item.after, item.before, winner, git)
