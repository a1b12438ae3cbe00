"""The AI calls that reports add up: the charged ones, and those that failed or were lost at our cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Subquery

from reconciler.reports.table import Chart, Kind, Period, Scope, Series
from reconciler.store.tables import attempt, usage

BARS_MAX = 12
DAYS_MAX = 31


def ended_calls(scope: Scope, dialect: str) -> Subquery:
    """Return one line per call that ended, over the whole filter.

    A charged call counts when it was settled, a failed or lost one when it was made: a loss may be found days later.
    """
    return sa.union_all(_charged(scope), _failed(scope, dialect)).subquery("calls")


def _charged(scope: Scope) -> sa.Select[Any]:
    lines = sa.select(
        usage.c.account, usage.c.site, usage.c.stage, usage.c.model, usage.c.day,
        sa.literal(1).label("charged"), sa.literal(0).label("failed"),
        usage.c.input_tokens, usage.c.output_tokens, usage.c.images, usage.c.credits,
        usage.c.cost_nano.label("cost"), sa.literal(0).label("failed_cost"), usage.c.revenue_nano.label("revenue"),
        as_count(usage.c.simulated).label("simulated"),
    )  # fmt: skip
    return lines.where(*charged_conditions(scope))


def _failed(scope: Scope, dialect: str) -> sa.Select[Any]:
    nothing = sa.literal(0)
    lines = sa.select(
        attempt.c.account, attempt.c.site, attempt.c.stage, attempt.c.model,
        _utc_day(attempt.c.started_at, dialect).label("day"),
        nothing.label("charged"), sa.literal(1).label("failed"),
        nothing.label("input_tokens"), nothing.label("output_tokens"), nothing.label("images"),
        nothing.label("credits"),
        attempt.c.cost_nano.label("cost"), attempt.c.cost_nano.label("failed_cost"), nothing.label("revenue"),
        as_count(attempt.c.simulated).label("simulated"),
    )  # fmt: skip
    return lines.where(
        attempt.c.status.in_(("error", "lost")),
        *within(scope.period, attempt.c.started_at),
        *_belongs(attempt, scope),
    )


def charged_conditions(scope: Scope) -> list[ColumnElement[bool]]:
    """Return the conditions that narrow usage lines to a scope."""
    return [*within(scope.period, usage.c.at), *_belongs(usage, scope)]


def within(period: Period, column: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    """Return the conditions that narrow an instant to a period."""
    conditions: list[ColumnElement[bool]] = []
    if period.since is not None:
        conditions.append(column >= period.since)
    if period.until is not None:
        conditions.append(column < period.until)
    return conditions


def _belongs(table: sa.Table, scope: Scope) -> list[ColumnElement[bool]]:
    wanted = {"account": scope.filter.account, "site": scope.filter.site}
    return [table.c[key] == value for key, value in wanted.items() if value is not None]


def _utc_day(column: ColumnElement[Any], dialect: str) -> ColumnElement[str]:
    """Return the UTC day of an instant as text, as usage lines have it."""
    if dialect == "sqlite":
        return sa.func.substr(column, 1, 10, type_=sa.Text())
    return sa.func.to_char(sa.func.timezone("UTC", column), "YYYY-MM-DD", type_=sa.Text())


def as_count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return sa.case((condition, 1), else_=0)


def total_of(column: ColumnElement[Any]) -> ColumnElement[int]:
    """Return a sum that is 0, not NULL, where there are no lines."""
    return sa.func.coalesce(sa.func.sum(column), 0)


def integers(row: sa.Row[*tuple[Any, ...]], *, names: Sequence[str] = ()) -> dict[str, Any]:
    """Return a row as a mapping with its sums as integers (PostgreSQL sums to decimals) and its names as text."""
    return {key: value if key in names else int(value) for key, value in row._mapping.items()}


def chart_of(
    connection: Connection, calls: Subquery, *,
    title: str, by: str, measures: Mapping[str, str], kind: Kind,
) -> Chart:  # fmt: skip
    """Return a chart of calls grouped by a column; the largest groups stand alone, the others together."""
    column = calls.c[by]
    sums = [total_of(calls.c[key]).label(key) for key in measures]
    # What is drawn first is what the eye came for: the latest days, or the largest groups.
    order = [column.desc()] if by == "day" else [sums[0].desc(), column]
    found = connection.execute(sa.select(column.label("name"), *sums).group_by(column).order_by(*order)).all()
    bars = _bars([integers(row, names=("name",)) for row in found], tuple(measures), by)
    series = tuple(Series(name, tuple(bar[key] for bar in bars)) for key, name in measures.items())
    labels = tuple(str(bar["name"]) for bar in bars)
    return Chart(title, by, labels, series, kind, "columns" if by == "day" else "bars")


def _bars(groups: list[dict[str, Any]], measures: tuple[str, ...], by: str) -> list[dict[str, Any]]:
    if by == "day":
        return _latest_days(groups, measures)
    shown, others = (groups[: BARS_MAX - 1], groups[BARS_MAX - 1 :]) if len(groups) > BARS_MAX else (groups, [])
    if not others:
        return shown
    together = {key: sum(group[key] for group in others) for key in measures}
    return [*shown, {"name": f"{len(others)} others", **together}]


def _latest_days(groups: list[dict[str, Any]], measures: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the latest days in order, with zeros for those without a call: a time axis has no gaps."""
    known = {str(group["name"]): group for group in groups}
    if not known:
        return []
    last = date.fromisoformat(max(known))
    length = min((last - date.fromisoformat(min(known))).days + 1, DAYS_MAX)
    days = [(last - timedelta(days=ago)).isoformat() for ago in range(length)][::-1]
    return [known.get(day, {"name": day, **dict.fromkeys(measures, 0)}) for day in days]


def sample_note(simulated: int, calls: int) -> tuple[str, ...]:
    """Return the note that says which figures are samples; () when none are."""
    if not simulated:
        return ()
    was = "was an offline sample" if simulated == 1 else "were offline samples"
    return (
        f"{simulated:,} of {calls:,} {'call' if calls == 1 else 'calls'} {was}: credits are real movements of this "
        "ledger, cost is what the model would have cost",
    )
