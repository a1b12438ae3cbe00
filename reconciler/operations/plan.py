"""Plans: what an apply of the config root would change, with the articles that it would move and the grants it posts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation, Origin, Resource
from reconciler.config.graph import build_graph
from reconciler.config.resolve import Resolution
from reconciler.config.schema import Locator
from reconciler.operations.app import EXTENSIONS
from reconciler.operations.grants import PendingGrant, pending_grants
from reconciler.operations.observe import StoredState
from reconciler.operations.reschedule import Calendar, CalendarMove, find_moves, find_unpublished
from reconciler.plan.fanout import FanOut, find_fan_out
from reconciler.plan.observed import DEFAULT_OPTIONS, Observed, PlanOptions
from reconciler.plan.planner import Plan, make_plan
from reconciler.plan.syndication import Copied, SyndicationChange, syndication_changes
from reconciler.store.engine import Database


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it does beyond the resources. `fan_out` tells how far each cause reaches, when it is asked."""

    plan: Plan
    moves: tuple[CalendarMove, ...]
    grants: tuple[PendingGrant, ...]
    available: dict[str, int]
    fan_out: Callable[[], tuple[FanOut, ...]] = tuple
    unpublished: tuple[CalendarMove, ...] = ()
    syndication: tuple[SyndicationChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        plan = self.plan.to_json()
        plan["summary"] |= {"calendar_moves": len(self.moves), "grants": len(self.grants)}
        return plan | {
            "causes": [item.to_json() for item in self.fan_out()],
            "grants": [{"account": item.account, "id": item.id, "credits": item.credits} for item in self.grants],
            "calendar_moves": [move.to_json() for move in self.moves],
            "unpublished": [move.to_json() for move in self.unpublished],
            "syndication": [item.to_json() for item in self.syndication],
        }


class ActualState(Calendar, Copied, Protocol):
    """All that a plan asks for besides the config: the database has it, and a snapshot."""

    @property
    def available(self) -> Mapping[str, int]:
        """Return what every account has available."""

    def observe(self, compilation: Compilation, now: datetime) -> Observed:
        """Return the actual state, as far as a plan to the compilation depends on it."""

    def posted(self, keys: Collection[str]) -> Collection[str]:
        """Return those of the keys that grants were posted with."""


def plan(
    database: Database, compilation: Compilation, clock: Clock, *, options: PlanOptions = DEFAULT_OPTIONS
) -> Planned:
    """Return the plan from the database's state to a valid compilation."""
    with database.read() as connection:
        return plan_from(StoredState(connection), compilation, clock.now(), options)


def plan_from(
    state: ActualState, compilation: Compilation, now: datetime, options: PlanOptions = DEFAULT_OPTIONS
) -> Planned:
    """Return the plan from a state, wherever it is kept, to a valid compilation."""
    observed = state.observe(compilation, now)
    found = make_plan(compilation, observed, options)
    accounts = [item.name for item in compilation.resources if item.kind == "account"]
    books = state.available
    renamed = {item.name: item.renamed_from for item in found.changes if item.kind == "account" and item.renamed_from}
    available = {name: books.get(renamed.get(name, name), 0) for name in accounts}
    return Planned(
        found,
        find_moves(state, found.changes, now),
        pending_grants(state.posted, compilation, found.left_out, renamed=renamed),
        available,
        _fan_out(found, compilation, observed),
        find_unpublished(state, found.changes),
        syndication_changes(state, found.changes),
    )


def _fan_out(found: Plan, compilation: Compilation, observed: Observed) -> Callable[[], tuple[FanOut, ...]]:
    """Return what tells how far causes reach; the graph of a large root takes its time, so that it waits to be asked."""

    @cache
    def work_out() -> tuple[FanOut, ...]:
        files = {item.key: item.file for item in compilation.resources}
        return find_fan_out(
            found.changes, files, lambda: build_graph(_at_hand(compilation, found, observed), EXTENSIONS)
        )

    return work_out


@dataclass(frozen=True, slots=True)
class _AtHand:
    """The origin of a resource whose canonical JSON need not be worked out again."""

    text: str | bytes
    origin: Origin

    def canonical(self) -> bytes:
        return self.text.encode() if isinstance(self.text, str) else self.text

    def resolution(self) -> Resolution:
        return self.origin.resolution()

    def locator(self) -> Locator:
        return self.origin.locator()


def _at_hand(compilation: Compilation, found: Plan, observed: Observed) -> Compilation:
    """Return the same compilation, with the texts that the plan has read or made: compiling ten thousand takes long."""
    made = {(change.kind, change.name): change.after_text for change in found.changes}

    def told(item: Resource) -> Resource:
        actual = observed.resources.get(item.key)
        recorded = actual.applied() if actual is not None and actual.applied_digest == item.digest else None
        text = made.get(item.key) or recorded
        return item if text is None else replace(item, origin=_AtHand(text, item.origin))

    return replace(compilation, resources=tuple(map(told, compilation.resources)))
