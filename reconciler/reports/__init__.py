"""Reports: figures read from the database and laid out for people and programs, and REPORTS, the registry.

May import the store's tables and everything below, and hold SQL. Writes nothing to the database, prints nothing, and
reads no clock: a scope carries the instant. Totals are summed by the database over the whole filter, never from rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reconciler.reports import content, cost, credits, usage
from reconciler.reports.table import ReportTable, Scope


@dataclass(frozen=True, slots=True)
class Report:
    """A report that can be asked for by name."""

    name: str
    title: str
    help: str
    build: Callable[[Connection, Scope], ReportTable]
    is_grouped: bool = False


REPORTS: tuple[Report, ...] = (
    Report("cost", "AI cost analysis", "Cost, revenue and margin of AI calls.", cost.build, is_grouped=True),
    Report("usage", "AI usage", "Calls, tokens and credits by operation and model.", usage.build),
    Report("credits", "Credits", "What accounts were given, spent, hold and have.", credits.build),
    Report("content", "Content", "Articles by site and state, and the next slots.", content.build),
)


def find_report(name: str) -> Report | None:
    """Return the report of this name, or None."""
    return next((report for report in REPORTS if report.name == name), None)


def build_reports(
    connection: Connection, reports: Iterable[Report], scopes: Sequence[Scope]
) -> tuple[ReportTable, ...]:
    """Return reports that all see the same moment, which the caller's reading transaction is.

    The scopes differ in their grouping only: a grouped report is built for each, the others once.
    """
    return tuple(
        report.build(connection, scope) for report in reports for scope in (scopes if report.is_grouped else scopes[:1])
    )
