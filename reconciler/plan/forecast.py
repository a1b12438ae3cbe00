"""What a configuration will use in 30 days, from what it declares: limits, schedules, word counts, models, rates.

The method is the product of declared volumes and a typical size of each call, so it is an upper expectation for sites
that always have work: keywords that run out make it less. Assumptions stand here as named constants, nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.kinds.models import Model, ModelCatalog, live_model, testing_model
from reconciler.kinds.platform import Platform
from reconciler.kinds.site import Site
from reconciler.kinds.strategy import Strategy
from reconciler.ledger.pricing import UnknownPriceError, cost_of, credits_of, rates_of
from reconciler.money import parse_usd
from reconciler.usage import Usage

DAYS = 30
IDEAS_PER_CLUSTER = 5
INPUT_TOKENS_PER_CALL = 1200
OUTPUT_TOKENS_PER_CLUSTERING = 2500
OUTPUT_TOKENS_PER_IDEAS = 1200
OUTPUT_TOKENS_PER_IMAGE_PROMPTS = 600
OUTPUT_TOKENS_PER_WORD_TENTHS = 15
_RUNS = {"hourly": DAYS * 24, "daily": DAYS, "weekly": DAYS // 7}


@dataclass(frozen=True, slots=True)
class Expected:
    """A site's 30 days: articles, credits and cost."""

    articles: int
    credits: int
    cost_nano: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """All sites' 30 days, by site and by account, and what credits are worth."""

    sites: Mapping[str, Expected] = field(default_factory=dict)
    credits_by_account: Mapping[str, int] = field(default_factory=dict)
    credit_value_nano: int = 0

    @property
    def credits(self) -> int:
        """Return the credits of all sites."""
        return sum(item.credits for item in self.sites.values())

    @property
    def cost_nano(self) -> int:
        """Return the cost of all sites in nano-USD."""
        return sum(item.cost_nano for item in self.sites.values())

    @property
    def articles(self) -> int:
        """Return the articles of all sites."""
        return sum(item.articles for item in self.sites.values())

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "days": DAYS,
            "articles": self.articles,
            "credits": self.credits,
            "cost_nano_usd": self.cost_nano,
            "revenue_nano_usd": self.credits * self.credit_value_nano,
            "credits_by_account": dict(self.credits_by_account),
            "sites": {
                name: {"articles": item.articles, "credits": item.credits, "cost_nano_usd": item.cost_nano}
                for name, item in self.sites.items()
            },
        }


def forecast_month(specs: Mapping[tuple[str, str], dict[str, Any]]) -> Forecast:
    """Return the forecast of a set of resolved resources; empty where there is no platform or model catalogue."""
    if ("platform", "platform") not in specs or ("models", "models") not in specs:
        return Forecast()
    platform = _read(Platform, specs["platform", "platform"])
    catalog = _read(ModelCatalog, specs["models", "models"])
    words = {name: _read(Strategy, data).word_count.max for (kind, name), data in specs.items() if kind == "strategy"}
    sites: dict[str, Expected] = {}
    accounts: dict[str, int] = {}
    for (kind, name), data in sorted(specs.items()):
        if kind != "site":
            continue
        site = _read(Site, data)
        account = specs.get(("account", site.account), {})
        preferences = {**(account.get("ai", {}).get("model_preferences") or {})}
        sites[name] = _expect(site, catalog, words.get(site.strategy or "", 1600), preferences)
        accounts[site.account] = accounts.get(site.account, 0) + sites[name].credits
    return Forecast(sites, accounts, parse_usd(platform.credit_value_usd))


def _read(model: Any, data: dict[str, Any]) -> Any:
    # What was resolved and stored once is read leniently: lists stand for tuples.
    return model.model_validate(data, strict=False)


def _expect(site: Site, catalog: ModelCatalog, words: int, preferences: dict[str, str]) -> Expected:
    if not site.automation.enabled:
        return Expected(0, 0, 0)
    runs = _RUNS[site.automation.frequency]
    articles = _articles(site, runs)
    ideas_calls = -(-articles // IDEAS_PER_CLUSTER)
    calls = {
        "clusters": (max(1, ideas_calls // 8) if articles else 0, OUTPUT_TOKENS_PER_CLUSTERING),
        "ideas": (ideas_calls, OUTPUT_TOKENS_PER_IDEAS),
        "content": (articles, words * OUTPUT_TOKENS_PER_WORD_TENTHS // 10),
        "prompts": (articles, OUTPUT_TOKENS_PER_IMAGE_PROMPTS),
    }
    credits = cost = 0
    for key, (count, output_tokens) in calls.items():
        used, nano = _price(site, key, "text", catalog, preferences, Usage(INPUT_TOKENS_PER_CALL, 0, output_tokens))
        credits, cost = credits + count * used, cost + count * nano
    used, nano = _price(site, "images", "image", catalog, preferences, Usage(images=1))
    images = articles * (1 + site.ai.max_in_article_images)
    return Expected(articles, credits + images * used, cost + images * nano)


def _articles(site: Site, runs: int) -> int:
    """Return the articles of 30 days: what runs may write, but no more than the schedule has slots for."""
    content = site.stages.get("content")
    if content is None or not content.enabled:
        return 0
    slots = len(site.publishing.days) * len(site.publishing.time_slots) * DAYS // 7
    if not site.publishing.auto_publish or slots == 0:
        return runs * (content.per_run_limit or 10)
    return min(runs * content.per_run_limit, slots) if content.per_run_limit else slots


def _price(
    site: Site, stage: str, model_type: Any, catalog: ModelCatalog, preferences: dict[str, str], usage: Usage
) -> tuple[int, int]:
    settings = site.stages.get(stage)
    if settings is None or not settings.enabled:
        return 0, 0
    live = preferences.get(model_type) or live_model(catalog, model_type)
    name = testing_model(catalog, model_type) if settings.model == "testing" else live
    model: Model | None = catalog.models.get(name or "")
    if name is None or model is None:
        return 0, 0
    try:
        rates = rates_of(name, model, size=site.ai.image_size, quality=site.ai.image_quality)
        return credits_of(usage, rates), cost_of(usage, rates).total_nano
    except UnknownPriceError:
        return 0, 0
