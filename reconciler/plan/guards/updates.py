"""A plan updates no more of a kind than its share, and its limit."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.limits import over_limits


def _find(context: GuardContext) -> Iterable[str]:
    return over_limits(context, "update", context.safety.update_limit_pct)


UPDATES = Guard(
    "update-limit",
    "updating more than was meant",
    _find,
    "--allow-updates",
    "Allow more updates than the platform's safety limits.",
)
