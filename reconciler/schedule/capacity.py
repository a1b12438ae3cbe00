"""Capacity: how many articles a publishing schedule has room for. Derived, never authored."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.kinds.site import Publishing
from reconciler.money import divide_half_up


@dataclass(frozen=True, slots=True)
class Capacity:
    """Articles per publishing day, per week and per month."""

    daily: int
    weekly: int
    monthly: int


def capacity(publishing: Publishing) -> Capacity:
    """Return the capacity of a schedule; a month counts as 4.3 weeks, rounded half up."""
    days, slots = len(set(publishing.days)), len(set(publishing.time_slots))
    slots = min(slots, publishing.max_per_day or slots)
    weekly = days * slots
    return Capacity(daily=slots if days else 0, weekly=weekly, monthly=divide_half_up(weekly * 43, 10))
