"""The credits of accounts: given, spent, held, available, and spent in the period."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.reports.calls import BARS_MAX, as_count, charged_conditions, integers, sample_note, total_of
from reconciler.reports.table import Chart, Column, ReportTable, Scope, Series, row_of, share_of
from reconciler.store.tables import credit_account, run, usage

_METHOD = (
    "Granted = spent + held + available + still to come + expired, at the moment of the report. Held credits are reserved for calls in flight; "
    "what a call does not need returns. Spent in the period counts the charged calls of the period asked for.",
)
_COLUMNS = (
    Column("account", "Account", "text"),
    Column("granted", "Granted", "credits"),
    Column("spent", "Spent", "credits"),
    Column("held", "Held", "credits"),
    Column("available", "Available", "credits"),
    Column("spent_in_period", "Spent in the period", "credits"),
)
_SUMMED = (*(column.key for column in _COLUMNS[1:]), "calls", "simulated")


def build(connection: Connection, scope: Scope) -> ReportTable:
    """Return the credits of a scope's accounts."""
    books = _books(scope)
    found = connection.execute(sa.select(books).order_by(books.c.account)).all()
    accounts = [integers(row, names=("account",)) for row in found]
    sums = integers(connection.execute(sa.select(*(total_of(books.c[key]).label(key) for key in _SUMMED))).one())
    return ReportTable(
        name="credits",
        title="Credits by account",
        columns=_COLUMNS,
        rows=tuple(row_of(_COLUMNS, account, share_of(account["simulated"], account["calls"])) for account in accounts),
        totals=row_of(_COLUMNS, {"account": "Total"} | sums).cells,
        notes=sample_note(sums["simulated"], sums["calls"]) + _site_note(scope),
        charts=_charts(accounts),
        headline=("available", "held", "spent", "spent_in_period"),
        method=_METHOD,
        simulated=sums["simulated"] > 0,
    )


def _books(scope: Scope) -> sa.Subquery:
    """Return an account a line: its books, and the charged calls of the period."""
    charged = (
        sa.select(
            usage.c.account,
            sa.func.count().label("calls"),
            total_of(usage.c.credits).label("spent_in_period"),
            total_of(as_count(usage.c.simulated)).label("simulated"),
        )
        .where(*charged_conditions(scope))
        .group_by(usage.c.account)
        .subquery("charged")
    )
    table = credit_account.c
    lines = sa.select(
        table.account, (-table.granted - table.absorbed).label("granted"), table.spent, table.held, table.available,
        *(sa.func.coalesce(charged.c[key], 0).label(key) for key in ("spent_in_period", "calls", "simulated")),
    )  # fmt: skip
    lines = lines.outerjoin(charged, charged.c.account == table.account)
    if scope.filter.account is not None:
        lines = lines.where(table.account == scope.filter.account)
    if scope.filter.site is not None:
        lines = lines.where(table.account.in_(sa.select(run.c.account).where(run.c.site == scope.filter.site)))
    return lines.subquery("books")


def _site_note(scope: Scope) -> tuple[str, ...]:
    if scope.filter.site is None:
        return ()
    return (f"balances belong to the whole account; only what was spent in the period is that of {scope.filter.site}",)


def _charts(accounts: list[dict[str, Any]]) -> tuple[Chart, ...]:
    largest = sorted(accounts, key=lambda account: (-account["granted"], account["account"]))[:BARS_MAX]
    if not largest:
        return ()
    series = tuple(
        Series(title, tuple(account[key] for account in largest))
        for key, title in (("spent", "Spent"), ("held", "Held"), ("available", "Available"))
    )
    labels = tuple(account["account"] for account in largest)
    return (Chart("Where the credits are", "account", labels, series, "credits", "stacked"),)
