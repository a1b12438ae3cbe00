"""The records that people ask for: runs, usage lines, the AI task log, credit transactions and notifications, in pages."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Record:
    """A kind of record: its table, what gives it a stable order, and the columns that a filter may name."""

    name: str
    table: sa.Table
    order: tuple[str, ...]
    filters: tuple[str, ...]


RECORDS: tuple[Record, ...] = (
    Record("runs", run, ("id",), ("site", "account", "state")),
    Record("usage", usage, ("id",), ("site", "account", "run_id", "model")),
    Record("ai", attempt, ("started_at", "id"), ("site", "account", "run_id", "model", "status")),
    Record("credits", transfer, ("id",), ("site", "account", "run_id", "kind")),
    Record("sync", sync_event, ("id",), ("site", "event")),
    Record("notifications", notification, ("id",), ("site", "account", "run_id", "event")),
)


def find_record(name: str) -> Record | None:
    """Return the kind of record with this name, or None."""
    return next((record for record in RECORDS if record.name == name), None)


def load_page(connection: Connection, record: Record, where: Row, *, limit: int, offset: int = 0) -> Page:
    """Return a page of records with these column values; every column must be one of the record's filters."""
    table = record.table
    conditions = [table.c[name] == value for name, value in where.items() if name in record.filters]
    total = int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0)
    order = [table.c[name].desc() for name in record.order]
    rows = connection.execute(sa.select(table).where(*conditions).order_by(*order).limit(limit).offset(offset))
    return Page(tuple(row._asdict() for row in rows), total)


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
