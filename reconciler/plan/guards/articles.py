"""A plan changes the articles of a week no further than its limit."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.forecast import DAYS
from reconciler.plan.guards.guard import Guard, GuardContext
from reconciler.plan.guards.limits import moved_too_far


def _find(context: GuardContext) -> Iterable[str]:
    limits = context.safety.articles_per_week_change_max, context.safety.articles_per_week_change_pct
    if context.is_first or limits == (None, None) or not context.changes:
        return ()
    before, after = (forecast.articles * 7 // DAYS for forecast in context.forecasts())
    return moved_too_far(before, after, "articles a week", "articles_per_week", limits)


ARTICLES = Guard(
    "articles-limit", "publishing far more, or far less, than was meant", _find,
    "--allow-volume", "Allow that the articles of a week change by more than the safety limits.",
)  # fmt: skip
