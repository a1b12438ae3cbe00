"""What a guard is: a pure function from a plan in the making to the reasons why it must not be applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from reconciler.kinds.platform import Safety
from reconciler.plan.block import Block
from reconciler.plan.change import Action, Actual, Change
from reconciler.plan.forecast import Forecast
from reconciler.plan.observed import DEFAULT_OPTIONS, PlanOptions

Ref = tuple[str, str]
NOTHING_FORECAST = (Forecast(), Forecast())


@dataclass(frozen=True)
class GuardContext:
    """All that a guard may look at. `safety` are the limits in force: those that were applied last.

    `missing_kinds` are those whose folder the config root does not have. `forecasts` works 30 days before and after
    out when it is called.
    """

    changes: Sequence[Change]
    actual: Mapping[Ref, Actual]
    desired: Collection[Ref]
    safety: Safety = Safety()
    forecasts: Callable[[], tuple[Forecast, Forecast]] = lambda: NOTHING_FORECAST
    missing_kinds: Collection[str] = ()
    held: Collection[Ref] = ()
    options: PlanOptions = DEFAULT_OPTIONS
    now: datetime | None = None
    quarantined: str = ""

    @property
    def is_first(self) -> bool:
        """Tell whether nothing was applied yet: a beginning has no volume to change from."""
        return ("platform", "platform") not in self.actual

    @cached_property
    def new_changes(self) -> list[Change]:
        """Return the changes that are decided now: not the ends of deletions that an earlier apply has recorded."""
        return [change for change in self.changes if not self._was_requested(change)]

    def counts(self, action: Action) -> list[tuple[str, int]]:
        """Return how many resources of each kind are touched by an action, kinds in order."""
        return sorted(Counter(change.kind for change in self.new_changes if change.action == action).items())

    def _was_requested(self, change: Change) -> bool:
        item = self.actual.get((change.kind, change.name))
        return change.action == "delete" and item is not None and item.deleting_since is not None


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard: its name, what it keeps from happening, and the flag that allows it all the same, if one does.

    `find` yields one message a reason: what would happen, how much of how many, and what the limit is. `way_on` says
    what to do where there is no flag. What `looks_at_each` resource by itself may keep back a part of a plan; another
    guard speaks of the whole.
    """

    name: str
    keeps_from: str
    find: Callable[[GuardContext], Iterable[str]]
    flag: str = ""
    allows: str = ""
    way_on: str = field(default="")
    looks_at_each: bool = False

    def blocks(self, context: GuardContext) -> Iterable[Block]:
        """Yield the guard's blocks of a plan."""
        return (Block(self.name, message, self.flag) for message in self.find(context))
