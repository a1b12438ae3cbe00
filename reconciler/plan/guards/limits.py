"""Limits by kind: a share of all resources of it, and an absolute number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.plan.change import Action
from reconciler.plan.guards.guard import GuardContext

_PAST = {"create": "created", "update": "updated", "delete": "deleted"}


def over_limits(context: GuardContext, action: Action, share_pct: int | None) -> Iterable[str]:
    """Yield a message for every kind of which the plan touches more than its share, or more than its number."""
    existing = Counter(kind for kind, _ in context.actual)
    for kind, count in context.counts(action):
        total = existing[kind]
        what = f"{count} of {total} {kind} resources would be {_PAST[action]}"
        if share_pct is not None and total >= context.safety.limit_floor and count * 100 > total * share_pct:
            yield f"{what}; the limit is {share_pct} %"
        limits = next((limits for name, limits in (context.safety.limits or {}).items() if name == kind), None)
        number = getattr(limits, f"{action}s_max") if limits is not None else None
        if number is not None and count > number:
            yield f"{what}; the limit is {number} (safety.limits.{kind}.{action}s_max)"


def moved_too_far(
    before: int, after: int, unit: str, field: str, limits: tuple[int | None, int | None]
) -> Iterable[str]:
    """Yield a message when a volume moves, up or down, by more than its number or its share of before."""
    number, share_pct = limits
    moved = abs(after - before)
    what = f"{unit} would go from {before:,} to {after:,} ({after - before:+,})"
    if number is not None and moved > number:
        yield f"{what}; the limit is a change of {number:,} (safety.{field}_change_max)"
    if share_pct is not None and before and moved * 100 > before * share_pct:
        yield f"{what}; the limit is a change of {share_pct} % (safety.{field}_change_pct)"
