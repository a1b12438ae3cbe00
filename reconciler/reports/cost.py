"""AI cost analysis: what calls cost us, what they brought, and the margin, by account, site, stage, model or day."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Subquery

from reconciler.money import format_usd, percent_tenths
from reconciler.reports.calls import chart_of, ended_calls, integers, sample_note, total_of
from reconciler.reports.table import Cell, Chart, Column, ReportTable, Row, Scope, row_of, share_of

_METHOD = (
    "Cost is what providers bill us, failed cost included: that of calls that failed or were lost. Revenue is credits charged times the "
    "credit value at the time of each call.",
    "Margin = revenue - cost; a negative margin is shown as it is. Margin % = margin / revenue (0 where there is no "
    "revenue). Markup % = margin / cost (0 where there is no cost).",
    "Calls, tokens, images and credits are those of charged calls. Days are UTC days. A total covers everything in the "
    "filter.",
)
_TITLES = {"account": "Account", "site": "Site", "stage": "Stage", "model": "Model", "day": "Day"}
_MEASURES = (
    Column("calls", "Calls", "count"),
    Column("input_tokens", "Tokens in", "count"),
    Column("output_tokens", "Tokens out", "count"),
    Column("images", "Images", "count"),
    Column("credits", "Credits", "credits"),
    Column("cost", "Cost", "usd"),
    Column("revenue", "Revenue", "usd"),
    Column("margin", "Margin", "usd"),
    Column("margin_pct", "Margin %", "percent"),
    Column("markup_pct", "Markup %", "percent"),
    Column("failed_calls", "Failed calls", "count"),
    Column("failed_cost", "Failed cost", "usd"),
)


def build(connection: Connection, scope: Scope) -> ReportTable:
    """Return the cost analysis of a scope, grouped as the scope asks."""
    calls = ended_calls(scope, connection.dialect.name)
    columns = (Column(scope.by, _TITLES[scope.by], "text"), *_MEASURES)
    groups = connection.execute(_grouped(calls, scope)).all()
    sums = integers(connection.execute(sa.select(*_sums(calls))).one())
    all_calls = sums["calls"] + sums["failed_calls"]
    rows = tuple(_row(columns, integers(group, names=(scope.by,))) for group in groups)
    return ReportTable(
        name=f"cost-by-{scope.by}",
        title=f"AI cost analysis by {scope.by}",
        columns=columns,
        rows=rows,
        totals=row_of(columns, {scope.by: "Total"} | _with_margin(sums)).cells,
        notes=sample_note(sums["simulated"], all_calls) + _failed_note(sums["failed_calls"], sums["failed_cost"]),
        charts=_charts(connection, calls, scope) if rows else (),
        headline=("cost", "revenue", "margin", "margin_pct", "markup_pct", "credits"),
        method=_METHOD,
        simulated=sums["simulated"] > 0,
    )


def _grouped(calls: Subquery, scope: Scope) -> sa.Select[Any]:
    name = calls.c[scope.by]
    order = [name] if scope.by == "day" else [total_of(calls.c.cost).desc(), name]
    return sa.select(name, *_sums(calls)).group_by(name).order_by(*order)


def _sums(calls: Subquery) -> tuple[ColumnElement[int], ...]:
    sources = {
        "calls": "charged", "input_tokens": "input_tokens", "output_tokens": "output_tokens", "images": "images",
        "credits": "credits", "cost": "cost", "revenue": "revenue", "failed_calls": "failed",
        "failed_cost": "failed_cost", "simulated": "simulated",
    }  # fmt: skip
    return tuple(total_of(calls.c[source]).label(key) for key, source in sources.items())


def _row(columns: tuple[Column, ...], sums: dict[str, Any]) -> Row:
    return row_of(columns, _with_margin(sums), share_of(sums["simulated"], sums["calls"] + sums["failed_calls"]))


def _with_margin(sums: dict[str, Any]) -> dict[str, Cell]:
    margin = sums["revenue"] - sums["cost"]
    return sums | {
        "margin": margin,
        "margin_pct": percent_tenths(margin, sums["revenue"]),
        "markup_pct": percent_tenths(margin, sums["cost"]),
    }


def _failed_note(count: int, cost: int) -> tuple[str, ...]:
    if not count:
        return ()
    calls = "1 call" if count == 1 else f"{count:,} calls"
    return (f"{calls} failed or got lost and cost {format_usd(cost)} without revenue; that is part of the cost",)


def _charts(connection: Connection, calls: Subquery, scope: Scope) -> tuple[Chart, ...]:
    money = {"cost": "Cost", "revenue": "Revenue"}
    title = f"Cost and revenue by {scope.by}"
    chart = chart_of(connection, calls, title=title, by=scope.by, measures=money, kind="usd")
    if scope.by != "stage":
        return (chart,)
    credits = {"credits": "Credits"}
    return (
        chart,
        chart_of(connection, calls, title="Credits by stage", by="stage", measures=credits, kind="credits"),
    )
