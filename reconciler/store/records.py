"""The records that people ask for: runs, usage lines, the AI task log, credit transactions and notifications, in pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.pipeline.port import Row
from reconciler.store.tables import attempt, notification, run, stage_run, sync_event, transfer, usage


@dataclass(frozen=True, slots=True)
class Page:
    """A page of records, newest first, and how many the filter has in all."""

    rows: tuple[Row, ...]
    total: int
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record: its table, what gives it a stable order, what a filter may name, and the column of its instant.

    A filter is a column's value, except for `stage` of notifications, whose events are named after it.
    """

    name: str
    table: sa.Table
    order: tuple[str, ...]
    filters: tuple[str, ...]
    at: str = "at"


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, each None where it does not matter: `since` belongs to it, `until` does not."""

    since: datetime | None = None
    until: datetime | None = None


ALWAYS = Span()

RECORDS: tuple[Record, ...] = (
    Record("runs", run, ("id",), ("site", "account", "state"), "started_at"),
    Record("usage", usage, ("id",), ("site", "account", "run_id", "stage", "operation", "provider", "model")),
    Record(
        "ai",
        attempt,
        ("started_at", "id"),
        ("site", "account", "run_id", "stage", "operation", "provider", "model", "status"),
        "started_at",
    ),
    Record("credits", transfer, ("id",), ("site", "account", "run_id", "kind")),
    Record("sync", sync_event, ("id",), ("site", "event")),
    Record("notifications", notification, ("id",), ("site", "account", "run_id", "stage", "event")),
)


def find_record(name: str) -> Record | None:
    """Return the kind of record with this name, or None."""
    return next((record for record in RECORDS if record.name == name), None)


def load_page(
    connection: Connection, record: Record, where: Row, *, span: Span = ALWAYS, limit: int | None, offset: int = 0
) -> Page:
    """Return a page of records with these values, newest first; every name must be one of the record's filters.

    Without a limit all of them. What is written later comes before, so that pages up to an instant stay as they are.
    """
    table = record.table
    conditions = [_equal(table, name, value) for name, value in where.items() if name in record.filters]
    conditions += [table.c[record.at] >= span.since] if span.since else []
    conditions += [table.c[record.at] < span.until] if span.until else []
    total = int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0)
    order = [table.c[name].desc() for name in record.order]
    rows = connection.execute(sa.select(table).where(*conditions).order_by(*order).limit(limit).offset(offset))
    return Page(tuple(row._asdict() for row in rows), total, tuple(table.c.keys()))


def _equal(table: sa.Table, name: str, value: object) -> sa.ColumnElement[bool]:
    if name == "stage" and "stage" not in table.c:
        return table.c.event.startswith(f"ai_{value}_", autoescape=True)
    return table.c[name] == value


def load_run(connection: Connection, run_id: int) -> tuple[Row, tuple[Row, ...]] | None:
    """Return a run with its stages in order, or None."""
    row = connection.execute(sa.select(run).where(run.c.id == run_id)).one_or_none()
    if row is None:
        return None
    stages = connection.execute(sa.select(stage_run).where(stage_run.c.run_id == run_id).order_by(stage_run.c.number))
    return row._asdict(), tuple(stage._asdict() for stage in stages)


def attempt_counts(connection: Connection, run_id: int) -> dict[str, int]:
    """Return how many calls of a run ended how."""
    statement = sa.select(attempt.c.status, sa.func.count()).where(attempt.c.run_id == run_id)
    rows: Any = connection.execute(statement.group_by(attempt.c.status))
    return {str(status): int(number) for status, number in rows}
