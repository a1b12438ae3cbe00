"""A plan changes the credits of a month no further than its limit."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.limits import moved_too_far


def _find(context: GuardContext) -> Iterable[str]:
    limits = context.safety.credits_per_month_change_max, context.safety.credits_per_month_change_pct
    if context.is_first or limits == (None, None) or not context.changes:
        return ()
    before, after = (forecast.credits for forecast in context.forecasts())
    return moved_too_far(before, after, "credits per 30 days", "credits_per_month", limits)


CREDITS = Guard(
    "credits-limit", "spending far more, or far less, than was meant", _find,
    "--allow-credits", "Allow that the credits of a month change by more than the safety limits.",
)  # fmt: skip
