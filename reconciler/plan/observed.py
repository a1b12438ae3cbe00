"""What a plan is made from besides the config: the actual state at one moment, and what was asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.plan.change import Actual
from reconciler.plan.departures import Finalizer
from reconciler.plan.forecast import Remembered
from reconciler.plan.holds import ResourceHold
from reconciler.plan.in_flight import Counts, Handling
from reconciler.plan.selection import EVERYTHING, Selection


@dataclass(frozen=True, slots=True)
class Observed:
    """The actual state, as far as a plan depends on it. `busy_sites` have work in flight, and which.

    `quarantined` says why the config must not be applied, "" when nothing speaks against it. `holds` are all that were
    not released; `now` decides which are in force, and whether a sync window is open. Few plans ask for the items of
    sites, so that these are counted when one does: where they sit at these sites, and how much a stage of each would
    make anew. `draining` sites take nothing new in until they are empty. `remains` are what earlier resources left under
    names that a rename wants.
    """

    generation: int
    resources: Mapping[tuple[str, str], Actual]
    busy_sites: Mapping[str, tuple[Finalizer, ...]] = field(default_factory=dict)
    forecasts: Mapping[str, Remembered] = field(default_factory=dict)
    quarantined: str = ""
    holds: tuple[ResourceHold, ...] = ()
    now: datetime | None = None
    count_in_flight: Callable[[Collection[str]], Mapping[str, Counts]] = lambda sites: {}
    count_redone: Callable[[str, str], Counts] = lambda site, stage: {}
    draining: Collection[str] = ()
    remains: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a plan is to be made. Without `heal` a resource that only drifted is left as it is.

    Changes beyond the `selection` are left out. `in_flight` says what becomes of items that were begun before something
    that makes them changes.
    """

    heal: bool = True
    selection: Selection = EVERYTHING
    in_flight: Handling = Handling()


DEFAULT_OPTIONS = PlanOptions()
