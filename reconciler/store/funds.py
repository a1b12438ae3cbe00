"""What calls can be paid from: an account's books, its budgets and its lots, read with the account locked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from reconciler.ledger.transfers import Part, Usable
from reconciler.store.budgets import Place, Window, insert_if_absent, windows_of
from reconciler.store.lots import bring_up_to_date
from reconciler.store.movements import Origin
from reconciler.store.tables import Instant, budget_window, credit_account, credit_lot, transfer


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's books in credits; `granted` is what it has been given in all, without what the house absorbed."""

    available: int = 0
    held: int = 0
    spent: int = 0
    granted: int = 0
    upcoming: int = 0
    expired: int = 0
    absorbed: int = 0
    revenue_nano: int = 0
    is_suspended: bool = False
    next_change_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Tell whether a lot has begun or expired that was not moved yet."""
        return self.next_change_at is not None and self.next_change_at <= now


@dataclass(frozen=True, slots=True)
class Funds:
    """What a call could be paid from, with the account locked: nobody takes from it until the transaction ends."""

    balance: Balance
    place: Place
    windows: Mapping[str, Window]
    lots: Sequence[Usable]
    known_payload: str | None = None

    def less(self, parts: Sequence[Part], credits: int) -> Funds:
        """Return what is left of them after a hold of so many credits, which took these parts of the lots."""
        taken = {part.lot: part.credits for part in parts}
        return replace(
            self,
            balance=replace(self.balance, available=self.balance.available - credits, held=self.balance.held + credits),
            windows={
                key: replace(window, reserved=window.reserved + credits) for key, window in self.windows.items()
            },
            lots=[replace(lot, available=lot.available - taken.get(lot.id, 0)) for lot in self.lots],
        )  # fmt: skip


def balance_of(connection: Connection, account: str) -> Balance:
    """Return an account's balance, zeros when it never moved."""
    row = connection.execute(_ACCOUNT, {"of_account": account}).one_or_none()
    return Balance() if row is None else _balance(row)


def lock_account(connection: Connection, account: str) -> Balance:
    """Return an account's balance with its row locked until the transaction ends."""
    row = connection.execute(_LOCK, {"of_account": account}).one_or_none()
    return Balance() if row is None else _balance(row)


def _balance(row: Any) -> Balance:
    return Balance(
        row.available, row.held, row.spent, -row.granted - row.absorbed, row.upcoming, row.expired, row.absorbed,
        row.revenue_nano, row.suspended, row.next_change_at,
    )  # fmt: skip


def lock_funds(
    connection: Connection, place: Place, origin: Origin, limits: Mapping[str, int | None] | None = None, key: str = ""
) -> Funds:
    """Lock an account, bring its lots up to date, and return it with the budget windows of a place.

    With a key also the payload of the transfer that was made with it, if any.
    """
    row = connection.execute(_LOCK_FOR, {"of_account": place.account, "of_key": key}).one_or_none()
    if row is None:
        insert_if_absent(connection, credit_account, {"account": place.account})
        row = connection.execute(_LOCK_FOR, {"of_account": place.account, "of_key": key}).one()
    if _balance(row).is_due(origin.at):
        bring_up_to_date(connection, place.account, origin)
        row = connection.execute(_LOCK_FOR, {"of_account": place.account, "of_key": key}).one()
    # Read after the account was locked: nobody changes its windows and lots until this transaction ends.
    windows: dict[str, Window] = {}
    lots: list[Usable] = []
    for key_, limit, reserved, spent, *lot in connection.execute(
        _WINDOWS_AND_LOTS, {"of_account": place.account, "of_windows": list(place.keys)}
    ):
        if key_ is None:
            lots.append(Usable(*lot))
        else:
            windows[key_] = Window(key_, limit, reserved, spent)
    return Funds(_balance(row), place, windows_of(connection, place, windows, limits), lots, row.known_payload)


_ACCOUNT = sa.select(credit_account).where(credit_account.c.account == bindparam("of_account"))
_LOCK = _ACCOUNT.with_for_update()
_LOCK_FOR = (
    sa.select(
        credit_account,
        sa.select(transfer.c.payload_digest)
        .where(transfer.c.key == bindparam("of_key"))
        .scalar_subquery()
        .label("known_payload"),
    )
    .where(credit_account.c.account == bindparam("of_account"))
    .with_for_update(of=credit_account)
)
_WINDOWS_AND_LOTS = sa.union_all(
    sa.select(
        budget_window.c.key, budget_window.c.limit_credits, budget_window.c.reserved, budget_window.c.spent,
        sa.null(), sa.null(), sa.null(), sa.type_coerce(sa.null(), Instant),
    ).where(budget_window.c.key.in_(bindparam("of_windows", expanding=True))),
    sa.select(
        sa.null(), sa.null(), sa.null(), sa.null(), credit_lot.c.id, credit_lot.c.available, credit_lot.c.priority,
        credit_lot.c.expires_at,
    ).where(credit_lot.c.account == bindparam("of_account"), credit_lot.c.available > 0),
)  # fmt: skip
