"""Lets people read the records: who was charged for what, and what became of each call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from reconciler.clock import wait_seconds
from reconciler.errors import UsageError
from reconciler.store.engine import Database
from reconciler.store.ledger import open_hold_credits
from reconciler.store.records import ALWAYS, Page, Span, attempt_counts, find_record, load_page, load_run

_LOOK_AGAIN_SECONDS = 1.0
_RUN_FACTS = ("site", "state", "asked", "credits_used", "held_credits", "note")
_STAGE_FACTS = ("stage", "state", "reason", "total", "done", "failed", "credits_used")


def read_records(
    database: Database, name: str, where: dict[str, Any], *, span: Span = ALWAYS, limit: int | None, offset: int = 0
) -> Page:  # fmt: skip
    """Return a page of a kind of record, all without a limit; UsageError for a filter that it does not have."""
    if span.since is not None and span.until is not None and span.since >= span.until:
        raise UsageError("the period ends before it begins", hint="give --since an earlier time than --until")
    record = find_record(name)
    assert record is not None
    unknown = [column for column, value in where.items() if value is not None and column not in record.filters]
    if unknown:
        option = unknown[0].replace("_id", "")
        raise UsageError(f"{name} cannot be filtered by {option}", hint=f"filters: {', '.join(record.filters)}")
    given = {column: value for column, value in where.items() if value is not None}
    with database.read() as connection:
        return load_page(connection, record, given, span=span, limit=limit, offset=offset)


def read_run(database: Database, run_id: int) -> dict[str, Any]:
    """Return a run with its stages and how its calls ended; UsageError when there is none."""
    with database.read() as connection:
        found = load_run(connection, run_id)
        if found is None:
            raise UsageError(f"there is no run {run_id}", hint="`igny8 runs list` shows the numbers")
        row, stages = found
        held = open_hold_credits(connection, account=str(row["account"]), run_id=run_id)
        calls = attempt_counts(connection, run_id)
        return {**row, "held_credits": held, "stages": [dict(stage) for stage in stages], "calls": calls}


def follow_run(
    database: Database, run_id: int, *, pause: Callable[[], object] = lambda: wait_seconds(_LOOK_AGAIN_SECONDS)
) -> Iterator[dict[str, Any]]:
    """Yield what changes in a run, the present state first, until it has ended or nobody is at it any more."""
    told: dict[str, dict[str, Any]] = {}
    while True:
        row = read_run(database, run_id)
        now = {"run": {"event": "run", "run": run_id, **{key: row[key] for key in _RUN_FACTS}}}
        for stage in row["stages"]:
            now[stage["stage"]] = {"event": "stage", "run": run_id, **{key: stage[key] for key in _STAGE_FACTS}}
        for name, facts in now.items():
            if told.get(name) != facts:
                yield facts
        if row["state"] != "running":
            return
        told = now
        pause()
