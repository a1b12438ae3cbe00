"""Reports: figures read from the database and laid out for people and programs, and REPORTS, the registry.

May import the store's tables and everything below, and hold SQL. Writes nothing to the database, prints nothing, and
reads no clock: a scope carries the instant. Totals are summed by the database over the whole filter, never from rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from reconciler.reports import content, cost, credits, usage
from reconciler.reports.table import ReportTable, Scope


@dataclass(frozen=True, slots=True)
class Report:
    """A report that can be asked for by name, and how its figures are meant."""

    name: str
    title: str
    help: str
    build: Callable[[Connection, Scope], ReportTable]
    method: tuple[str, ...]


REPORTS: tuple[Report, ...] = (
    Report("cost", "AI cost analysis", "Cost, revenue and margin of AI calls.", cost.build, cost.METHOD),
    Report("usage", "AI usage", "Calls, tokens and credits by operation and model.", usage.build, usage.METHOD),
    Report("credits", "Credits", "What accounts were given, spent, hold and have.", credits.build, credits.METHOD),
    Report("content", "Content", "Articles by site and state, and the next slots.", content.build, content.METHOD),
)


def find_report(name: str) -> Report | None:
    """Return the report of this name, or None."""
    return next((report for report in REPORTS if report.name == name), None)
