"""Reports as JSON: integers for counting, decimal strings for reading, no floats.

Money in column `cost` becomes `cost_nano_usd` (integer) and `cost_usd` (exact decimal string); a percentage becomes
`margin_pct_tenths` (integer) and `margin_pct` (decimal string). A row's `simulated` is none, some or all.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from reconciler.money import format_percent, usd_text
from reconciler.reports.rendering.cells import headline_of
from reconciler.reports.table import Cell, Column, Reports, ReportTable

VERSION = 1


def render(reports: Reports) -> str:
    """Return the reports as one JSON document."""
    document = {
        "version": VERSION,
        "heading": reports.heading,
        "generated_at": _instant(reports.generated_at),
        "simulated": reports.is_simulated,
        "reports": [_table(table) for table in reports.tables],
        "method": list(reports.method),
        "summary": {table.name: fields_of(headline_of(table)) for table in reports.tables},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _table(table: ReportTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "columns": [{"key": column.key, "title": column.title, "kind": column.kind} for column in table.columns],
        "rows": [
            fields_of(zip(table.columns, row.cells, strict=True)) | {"simulated": row.simulated} for row in table.rows
        ],
        "totals": fields_of(zip(table.columns[1:], table.totals[1:], strict=True)),
        "notes": list(table.notes),
        "simulated": table.simulated,
    }


def fields_of(cells: Iterable[tuple[Column, Cell]]) -> dict[str, Any]:
    """Return cells as JSON fields: money and percentages twice, as an integer and as a decimal string."""
    fields: dict[str, Any] = {}
    for column, cell in cells:
        if column.kind == "usd" and isinstance(cell, int):
            fields |= {f"{column.key}_nano_usd": cell, f"{column.key}_usd": usd_text(cell)}
        elif column.kind == "percent" and isinstance(cell, int):
            fields |= {f"{column.key}_tenths": cell, column.key: percent_text(cell)}
        else:
            fields[column.key] = _instant(cell) if isinstance(cell, datetime) else cell
    return fields


def percent_text(tenths: int) -> str:
    """Return tenths of a percent as a bare decimal, e.g. "60.0"."""
    return format_percent(tenths).removesuffix(" %")


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()
