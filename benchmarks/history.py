"""Measures the history: 1,000 applies over 10,000 sites, then show, blame, list, verify and the snapshot of an apply.

`python benchmarks/history.py [URL] [SITES] [APPLIES]`; without a URL it makes a SQLite file in a temporary folder.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.ids import canonical_json
from reconciler.kinds import find_kind
from reconciler.operations.blame import blame
from reconciler.operations.history import past_applies, show_apply, verify_history
from reconciler.plan.change import Change
from reconciler.plan.diff import diff_specs
from reconciler.plan.forecast import Forecast
from reconciler.plan.planner import Plan
from reconciler.store.engine import Database, open_database
from reconciler.store.history import Occasion, load_snapshot, save_history
from reconciler.store.resources import save_changes

START = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY_CHANGES = 20


def main(arguments: list[str]) -> None:
    """Fill a database, and print how long each question takes."""
    with tempfile.TemporaryDirectory() as folder:
        url = arguments[0] if arguments else f"sqlite:///{folder}/history.db"
        sites = int(arguments[1]) if len(arguments) > 1 else 10_000
        applies = int(arguments[2]) if len(arguments) > 2 else 1_000
        database = open_database(url, upgrade=True)
        fill(database, sites, applies)
        questions: dict[str, Callable[[], Any]] = {
            "history (list of 20)": lambda: past_applies(database, limit=20),
            "history --resource site/s7": lambda: past_applies(database, limit=20, resource="site/s7"),
            "history show (last)": lambda: show_apply(database, None),
            "history show 1 (100 of all creates)": lambda: show_apply(database, 1, limit=100),
            "history show 1 --json (all creates)": lambda: show_apply(database, 1).to_json(),
            "history show 1 --resource site/s7": lambda: show_apply(database, 1, resource="site/s7"),
            "blame site/s7": lambda: blame(database, "site/s7"),
            "blame site/s7.publishing.time_slots": lambda: blame(database, "site/s7.publishing.time_slots"),
            "snapshot of the middle": lambda: snapshot(database, applies // 2),
            "history verify": lambda: verify_history(database),
        }
        for name, ask in questions.items():
            times = []
            for _ in range(3):
                began = time.perf_counter()
                ask()
                times.append(time.perf_counter() - began)
            print(f"{name:<40} {min(times) * 1000:9.1f} ms best, {max(times) * 1000:9.1f} ms worst of 3")
        database.close()


def snapshot(database: Database, generation: int) -> int:
    """Return how many resources a generation had."""
    with database.read() as connection:
        return len(load_snapshot(connection, generation))


def fill(database: Database, sites: int, applies: int) -> None:
    """Apply creations of all sites, then changes of a few at a time."""
    specs = {f"s{number}": site(f"s{number}") for number in range(sites)}
    save(database, 1, [Change("create", "site", name, None, canonical_json(spec)) for name, spec in specs.items()])
    names = list(specs)
    for generation in range(2, applies + 1):
        changes = []
        for number in range(A_DAY_CHANGES):
            # The same few sites change often, so that some have a long past.
            name = names[(generation * (number + 1)) % (50 if number % 2 else sites)]
            before = specs[name]
            after = before | {"description": f"edit {generation}"}
            if any(change.name == name for change in changes):
                continue
            specs[name] = after
            changes.append(
                Change(
                    "update",
                    "site",
                    name,
                    canonical_json(before),
                    canonical_json(after),
                    diff_specs(after, before, before),
                )
            )
        save(database, generation, changes)


def save(database: Database, generation: int, changes: list[Change]) -> None:
    """Write one apply, and print what it took when it was large."""
    plan = Plan(
        generation - 1, "c0ffee", f"config {generation}", tuple(changes), (), lambda: (Forecast(), Forecast()), 0
    )
    at = START + timedelta(hours=generation)
    with database.write() as connection:
        began = time.perf_counter()
        save_changes(connection, changes, generation=generation, at=at)
        resources = time.perf_counter()
        save_history(connection, plan, Occasion(generation, at, "bench", "because"))
        done = time.perf_counter()
    if generation == 1:
        print(
            f"apply of {len(changes):,} creates: resources {resources - began:.2f} s, history {done - resources:.2f} s"
        )


def site(name: str) -> dict[str, Any]:
    """Return a resolved site of usual size."""
    kind = find_kind("site")
    assert kind is not None
    keywords = [f"{name} keyword {number}" for number in range(20)]
    spec = kind.spec.model_validate(
        {
            "name": name,
            "account": f"a{int(name[1:]) % 200}",
            "url": f"https://{name}.example",
            "sectors": [{"name": "hiking", "keywords": keywords}],
            "publisher": {"type": "static", "path": f"published/{name}"},
        },
        strict=False,
    )
    return spec.model_dump(mode="json", exclude_none=True)


if __name__ == "__main__":
    main(sys.argv[1:])
