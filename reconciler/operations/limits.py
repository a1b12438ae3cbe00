"""Limits that are about an account as a whole and a calendar month (UTC): what its tier includes, and when to warn."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.pipeline.port import SiteContext, Stage
from reconciler.store.engine import Connection
from reconciler.store.ledger import count_charges_since, credits_used_since
from reconciler.store.runs import notify, was_notified_since


def month_of(now: datetime) -> datetime:
    """Return the first instant of a month, in UTC."""
    return now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def tier_quota_left(connection: Connection, context: SiteContext, stage: Stage, now: datetime) -> int | None:
    """Return how many items of a stage the account's tier still includes this month; None = no limit."""
    limit: int | None = getattr(context.tier.limits, stage.tier_limit) if context.tier and stage.tier_limit else None
    if limit is None:
        return None
    made = count_charges_since(
        connection, month_of(now), account=context.account.name, stage=stage.declaration.key
    )  # fmt: skip
    return max(0, limit - made)


def warn_when_low(connection: Connection, context: SiteContext, now: datetime) -> None:
    """Leave one notification a month once an account has used the declared share of its monthly credits."""
    account = context.account
    if account.credits.monthly_max is None:
        return
    month = month_of(now)
    used = credits_used_since(connection, month, account=account.name)
    if used * 100 < account.credits.monthly_max * account.credits.warn_at_pct:
        return
    if not was_notified_since(connection, "credits_low", month, account=account.name):
        text = f"{used:,} of {account.credits.monthly_max:,} credits of this month are used"
        notify(connection, "credits_low", text, now, account=account.name)
