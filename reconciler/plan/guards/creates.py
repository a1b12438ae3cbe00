"""A plan creates no more resources of a kind than its limit."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.limits import over_limits


def _find(context: GuardContext) -> Iterable[str]:
    return () if context.is_first else over_limits(context, "create", None)


CREATES = Guard(
    "create-limit",
    "creating more than was meant",
    _find,
    "--allow-creates",
    "Allow more creates than safety.limits has for a kind.",
)
