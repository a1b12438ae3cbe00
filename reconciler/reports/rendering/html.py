"""Reports as one self-contained HTML page: no script, no outside file, light and dark, readable on paper.

The template escapes everything; pictures come from `svg`, which escapes as well.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from reconciler.reports.rendering.cells import (
    NOTHING,
    SIMULATED_BANNER,
    SIMULATED_SENTENCE,
    cell_text,
    headline_of,
    instant_text,
    row_texts,
    total_texts,
)
from reconciler.reports.rendering.svg import draw, fills
from reconciler.reports.table import Chart, Reports, ReportTable


def render(reports: Reports) -> str:
    """Return the reports as one page."""
    return _template().render(
        heading=reports.heading,
        generated=instant_text(reports.generated_at),
        banner=(SIMULATED_BANNER, SIMULATED_SENTENCE) if reports.is_simulated else None,
        nothing=NOTHING,
        fills=fills(),
        sections=[_section(table) for table in reports.tables],
        method=reports.method,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("reconciler.reports.rendering", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("page.html.jinja")


def _section(table: ReportTable) -> dict[str, Any]:
    return {
        "table": table,
        "tiles": [(column.title, cell_text(column.kind, cell)) for column, cell in headline_of(table)],
        "charts": [_figure(chart, f"{table.name}-{number}") for number, chart in enumerate(table.charts, 1)],
        "rows": [row_texts(table, row) for row in table.rows],
        "totals": total_texts(table),
    }


def _figure(chart: Chart, key: str) -> dict[str, Any]:
    """Return a chart's picture and, for those who can't see it or want the figures, its table."""
    values = zip(*(series.values for series in chart.series), strict=True)
    return {
        "chart": chart,
        "picture": draw(chart, key),
        "rows": [
            (label, [cell_text(chart.kind, value) for value in line])
            for label, line in zip(chart.labels, values, strict=True)
        ],
    }
