"""How far one line in git reaches: the sites that change because of it, and those that use what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from reconciler.config.graph import Graph
from reconciler.diagnostics import FieldPath
from reconciler.plan.change import Change
from reconciler.plan.references import ITEMS

# What sites take over as a value shows as changes of those sites; the rest of a shared resource is used by reference.
_INHERITED = {"platform": {"defaults", "presets"}, "account": {"ai"}}
_USED = {"platform": {"credit_value_usd", "modules", "images"}, "account": {"tier", "status", "modules", "credits"}}
_SHARED = ("prompt", "author", "strategy")
# Words about a resource that no site looks at.
_REMARKS = {"description", "labels", "protected", "notes", "sort_order"}


@dataclass(frozen=True, slots=True)
class FanOut:
    """A place in git, what is declared there, and how many accounts and sites follow it.

    `changed` are those that change in this plan because of it, `sites` also those that only use what is declared.
    """

    place: str
    declares: tuple[str, ...]
    changed: Mapping[str, int]
    sites: int

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "place": self.place,
            "declares": list(self.declares),
            "changed": dict(self.changed),
            "sites": self.sites,
        }


@dataclass(slots=True)
class _Trail:
    """What was found of one place."""

    declares: dict[str, None] = field(default_factory=dict)
    changed: dict[str, set[str]] = field(default_factory=dict)
    nodes: set[str] = field(default_factory=set)


def find_fan_out(
    changes: Iterable[Change], files: Mapping[tuple[str, str], str], graph: Callable[[], Graph]
) -> tuple[FanOut, ...]:
    """Return the places that reach beyond the resource they stand in, the farthest first.

    `files` are those that resources stand in. The graph is asked for only where something shared changes.
    """
    trails: dict[str, _Trail] = {}
    for change in changes:
        for item in change.fields if change.action == "update" else ():
            if ":" not in item.cause or item.state == "converged":
                continue
            if item.cause.rpartition(":")[0] != files[change.kind, change.name]:
                trail = trails.setdefault(item.cause, _Trail())
                trail.changed.setdefault(change.kind, set()).add(change.name)
                continue
            shared = _shared(change, item.path)
            if shared is not None:
                trail = trails.setdefault(item.cause, _Trail())
                trail.declares[shared[0]] = None
                trail.nodes |= shared[1]
    sites_of = _reach(graph)
    found = [
        FanOut(
            place,
            tuple(trail.declares),
            {kind: len(names) for kind, names in sorted(trail.changed.items())},
            len(set(trail.changed.get("site", ())).union(*map(sites_of, trail.nodes))),
        )
        for place, trail in trails.items()
    ]
    return tuple(sorted(found, key=lambda item: (-item.sites, item.place)))


def _shared(change: Change, path: FieldPath) -> tuple[str, set[str]] | None:
    """Return what a field is about, and the nodes of the graph whose users follow it; None where nobody does."""
    kind, top = change.kind, path[0]
    if _REMARKS.intersection(path):
        return None
    if kind in _INHERITED and top in _INHERITED[kind]:
        about = f"presets/{path[1]}" if top == "presets" and len(path) > 1 else change.ref
        return about, set()
    if kind in _SHARED or (kind in _USED and top in _USED[kind]):
        return change.ref, {change.ref}
    if kind in ITEMS and top == ITEMS[kind] and len(path) > 1:
        return f"{kind}/{path[1]}", {f"{kind}/{path[1]}"}
    return None


def _reach(graph: Callable[[], Graph]) -> Callable[[str], frozenset[str]]:
    """Return what tells the names of the sites that need a node; the graph is asked for once."""
    known = cache(graph)

    @cache
    def sites_of(node: str) -> frozenset[str]:
        return frozenset(_site_names(known().impact([node])))

    return sites_of


def _site_names(refs: Iterable[str]) -> Iterator[str]:
    return (ref.removeprefix("site/") for ref in refs if ref.startswith("site/"))
