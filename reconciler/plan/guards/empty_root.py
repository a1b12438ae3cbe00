"""An empty config root never deletes."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext


def _find(context: GuardContext) -> Iterable[str]:
    if context.actual and not context.desired:
        yield "the config root declares nothing; an empty root never deletes"


EMPTY_ROOT = Guard(
    "empty-root", "deleting everything because the config root is empty", _find,
    way_on="point -C to the config root; to take everything away, delete kind by kind",
)  # fmt: skip
