"""Capacity: what a schedule has room for."""

from __future__ import annotations

import pytest

from reconciler.kinds.site import Publishing
from reconciler.schedule.capacity import Capacity, capacity


@pytest.mark.parametrize(
    ("publishing", "expected"),
    [
        (Publishing(), Capacity(daily=3, weekly=15, monthly=65)),
        (Publishing(days=("mon",), time_slots=("09:00",)), Capacity(daily=1, weekly=1, monthly=4)),
        (Publishing(days=("mon", "tue"), time_slots=("09:00",)), Capacity(daily=1, weekly=2, monthly=9)),
        (Publishing(days=("mon", "mon"), time_slots=("09:00", "09:00")), Capacity(daily=1, weekly=1, monthly=4)),
        (Publishing(days=()), Capacity(daily=0, weekly=0, monthly=0)),
        (Publishing(time_slots=()), Capacity(daily=0, weekly=0, monthly=0)),
    ],
)
def test_capacity_counts_slots_a_day_a_week_and_a_month(publishing: Publishing, expected: Capacity) -> None:
    """Weekly is days x slots; monthly is weekly x 4.3 rounded half up, so 64.5 is 65."""
    assert capacity(publishing) == expected
