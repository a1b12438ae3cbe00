"""The statement of an account for a month: what it had, what moved, what it has; the figures add up line by line.

What an account has is what is available, held and still to come: a hold moves nothing out of it. Lines follow the time
of the transfers; charges are summed by day and site.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.reports.table import Column, ReportTable, Row
from reconciler.store.tables import posting, transfer

_OWNED = ("available", "held", "upcoming")
_COLUMNS = (
    Column("day", "Day (UTC)", "text"),
    Column("what", "What", "text"),
    Column("site", "Site", "text"),
    Column("calls", "Calls", "count"),
    Column("credits", "Credits", "credits"),
    Column("balance", "Balance", "credits"),
    Column("revenue", "Value", "usd"),
)
_METHOD = (
    "The balance is what is available, held for calls in flight, and granted for a later day. Charges are summed by day "
    "and site. Days and months are those of UTC. The closing balance is read from the postings, not added up from lines.",
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line: a grant, a refund, an expiry, or the charges of a day and site."""

    day: str
    kind: str
    text: str
    site: str
    calls: int
    credits: int
    balance: int
    value_nano: int

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "day": self.day, "kind": self.kind, "text": self.text, "site": self.site, "calls": self.calls,
            "credits": self.credits, "balance": self.balance, "value_nano_usd": self.value_nano,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Statement:
    """An account's month."""

    account: str
    month: str
    opening: int
    lines: tuple[Line, ...]
    closing: int

    def total(self, kind: str) -> int:
        """Return the credits of all lines of a kind."""
        return sum(line.credits for line in self.lines if line.kind == kind)

    def summary(self) -> dict[str, Any]:
        """Return the figures of the month."""
        return {
            "account": self.account,
            "month": self.month,
            "opening": self.opening,
            "granted": self.total("grant"),
            "charged": -self.total("settle"),
            "refunded": self.total("refund"),
            "expired": -self.total("lapse"),
            "closing": self.closing,
        }


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """Return the first instant of a month such as `2026-11` and that of the next, in UTC; ValueError otherwise."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return start, (start + timedelta(days=32)).replace(day=1)


def make_statement(connection: Connection, account: str, month: str) -> Statement:
    """Return the statement of an account for a month."""
    start, end = month_bounds(month)
    opening = _balance_before(connection, account, start)
    lines: list[Line] = []
    balance = opening
    for line in _summed(_movements(connection, account, start, end)):
        balance += line.credits
        lines.append(replace(line, balance=balance))
    return Statement(account, month, opening, tuple(lines), _balance_before(connection, account, end))


def statement_table(statement: Statement) -> ReportTable:
    """Return a statement as a table for the renderers."""
    opening = Row(("", "Opening balance", "", None, None, statement.opening, None))
    rows = tuple(
        Row((line.day, line.text, line.site, line.calls or None, line.credits, line.balance, line.value_nano))
        for line in statement.lines
    )
    moved = sum(line.credits for line in statement.lines)
    calls = sum(line.calls for line in statement.lines)
    value = sum(line.value_nano for line in statement.lines)
    return ReportTable(
        name=f"statement-{statement.account}-{statement.month}",
        title=f"Credits of {statement.account}, {statement.month}",
        columns=_COLUMNS,
        rows=(opening, *rows),
        totals=("", "Closing balance", "", calls, moved, statement.closing, value),
        method=_METHOD,
    )


def _balance_before(connection: Connection, account: str, instant: datetime) -> int:
    statement = (
        sa.select(sa.func.coalesce(sa.func.sum(posting.c.credits), 0))
        .join(transfer, transfer.c.id == posting.c.transfer_id)
        .where(transfer.c.account == account, transfer.c.at < instant, posting.c.book.in_(_OWNED))
    )
    return int(connection.scalar(statement) or 0)


def _movements(connection: Connection, account: str, start: datetime, end: datetime) -> Iterator[Line]:
    moved = sa.func.sum(sa.case((posting.c.book.in_(_OWNED), posting.c.credits), else_=0))
    columns = transfer.c
    statement = (
        sa.select(columns.at, columns.kind, columns.reason, columns.site, columns.value_nano, moved.label("credits"))
        .join(posting, posting.c.transfer_id == columns.id)
        .where(columns.account == account, columns.at >= start, columns.at < end)
        .where(columns.kind.in_(("grant", "settle", "lapse", "refund")))
        .group_by(columns.id, columns.at, columns.kind, columns.reason, columns.site, columns.value_nano)
        .order_by(columns.at, columns.id)
    )
    names = {"grant": "Grant", "lapse": "Expired", "refund": "Refund"}
    for row in connection.execute(statement):
        text = "AI calls" if row.kind == "settle" else f"{names[row.kind]}: {row.reason}"
        calls = 1 if row.kind == "settle" else 0
        day = f"{row.at.astimezone(UTC):%Y-%m-%d}"
        yield Line(day, row.kind, text, row.site or "", calls, int(row.credits), 0, row.value_nano)


def _summed(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield grants, refunds and expiries one by one, and the charges of each day summed by site at its end."""
    day, charges = "", dict[str, Line]()
    for line in lines:
        if line.day != day:
            yield from (charges[site] for site in sorted(charges))
            day, charges = line.day, {}
        if line.kind != "settle":
            yield line
            continue
        known = charges.get(line.site, replace(line, calls=0, credits=0, value_nano=0))
        charges[line.site] = replace(
            known, calls=known.calls + 1, credits=known.credits + line.credits,
            value_nano=known.value_nano + line.value_nano,
        )  # fmt: skip
    yield from (charges[site] for site in sorted(charges))
