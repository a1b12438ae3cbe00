"""The lots that an account's credits came in: from when they count, in which turn they are taken, when they expire.

A lot that becomes effective, and one that expires, is moved by a transfer of its own. `next_change_at` of the account
says when the next such transfer is due, so that a hold sees by one comparison whether it may trust `available`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ledger.transfers import Part, Posting, grant_postings, move_postings
from reconciler.store.movements import Movement, Origin, is_repeated, payload_of, write
from reconciler.store.tables import credit_account, credit_lot

Source = Literal["config", "monthly", "package", "manual", "earlier"]

# Lower comes first: what a customer got for nothing, and would lose soonest, goes before what was paid for.
PRIORITIES: dict[Source, int] = {"monthly": 20, "config": 50, "manual": 50, "earlier": 50, "package": 80}


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a grant comes from, its turn, and from when until when it counts."""

    source: Source = "manual"
    detail: str = ""
    priority: int | None = None
    effective_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def turn(self) -> int:
        """Return the priority, the source's own unless another was given."""
        return PRIORITIES[self.source] if self.priority is None else self.priority


PLAIN_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class Lot:
    """A grant as it stands."""

    id: int
    account: str
    key: str
    source: str
    detail: str
    priority: int
    credits: int
    upcoming: int
    available: int
    held: int
    spent: int
    expired: int
    effective_at: datetime | None
    expires_at: datetime | None
    granted_at: datetime


def lots_of(connection: Connection, account: str, *, all_: bool = False) -> tuple[Lot, ...]:
    """Return the lots of an account in their turn: those with credits left, or all that there ever were."""
    table = credit_lot.c
    statement = sa.select(credit_lot).where(table.account == account)
    if not all_:
        statement = statement.where(table.upcoming + table.available + table.held > 0)
    statement = statement.order_by(table.priority, table.expires_at.is_(None), table.expires_at, table.id)
    return tuple(Lot(**row._mapping) for row in connection.execute(statement))


def open_lot(
    connection: Connection, account: str, credits: int, key: str, reason: str, origin: Origin, terms: Terms
) -> bool:
    """Give credits once by key, in a lot of their own; False when they were given before. The account is locked."""
    payload = grant_payload(account, credits, terms)
    if is_repeated(connection, key, payload):
        return False
    if terms.effective_at and terms.expires_at and terms.expires_at <= terms.effective_at:
        raise ValueError("credits expire after they become effective")
    is_upcoming = terms.effective_at is not None and terms.effective_at > origin.at
    lot_id = connection.execute(
        credit_lot.insert()
        .values(
            account=account, key=key, source=terms.source, detail=terms.detail, priority=terms.turn, credits=credits,
            effective_at=terms.effective_at, expires_at=terms.expires_at, granted_at=origin.at,
            **{"upcoming" if is_upcoming else "available": credits},
        )
        .returning(credit_lot.c.id)
    ).scalar_one()  # fmt: skip
    legs = grant_postings(Part(lot_id, credits), is_upcoming=is_upcoming)
    write(connection, Movement("grant", key, account, credits, legs, payload, reason=reason, has_new_lot=True), origin)
    bring_up_to_date(connection, account, origin)
    return True


def grant_payload(account: str, credits: int, terms: Terms) -> str:
    """Return the digest of what a grant is about; that of a package names it, whatever it holds by now."""
    if terms.source == "package":
        return payload_of("grant", account, terms.detail)
    conditions = (terms.priority, terms.effective_at, terms.expires_at)
    if terms.source == "monthly" or conditions == (None, None, None):
        return payload_of("grant", account, credits, None, None, None)
    return payload_of("grant", account, credits, *(None if part is None else str(part) for part in conditions))


def bring_up_to_date(connection: Connection, account: str, origin: Origin) -> None:
    """Move what became effective and what expired, each by a transfer of its own. The account is locked."""
    table = credit_lot.c
    begins = sa.and_(table.upcoming > 0, table.effective_at <= origin.at)
    ends = sa.and_(table.upcoming + table.available > 0, table.expires_at <= origin.at)
    due = sa.select(credit_lot).where(table.account == account, begins | ends).order_by(table.id)
    for lot in connection.execute(due).all():
        if lot.upcoming:
            legs = move_postings((Part(lot.id, lot.upcoming),), "upcoming", "available")
            _turn(connection, "activate", lot, lot.upcoming, legs, origin, "became effective")
        unused = lot.upcoming + lot.available
        if lot.expires_at is not None and lot.expires_at <= origin.at:
            legs = move_postings((Part(lot.id, unused),), "available", "expired")
            _turn(connection, "lapse", lot, unused, legs, origin, "expired unused")
    next_change = sa.select(sa.func.min(sa.case((table.upcoming > 0, table.effective_at), else_=table.expires_at)))
    # Credits in holds may return: what is to expire is waited for while any of it is not spent.
    waits = sa.and_(table.upcoming + table.available + table.held > 0, table.expires_at > origin.at)
    next_change = next_change.where(table.account == account, (table.upcoming > 0) | waits)
    connection.execute(
        credit_account.update()
        .where(credit_account.c.account == account)
        .values(next_change_at=next_change.scalar_subquery())
    )


def _turn(
    connection: Connection, kind: Literal["activate", "lapse"], lot: sa.Row[Any], credits: int,
    legs: Sequence[Posting], origin: Origin, reason: str,
) -> None:  # fmt: skip
    # Credits that return from a hold may lapse later than the rest of their lot: the key tells the times apart.
    key = f"{kind}:{lot.id}:{lot.expired}"
    payload = payload_of(kind, lot.account, lot.id, credits)
    write(connection, Movement(kind, key, lot.account, credits, legs, payload, reason=f"{lot.key} {reason}"), origin)
