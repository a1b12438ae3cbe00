"""What is no longer declared: what goes, what lingers until its work has ended, and what is none of ours to delete.

What goes is decided anew for every plan from what is in flight, so that nothing has to call back when a run ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from reconciler.kinds import kind_order
from reconciler.plan.change import Actual, Change
from reconciler.plan.holds import HeldBack, ResourceHold

Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finalizer:
    """What has to end before a resource goes: of which sort, and what it is, as people read it."""

    name: Literal["runs", "holds", "publications", "sites"]
    text: str


def runs_among(finalizers: Iterable[Finalizer]) -> str:
    """Return the runs among what is in flight, in one line; "" when there is none."""
    return ", ".join(item.text for item in finalizers if item.name == "runs")


@dataclass(frozen=True, slots=True)
class Lingering:
    """A resource that goes once its finalizers are gone; `since` is the generation that recorded its deletion."""

    kind: str
    name: str
    since: int | None
    finalizers: tuple[Finalizer, ...]

    @property
    def ref(self) -> str:
        """Return `kind/name`."""
        return f"{self.kind}/{self.name}"

    @property
    def waits_for(self) -> str:
        """Return all that it waits for, in one line."""
        return ", ".join(item.text for item in self.finalizers)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        finalizers = [{"name": item.name, "text": item.text} for item in self.finalizers]
        return {"kind": self.kind, "name": self.name, "since_generation": self.since, "finalizers": finalizers}


@dataclass(frozen=True, slots=True)
class Departures:
    """What becomes of everything that is not declared. `remaining` stays for now, whatever the reason."""

    deletes: tuple[Change, ...]
    lingering: tuple[Lingering, ...]
    held_back: tuple[HeldBack, ...]
    unmanaged: tuple[str, ...]
    remaining: tuple[Actual, ...]


def find_departures(
    actual: Mapping[Ref, Actual],
    desired: Collection[Ref],
    holds: Mapping[Ref, Sequence[ResourceHold]],
    busy_sites: Mapping[str, Sequence[Finalizer]],
) -> Departures:
    """Return what becomes of the resources that are no longer declared.

    An account stays as long as a site of it does: what works for the site needs it.
    """
    deletes: list[Change] = []
    lingering: list[Lingering] = []
    held_back: list[HeldBack] = []
    unmanaged: list[str] = []
    remaining: list[Actual] = []
    gone = sorted((ref for ref in actual if ref not in desired), key=lambda ref: (-kind_order(ref[0]), ref[1]))
    for ref in gone:
        item = actual[ref]
        deletion = Change("delete", item.kind, item.name, item.text, None)
        if not item.managed:
            unmanaged.append(deletion.ref)
            remaining.append(item)
        elif ref in holds:
            held_back.extend(HeldBack(hold, "delete") for hold in holds[ref])
            remaining.append(item)
        else:
            finalizers = _finalizers(item, remaining, busy_sites)
            if finalizers:
                lingering.append(Lingering(item.kind, item.name, item.deleting_since, finalizers))
                remaining.append(item)
            if not finalizers or item.deleting_since is None:
                deletes.append(deletion)
    return Departures(tuple(deletes), tuple(lingering), tuple(held_back), tuple(unmanaged), tuple(remaining))


def _finalizers(
    item: Actual, remaining: Sequence[Actual], busy_sites: Mapping[str, Sequence[Finalizer]]
) -> tuple[Finalizer, ...]:
    if item.kind == "site":
        return tuple(busy_sites.get(item.name, ()))
    if item.kind == "account":
        sites = (other for other in remaining if other.kind == "site" and other.spec.get("account") == item.name)
        return tuple(Finalizer("sites", f"site/{site.name}") for site in sites)
    return ()
