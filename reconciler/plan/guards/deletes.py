"""A plan deletes no more of a kind than its share, and its limit."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.limits import over_limits


def _find(context: GuardContext) -> Iterable[str]:
    return over_limits(context, "delete", context.safety.delete_limit_pct)


DELETES = Guard(
    "delete-limit",
    "deleting more than was meant",
    _find,
    "--allow-deletes",
    "Allow more deletes than the platform's safety limits.",
)
