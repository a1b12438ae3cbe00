"""Schedules 10,000 articles over 1,000 sites, and simulates a year of 1,000 sites, beside bare loops of additions.

Run: python -m benchmarks.schedule
"""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.generated_root import write_root
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import read_tree
from reconciler.kinds.site import Publishing
from reconciler.operations.app import EXTENSIONS
from reconciler.plan.forecast import Priced
from reconciler.plan.simulation import Figures, simulate
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
    seconds, total = _seconds_to_simulate()
    limit_seconds = _seconds_to_add(total.runs + total.slots)
    print(f"simulated days=365 sites={SITES} runs={total.runs} slots={total.slots} seconds={seconds:.3f}")
    print(f"limit (one addition a run and slot) seconds={limit_seconds:.3f} ratio={seconds / limit_seconds:.0f}")


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


def _seconds_to_simulate() -> tuple[float, Figures]:
    """Return the seconds of a year of sites that all differ, after they were compiled, and what it brought."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        write_root(root, SITES)
        compiled = compile_tree(read_tree(root), EXTENSIONS, NOW.date())
        resources = [Priced(item.kind, item.name, item.digest, item.canonical) for item in compiled.resources]
        started = time.perf_counter()
        found = simulate(resources, first_on=date(2026, 1, 1), days=365)
        return time.perf_counter() - started, found.total


def _seconds_to_add(count: int = SITES * ARTICLES_PER_SITE) -> float:
    step, slot = timedelta(minutes=5), NOW
    started = time.perf_counter()
    for _ in range(count):
        slot += step
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
