"""Schedules 10,000 articles over 1,000 sites and compares with a bare loop of datetime additions.

Run: python -m benchmarks.schedule
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from reconciler.kinds.site import Publishing
from reconciler.schedule.slots import next_free_slot

SITES = 1_000
ARTICLES_PER_SITE = 10
TIMEZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo")
NOW = datetime(2026, 3, 25, 10, 30, tzinfo=UTC)


def main() -> None:
    """Print seconds, the limit measured in the same run, and their ratio."""
    seconds, limit_seconds = _seconds_to_schedule(), _seconds_to_add()
    print(f"articles={SITES * ARTICLES_PER_SITE} sites={SITES} seconds={seconds:.3f}")
    print(f"limit (one datetime addition an article) seconds={limit_seconds:.5f} ratio={seconds / limit_seconds:.0f}")


def _seconds_to_schedule() -> float:
    publishing = Publishing()
    started = time.perf_counter()
    for site in range(SITES):
        taken: set[datetime] = set()
        for _ in range(ARTICLES_PER_SITE):
            slot = next_free_slot(publishing, TIMEZONES[site % len(TIMEZONES)], after=NOW, taken=taken)
            assert slot is not None
            taken.add(slot)
        assert len(taken) == ARTICLES_PER_SITE
    return time.perf_counter() - started


def _seconds_to_add() -> float:
    step = timedelta(hours=5)
    started = time.perf_counter()
    for _ in range(SITES):
        slot = NOW
        for _ in range(ARTICLES_PER_SITE):
            slot += step
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
