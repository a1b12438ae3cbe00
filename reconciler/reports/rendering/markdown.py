"""Reports as GitHub Markdown: tables with numbers on the right, totals in bold."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reconciler.reports.rendering.cells import (
    NOTHING,
    SIMULATED_BANNER,
    SIMULATED_SENTENCE,
    instant_text,
    row_texts,
    total_texts,
)
from reconciler.reports.table import Reports, ReportTable

# An underscore inside a word is harmless in GitHub's Markdown; escaping it would only spoil the text.
_SPECIAL = re.compile(r"([\\|<>*`\[\]&])")


def render(reports: Reports) -> str:
    """Return the reports as one Markdown document."""
    return "\n".join(_lines(reports)) + "\n"


def _lines(reports: Reports) -> Iterator[str]:
    yield f"# {escaped(reports.heading)}"
    yield from ("", f"Generated {instant_text(reports.generated_at)}.")
    if reports.is_simulated:
        yield from ("", f"> **{SIMULATED_BANNER}** {SIMULATED_SENTENCE}")
    for table in reports.tables:
        yield from ("", f"## {escaped(table.title)}", "")
        yield from _table(table) if table.rows else (NOTHING,)
        if table.notes:
            yield from ("", *(f"- {escaped(note)}" for note in table.notes))
    if reports.method:
        yield from ("", "## How the figures are made", "", *(f"- {escaped(text)}" for text in reports.method))


def _table(table: ReportTable) -> Iterator[str]:
    yield _line(column.title for column in table.columns)
    yield _line("---:" if column.is_number else ":---" for column in table.columns)
    for row in table.rows:
        yield _line(escaped(text) for text in row_texts(table, row))
    yield _line(f"**{escaped(text)}**" if text else "" for text in total_texts(table))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
