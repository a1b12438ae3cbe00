"""One report as CSV for a spreadsheet: a header, the rows, exact decimals; no totals, so that a column adds up."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from reconciler.errors import UsageError
from reconciler.money import usd_text
from reconciler.reports.rendering.json import percent_text
from reconciler.reports.table import Cell, Column, Reports

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def render(reports: Reports) -> str:
    """Return the only report as CSV; UsageError when there are several, since a CSV file holds one table."""
    if len(reports.tables) != 1:
        names = ", ".join(table.name for table in reports.tables)
        raise UsageError(
            f"CSV holds one report, and {len(reports.tables)} were asked for: {names}",
            hint="name one report, or write all of them to a folder",
        )
    (table,) = reports.tables
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(_header(column) for column in table.columns), "simulated"])
    for row in table.rows:
        cells = (_cell(column, cell) for column, cell in zip(table.columns, row.cells, strict=True))
        writer.writerow([*cells, row.simulated])
    return text.getvalue()


def _header(column: Column) -> str:
    return f"{column.key}_usd" if column.kind == "usd" else column.key


def _cell(column: Column, value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        # A spreadsheet would run a text that starts like a formula.
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if column.kind == "usd":
        return usd_text(value)
    return percent_text(value) if column.kind == "percent" else str(value)
