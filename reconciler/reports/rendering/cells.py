"""Cells as people read them."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.money import format_percent, format_usd
from reconciler.reports.table import Cell, Column, Kind, ReportTable, Row, marked_name

SIMULATED_BANNER = "Simulated: offline sample."
SIMULATED_SENTENCE = "Some or all calls behind these figures went to the offline provider and not to a real one."
NOTHING = "Nothing recorded for this period and filter."


def cell_text(kind: Kind, value: Cell) -> str:
    """Return a cell as people read it, e.g. `1,200`, `$0.0400`, `60.0 %` or `2026-03-04 14:00 UTC`."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, str):
        return value
    if kind == "usd":
        return format_usd(value)
    return format_percent(value) if kind == "percent" else f"{value:,}"


def instant_text(instant: datetime) -> str:
    """Return an instant to the minute, in UTC."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def row_texts(table: ReportTable, row: Row) -> tuple[str, ...]:
    """Return a row's cells as people read them, its name marked where the figures are simulated."""
    rest = (cell_text(column.kind, cell) for column, cell in zip(table.columns[1:], row.cells[1:], strict=True))
    return (marked_name(row), *rest)


def total_texts(table: ReportTable) -> tuple[str, ...]:
    """Return the totals as people read them."""
    return tuple(cell_text(column.kind, cell) for column, cell in zip(table.columns, table.totals, strict=True))


def headline_of(table: ReportTable) -> tuple[tuple[Column, Cell], ...]:
    """Return the totals that are worth a large figure."""
    totals = {column.key: (column, cell) for column, cell in zip(table.columns, table.totals, strict=True)}
    return tuple(totals[key] for key in table.headline)
