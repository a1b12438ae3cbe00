"""Limits that are about an account as a whole and a calendar month (UTC): what its tier includes, and when to warn."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.pipeline.port import SiteContext, Stage
from reconciler.store.budgets import alert_once, place_of, read_windows
from reconciler.store.engine import Connection
from reconciler.store.ledger import count_charges_since
from reconciler.store.runs import notify


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
    """Tell once a window that the account, or the site, has used the declared share of its monthly credits."""
    account, site = context.account, context.site
    place = place_of(account.name, site.name, "", 0, now)
    windows = read_windows(connection, place.account_key, place.site_key)
    for key, whose, site_name in ((place.account_key, "", None), (place.site_key, f" of site {site.name}", site.name)):
        window = windows.get(key)
        if window is not None and alert_once(connection, window, account.credits.warn_at_pct, now):
            text = f"{window.spent:,} of {window.limit:,} credits of this month{whose} are used"
            notify(connection, "credits_low", text, now, account=account.name, site=site_name)
