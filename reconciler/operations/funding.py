"""What time does to an account: the month's credits arrive, lots begin and expire, forgotten holds are released."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reconciler.clock import Clock
from reconciler.kinds.account import Account
from reconciler.kinds.tiers import Tier, TierCatalog
from reconciler.ledger.transfers import month_name
from reconciler.store.engine import Connection, Database
from reconciler.store.history import current_generation
from reconciler.store.ledger import (
    Origin,
    Terms,
    accounts_due,
    expire_holds,
    grant,
    is_known,
    known_keys,
    lock_account,
)
from reconciler.store.lots import bring_up_to_date
from reconciler.store.resources import load_specs


def fund_accounts(database: Database, clock: Clock, *, account: str | None = None) -> int:
    """Bring one applied account, or all, up to date, each in a transaction of its own; return how many had to be."""
    now = clock.now()
    with database.read() as connection:
        tiers = _tiers(connection)
        accounts = {
            name: spec
            for name, spec in load_specs(connection, "account", Account).items()
            if account in (None, name)
        }  # fmt: skip
        due = accounts_due(connection, now)
        keys = {monthly_key(name, now): name for name, spec in accounts.items() if _gives(tiers.get(spec.tier))}
        due |= {keys[key] for key in keys.keys() - known_keys(connection, list(keys))}
        generation = current_generation(connection)
    for name in sorted(due & accounts.keys()):
        with database.write() as connection:
            fund(connection, accounts[name], tiers.get(accounts[name].tier), Origin("funding", now, generation))
    return len(due & accounts.keys())


def fund(connection: Connection, account: Account, tier: Tier | None, origin: Origin) -> None:
    """Bring one account up to date, in the caller's transaction."""
    grant_monthly(connection, account, tier, origin)
    expire_holds(connection, origin, account=account.name)
    # A lot whose time has come and gone is moved now, so that `available` is what can be spent.
    if lock_account(connection, account.name).is_due(origin.at):
        bring_up_to_date(connection, account.name, origin)


def grant_monthly(connection: Connection, account: Account, tier: Tier | None, origin: Origin) -> None:
    """Post the tier's credits of this month to the account, once."""
    if tier is None or not tier.monthly_credits:
        return
    key = monthly_key(account.name, origin.at)
    month = month_name(origin.at)
    # A tier that changes in mid-month keeps what was granted: the month's key was used, with another amount.
    if not is_known(connection, key):
        terms = Terms("monthly", account.tier, expires_at=monthly_end(tier, origin.at))
        reason = f"monthly credits of tier {account.tier}, {month}"
        grant(connection, account.name, tier.monthly_credits, key, reason, origin, terms)


def monthly_key(account: str, at: datetime) -> str:
    """Return what makes the credits of a month come once."""
    return f"monthly:{account}:{month_name(at)}"


def monthly_end(tier: Tier, at: datetime) -> datetime | None:
    """Return when the credits of a month expire, as the tier says; None = never."""
    months = {"month_end": 1, "next_month_end": 2}.get(tier.monthly_credits_expire)
    first = at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(months or 0):
        first = (first + timedelta(days=32)).replace(day=1)
    return first if months else None


def _gives(tier: Tier | None) -> bool:
    return tier is not None and tier.monthly_credits > 0


def _tiers(connection: Connection) -> dict[str, Tier]:
    return load_specs(connection, "tiers", TierCatalog).get("tiers", TierCatalog()).tiers
