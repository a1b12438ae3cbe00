"""What a person asks of the ledger: balances, grants, purchases, refunds, statements, open holds, proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.clock import Clock
from reconciler.config.suggest import did_you_mean
from reconciler.errors import ConflictError, UsageError
from reconciler.ids import random_id
from reconciler.kinds.account import Account
from reconciler.kinds.tiers import TierCatalog
from reconciler.operations.funding import fund_accounts
from reconciler.reports.statement import Statement, make_statement, month_bounds
from reconciler.store.engine import Connection, Database
from reconciler.store.history import current_generation
from reconciler.store.ledger import Balance, Origin, Terms, balance_of, find_breaks, grant
from reconciler.store.lots import PLAIN_TERMS, Lot, lots_of
from reconciler.store.open_holds import OpenHold, open_holds
from reconciler.store.refunds import Refund, hold_of, refund
from reconciler.store.resources import load_specs


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """An account, its books, and the lots that have credits left, in their turn."""

    account: str
    balance: Balance
    lots: tuple[Lot, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        books = self.balance
        return {
            "account": self.account,
            "granted": books.granted,
            "spent": books.spent,
            "held": books.held,
            "available": books.available,
            "upcoming": books.upcoming,
            "expired": books.expired,
            "absorbed": books.absorbed,
            "revenue_nano_usd": books.revenue_nano,
            "suspended": books.is_suspended,
            "grants": [_lot_json(lot) for lot in self.lots],
        }


def _lot_json(lot: Lot) -> dict[str, Any]:
    return {
        "key": lot.key,
        "source": lot.source,
        "priority": lot.priority,
        "granted": lot.credits,
        "available": lot.available,
        "held": lot.held,
        "upcoming": lot.upcoming,
        "effective_at": _iso(lot.effective_at),
        "expires_at": _iso(lot.expires_at),
    }


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


@dataclass(frozen=True, slots=True)
class Purchase:
    """A credit package that was paid for, and the payment's own reference, which makes it once."""

    package: str
    payment_ref: str


def balances(database: Database, clock: Clock, account: str | None = None) -> tuple[AccountBalance, ...]:
    """Return the balance of an account, or of all applied accounts, as of now."""
    fund_accounts(database, clock, account=account)
    with database.read() as connection:
        names = _applied(connection)
        if account is not None:
            _check_account(account, names)
            names = [account]
        return tuple(AccountBalance(name, balance_of(connection, name), lots_of(connection, name)) for name in names)


def grant_credits(
    database: Database, clock: Clock, account: str, credits: int, *,
    reason: str, actor: str, key: str = "", terms: Terms = PLAIN_TERMS,
) -> tuple[bool, Balance]:  # fmt: skip
    """Give credits to an account; with a key of the caller's, once for ever. Returns whether it was new, and the balance."""
    if credits < 1:
        raise UsageError("a grant is at least one credit")
    now = clock.now()
    if terms.expires_at is not None and terms.expires_at <= max(now, terms.effective_at or now):
        raise UsageError("the credits would expire before anybody can use them", hint="choose a later --expires-on")
    with database.write() as connection:
        _check_account(account, _applied(connection))
        origin = Origin(actor, now, current_generation(connection))
        is_new = grant(connection, account, credits, f"manual:{account}:{key or random_id()}", reason, origin, terms)
        return is_new, balance_of(connection, account)


def grant_package(
    database: Database, clock: Clock, account: str, purchase: Purchase, *, reason: str, actor: str
) -> tuple[bool, int, Balance]:
    """Give the credits of a bought package, once for its payment, whichever account it is named with.

    Returns whether it was new, the package's credits, and the balance. Raises ConflictError when the payment was used
    for something else.
    """
    now = clock.now()
    with database.write() as connection:
        _check_account(account, _applied(connection))
        catalog = load_specs(connection, "tiers", TierCatalog).get("tiers", TierCatalog())
        package = catalog.credit_packages.get(purchase.package)
        if package is None:
            known = list(catalog.credit_packages)
            near = did_you_mean(purchase.package, known)
            raise UsageError(
                f"no credit package {purchase.package!r} was applied",
                hint=f"{near} packages: {', '.join(known) or 'none; tiers.yaml declares them'}".strip(),
            )
        ends = now + timedelta(days=package.valid_days) if package.valid_days else None
        terms = Terms("package", purchase.package, expires_at=ends)
        text = reason or f"package {purchase.package}, payment {purchase.payment_ref}"
        origin = Origin(actor, now, current_generation(connection))
        try:
            is_new = grant(
                connection, account, package.credits, f"payment:{purchase.payment_ref}", text, origin, terms
            )  # fmt: skip
        except ConflictError as error:
            raise ConflictError(
                f"the payment {purchase.payment_ref} was used already, for another account or package",
                hint="nothing was given; check the reference",
            ) from error
        return is_new, package.credits, balance_of(connection, account)


def refund_credits(
    database: Database, clock: Clock, *, usage_id: int | None = None, attempt_id: str | None = None,
    hold_id: str | None = None, credits: int | None = None, reason: str, actor: str, key: str = "",
) -> tuple[Refund, Balance]:  # fmt: skip
    """Give back what a call was charged, or a part of it, as a new record; with a key of the caller's, once for ever."""
    given = [name for name in (usage_id, attempt_id, hold_id) if name is not None]
    if len(given) != 1:
        raise UsageError("a refund is for one charge", hint="give one of --usage, --attempt, --hold")
    with database.write() as connection:
        found = hold_of(connection, usage_id=usage_id, attempt_id=attempt_id, hold_id=hold_id)
        if found is None:
            raise UsageError(f"nothing was charged for {given[0]}", hint="`igny8 logs usage` shows the charges")
        origin = Origin(actor, clock.now(), current_generation(connection))
        done = refund(connection, found, credits, origin, reason, key=key or random_id())
        return done, balance_of(connection, done.account)


def statement(database: Database, clock: Clock, account: str, month: str | None) -> Statement:
    """Return an account's statement for a month such as 2026-11, the current one by default."""
    wanted = month or f"{clock.now():%Y-%m}"
    try:
        month_bounds(wanted)
    except ValueError as error:
        raise UsageError(f"{wanted!r} is no month", hint="write it as 2026-11") from error
    fund_accounts(database, clock, account=account)
    with database.read() as connection:
        _check_account(account, _applied(connection))
        return make_statement(connection, account, wanted)


def list_holds(database: Database, *, account: str | None = None, site: str | None = None) -> tuple[OpenHold, ...]:
    """Return the open holds and what they wait for."""
    with database.read() as connection:
        if account is not None:
            _check_account(account, _applied(connection))
        return open_holds(connection, account=account, site=site)


def verify(database: Database) -> tuple[str, ...]:
    """Return every law of the ledger that does not hold; () when all hold."""
    with database.read() as connection:
        return find_breaks(connection)


def _applied(connection: Connection) -> list[str]:
    return sorted(load_specs(connection, "account", Account))


def _check_account(account: str, names: list[str]) -> None:
    if account not in names:
        raise UsageError(
            f"no account {account!r} was applied", hint=f"applied accounts: {', '.join(names) or 'none; run `igny8 apply`'}"
        )  # fmt: skip
