"""AI usage: calls, tokens, images and credits by operation and model."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from reconciler.reports.calls import BARS_MAX, as_count, charged_conditions, integers, sample_note, total_of
from reconciler.reports.table import Chart, Column, ReportTable, Scope, Series, row_of, share_of
from reconciler.store.tables import usage

_METHOD = (
    "Usage counts charged calls. Absorbed credits are what calls were worth beyond the credits held for them: nobody "
    "is charged more than was reserved.",
)
_COLUMNS = (
    Column("operation", "Operation", "text"),
    Column("model", "Model", "text"),
    Column("calls", "Calls", "count"),
    Column("input_tokens", "Tokens in", "count"),
    Column("cached_input_tokens", "Of those cached", "count"),
    Column("output_tokens", "Tokens out", "count"),
    Column("images", "Images", "count"),
    Column("credits", "Credits", "credits"),
    Column("absorbed_credits", "Absorbed credits", "credits"),
)
_SUMMED = ("input_tokens", "cached_input_tokens", "output_tokens", "images", "credits", "absorbed_credits")


def build(connection: Connection, scope: Scope) -> ReportTable:
    """Return the usage of a scope."""
    conditions = charged_conditions(scope)
    names = (usage.c.operation, usage.c.model)
    statement = sa.select(*names, *_sums()).where(*conditions).group_by(*names)
    found = connection.execute(statement.order_by(total_of(usage.c.credits).desc(), *names)).all()
    groups = [integers(row, names=("operation", "model")) for row in found]
    sums = integers(connection.execute(sa.select(*_sums()).where(*conditions)).one())
    return ReportTable(
        name="usage",
        title="AI usage by operation and model",
        columns=_COLUMNS,
        rows=tuple(row_of(_COLUMNS, group, share_of(group["simulated"], group["calls"])) for group in groups),
        totals=row_of(_COLUMNS, {"operation": "Total", "model": ""} | sums).cells,
        notes=sample_note(sums["simulated"], sums["calls"]),
        charts=_charts(groups),
        headline=("calls", "input_tokens", "output_tokens", "images"),
        method=_METHOD,
        simulated=sums["simulated"] > 0,
    )


def _sums() -> tuple[ColumnElement[int], ...]:
    return (
        sa.func.count().label("calls"),
        *(total_of(usage.c[key]).label(key) for key in _SUMMED),
        total_of(as_count(usage.c.simulated)).label("simulated"),
    )


def _charts(groups: list[dict[str, Any]]) -> tuple[Chart, ...]:
    """Return the tokens of the operations that used any, stacked."""
    users = [group for group in groups if group["input_tokens"] + group["output_tokens"] > 0][:BARS_MAX]
    if not users:
        return ()
    labels = tuple(f"{group['operation']} · {group['model']}" for group in users)
    series = tuple(
        Series(title, tuple(group[key] for group in users))
        for key, title in (("input_tokens", "Tokens in"), ("output_tokens", "Tokens out"))
    )
    return (Chart("Tokens by operation and model", "operation", labels, series, "count", "stacked"),)
