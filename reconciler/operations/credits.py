"""Balances, and credits that a person gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import UsageError
from reconciler.ids import random_id
from reconciler.kinds.account import Account
from reconciler.store.engine import Database
from reconciler.store.ledger import Balance, Origin, balance_of, find_breaks, grant
from reconciler.store.resources import current_generation, load_specs


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account and its books."""

    account: str
    balance: Balance

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        books = self.balance
        return {
            "account": self.account,
            "granted": books.granted,
            "spent": books.spent,
            "held": books.held,
            "available": books.available,
        }


def balances(database: Database, account: str | None = None) -> tuple[AccountBalance, ...]:
    """Return the balance of an account, or of all applied accounts."""
    with database.read() as connection:
        names = sorted(load_specs(connection, "account", Account))
        if account is not None:
            _check_account(account, names)
            names = [account]
        return tuple(AccountBalance(name, balance_of(connection, name)) for name in names)


def grant_credits(
    database: Database, clock: Clock, account: str, credits: int, *, reason: str, actor: str, key: str = ""
) -> tuple[bool, Balance]:
    """Give credits to an account; with a key of the caller's, once for ever. Returns whether it was new, and the balance."""
    if credits < 1:
        raise UsageError("a grant is at least one credit")
    with database.write() as connection:
        _check_account(account, sorted(load_specs(connection, "account", Account)))
        origin = Origin(actor, clock.now(), current_generation(connection))
        is_new = grant(connection, account, credits, f"manual:{account}:{key or random_id()}", reason, origin)
        return is_new, balance_of(connection, account)


def verify(database: Database) -> tuple[str, ...]:
    """Return every law of the ledger that does not hold; () when all hold."""
    with database.read() as connection:
        return find_breaks(connection)


def _check_account(account: str, names: list[str]) -> None:
    if account not in names:
        raise UsageError(
            f"no account {account!r} was applied", hint=f"applied accounts: {', '.join(names) or 'none; run `igny8 apply`'}"
        )  # fmt: skip
