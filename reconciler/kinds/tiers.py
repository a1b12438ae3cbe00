"""TierCatalog: the commercial offers, credit packages, and payment methods by country."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reconciler.kinds.fields import Count, Country, Name, Positive, Spec, Text, Usd


class TierLimits(Spec):
    """What a tier includes; left out = unlimited."""

    sites_max: Positive | None = None
    keywords_max: Positive | None = None
    articles_per_month_max: Positive | None = None


class Tier(Spec):
    """One commercial offer."""

    display_name: Text | None = None
    paid: bool = False
    ai_overrides_allowed: bool = False
    monthly_credits: Count = 0
    monthly_credits_expire: Literal["month_end", "next_month_end", "never"] = "month_end"
    price_usd: Usd = "0"
    limits: TierLimits = TierLimits()


class CreditPackage(Spec):
    """Credits that can be bought once."""

    credits: Positive
    price_usd: Usd
    valid_days: Positive | None = None


class TierCatalog(Spec):
    """All tiers and packages by name."""

    tiers: dict[Name, Tier] = Field(default_factory=dict)
    credit_packages: dict[Name, CreditPackage] = Field(default_factory=dict)
    payment_methods: dict[Country, tuple[Text, ...]] = Field(default_factory=dict)
