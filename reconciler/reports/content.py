"""Articles by site and state, and the next slot of each site."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from reconciler.reports.calls import BARS_MAX, as_count, total_of, within
from reconciler.reports.table import Cell, Chart, Column, ReportTable, Row, Scope, Series, row_of, share_of
from reconciler.store.tables import content, publication, run

_METHOD = (
    "Articles are counted by the state they are in now; a period narrows them to those written in it. The next slot is "
    "the earliest one that still waits to be published.",
)
_STATES = ("draft", "review", "approved", "scheduled", "published", "failed")
_COLUMNS = (
    Column("site", "Site", "text"),
    *(Column(state, state.capitalize(), "count") for state in _STATES),
    Column("articles", "Articles", "count"),
    Column("next_slot", "Next slot", "date"),
)


def build(connection: Connection, scope: Scope) -> ReportTable:
    """Return the articles of a scope."""
    conditions = _conditions(scope)
    statement = sa.select(content.c.site, *_counts()).where(*conditions).group_by(content.c.site)
    sites = connection.execute(_with_slot(statement.order_by(content.c.site))).mappings().all()
    totals = connection.execute(_with_slot(sa.select(*_counts()).where(*conditions))).mappings().one()
    late = _late(connection, scope)
    return ReportTable(
        name="content",
        title="Articles by site and state",
        columns=_COLUMNS,
        rows=tuple(_row(dict(site)) for site in sites),
        totals=row_of(_COLUMNS, {"site": "Total"} | _cells(dict(totals))).cells,
        notes=_sample_note(int(totals["simulated"]), totals["articles"]) + _late_note(late),
        charts=_charts([dict(site) for site in sites]),
        headline=("articles", "published", "scheduled", "review"),
        method=_METHOD,
        simulated=int(totals["simulated"]) > 0,
    )


def _conditions(scope: Scope) -> list[ColumnElement[bool]]:
    conditions = [*within(scope.period, content.c.created_at), content.c.superseded_at.is_(None)]
    if scope.filter.site is not None:
        conditions.append(content.c.site == scope.filter.site)
    if scope.filter.account is not None:
        # An article belongs to a site, and the site to the account that its newest run was charged to.
        newest = sa.select(sa.func.max(run.c.id)).group_by(run.c.site)
        owned = sa.select(run.c.site).where(run.c.id.in_(newest), run.c.account == scope.filter.account)
        conditions.append(content.c.site.in_(owned))
    return conditions


def _counts() -> tuple[ColumnElement[Any], ...]:
    return (
        *(total_of(as_count(content.c.state == state)).label(state) for state in _STATES),
        sa.func.count().label("articles"),
        total_of(as_count(content.c.simulated)).label("simulated"),
    )


def _waits() -> ColumnElement[bool]:
    return publication.c.state.in_(("scheduled", "publishing"))


def _with_slot(statement: sa.Select[Any]) -> sa.Select[Any]:
    """Add the earliest slot that waits; an article has one publication at most, so that nothing is counted twice."""
    next_slot = sa.func.min(sa.case((_waits(), publication.c.slot_at))).label("next_slot")
    return statement.add_columns(next_slot).outerjoin_from(
        content, publication, publication.c.content_id == content.c.id
    )


def _late(connection: Connection, scope: Scope) -> int:
    statement = sa.select(sa.func.count()).join_from(content, publication, publication.c.content_id == content.c.id)
    statement = statement.where(*_conditions(scope), _waits(), publication.c.slot_at < scope.now)
    return int(connection.scalar(statement) or 0)


def _row(site: dict[str, Any]) -> Row:
    return row_of(_COLUMNS, _cells(site), share_of(int(site["simulated"]), site["articles"]))


def _cells(values: dict[str, Any]) -> dict[str, Cell]:
    return values | {state: int(values[state]) for state in _STATES}


def _sample_note(simulated: int, articles: int) -> tuple[str, ...]:
    if not simulated:
        return ()
    was = "is an offline sample" if simulated == 1 else "are offline samples"
    return (f"{simulated:,} of {articles:,} {'article' if articles == 1 else 'articles'} {was}",)


def _late_note(late: int) -> tuple[str, ...]:
    if not late:
        return ()
    return (f"{late:,} {'article waits' if late == 1 else 'articles wait'} although the slot has passed",)


def _charts(sites: list[dict[str, Any]]) -> tuple[Chart, ...]:
    largest = sorted(sites, key=lambda site: (-site["articles"], site["site"]))[:BARS_MAX]
    if not largest:
        return ()
    series = tuple(Series(state.capitalize(), tuple(int(site[state]) for site in largest)) for state in _STATES)
    labels = tuple(site["site"] for site in largest)
    return (Chart("Articles by state", "site", labels, series, "count", "stacked"),)
