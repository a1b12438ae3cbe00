"""A plan as a value: what an apply would do, decided to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from reconciler.ids import digest
from reconciler.plan.block import Block
from reconciler.plan.change import Action, Change
from reconciler.plan.classes import count_fields, verdict_of
from reconciler.plan.departures import Lingering
from reconciler.plan.forecast import Forecast
from reconciler.plan.holds import HeldBack
from reconciler.plan.in_flight import InFlight
from reconciler.plan.keywords import KeywordChange
from reconciler.plan.selection import EVERYTHING, Ref, Selection
from reconciler.schedule.windows import ALWAYS_OPEN, WindowState


@dataclass(frozen=True)
class Plan:
    """What an apply would do, decided to the end. `base_generation` is the state that it was decided from.

    A deletion among the changes that is `lingering` too is only recorded now, and carried out by a later plan. A partial
    plan leaves out what its selection does not cover; `along` are creations that the selection needs.
    """

    base_generation: int
    revision: str
    config_digest: str
    changes: tuple[Change, ...]
    blocks: tuple[Block, ...]
    forecasts: Callable[[], tuple[Forecast, Forecast]]
    unchanged: int
    environment: str = ""
    warnings: tuple[str, ...] = ()
    held: tuple[HeldBack, ...] = ()
    lingering: tuple[Lingering, ...] = ()
    unmanaged: tuple[str, ...] = ()
    window: WindowState = ALWAYS_OPEN
    selection: Selection = EVERYTHING
    along: tuple[str, ...] = ()
    left_out: frozenset[Ref] = frozenset()
    in_flight: InFlight = InFlight()
    keywords: tuple[KeywordChange, ...] = ()
    suggestions: tuple[str, ...] = ()

    @cached_property
    def id(self) -> str:
        """Return the plan's own digest, short: the same plan has the same id."""
        decided = [self.base_generation, self.config_digest, [change.to_json() for change in self.changes]]
        # Where items sit is no part of it: work that goes on does not make a reviewed plan stale.
        handling = self.in_flight.handling
        if handling.mode != "pin" and self.in_flight.remade:
            decided.append(str(handling))
        return digest(decided)[:12]

    @property
    def forecast_before(self) -> Forecast:
        """Return the 30 days of the actual state."""
        return self.forecasts()[0]

    @property
    def forecast_after(self) -> Forecast:
        """Return the 30 days once the plan is applied."""
        return self.forecasts()[1]

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to do."""
        return not self.changes

    @property
    def carried_out(self) -> tuple[Change, ...]:
        """Return the changes that an apply writes: all but deletions that wait for something to end."""
        waiting = {item.ref for item in self.lingering}
        return tuple(change for change in self.changes if change.action != "delete" or change.ref not in waiting)

    @property
    def is_partial(self) -> bool:
        """Tell whether there are changes that the selection leaves out."""
        return bool(self.left_out)

    def selection_json(self) -> dict[str, Any]:
        """Return what the plan is limited to, and what came along."""
        return self.selection.to_json() | {"along": list(self.along)}

    def count(self, action: Action) -> int:
        """Return the number of changes with an action."""
        return sum(change.action == action for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "id": self.id,
            "base_generation": self.base_generation,
            "revision": self.revision,
            "environment": self.environment,
            "config_digest": self.config_digest,
            "verdict": verdict_of(self.changes, self.blocks),
            "partial": self.is_partial,
            "selection": self.selection_json(),
            "summary": {
                "create": self.count("create"),
                "update": self.count("update"),
                "delete": self.count("delete"),
                "unchanged": self.unchanged,
                "blocked": len(self.blocks),
                "held": sum(bool(item.action) for item in self.held),
                "lingering": len(self.lingering),
                "unmanaged": len(self.unmanaged),
                "left_out": len(self.left_out),
                "fields": count_fields(self.changes),
            },
            "blocks": [block.to_json() for block in self.blocks],
            "warnings": list(self.warnings),
            "forecast": {"before": self.forecast_before.to_json(), "after": self.forecast_after.to_json()},
            "held": [item.to_json() for item in self.held],
            "lingering": [item.to_json() for item in self.lingering],
            "unmanaged": list(self.unmanaged),
            "window": self.window.to_json(),
            "in_flight": self.in_flight.to_json(),
            "keywords": [change.to_json() for change in self.keywords],
            "suggestions": list(self.suggestions),
            "changes": [change.to_json() for change in self.changes],
        }
