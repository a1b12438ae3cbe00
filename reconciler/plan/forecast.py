"""What a configuration will use in 30 days, from what it declares: limits, schedules, word counts, models, rates.

The method is the product of declared volumes and a typical size of each call, so it is an upper expectation for sites
that always have work: keywords that run out make it less. Assumptions stand here as named constants, nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import orjson

from reconciler.ids import canonical_bytes, digest, digest_bytes
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
WORDS = 1600
READ = ("platform", "models", "strategy", "account")
_METHOD = 1  # raise it with every change of the method: what was remembered by the old one is worthless
# Of a site, what `_expect` looks at.
VOLUMES = ("automation", "stages", "publishing", "ai")
_RUNS = {"hourly": DAYS * 24, "daily": DAYS, "weekly": DAYS // 7}


@dataclass(frozen=True, slots=True)
class Expected:
    """A site's 30 days: articles, credits and cost."""

    articles: int
    credits: int
    cost_nano: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """All sites' 30 days, by site and by account, and what credits are worth. `fresh` is what was not remembered."""

    sites: Mapping[str, Expected] = field(default_factory=dict)
    credits_by_account: Mapping[str, int] = field(default_factory=dict)
    credit_value_nano: int = 0
    fresh: Mapping[str, Remembered] = field(default_factory=dict, repr=False)

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


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was expected of a site, and what that was worked out from: the site by its digest, all else by `basis`."""

    digest: str
    account: str
    strategy: str
    basis: str
    expected: Expected


@dataclass(frozen=True, slots=True)
class Priced:
    """A resource that a forecast is made of: its digest, and its canonical JSON when it is asked for."""

    kind: str
    name: str
    digest: str
    text: Callable[[], str | bytes]


@dataclass(frozen=True)
class ForecastMethod:
    """Works forecasts out. What is `remembered` of sites that are as they were is not worked out again.

    Sites that declare the same volumes have the same expectation, so that it is found once.
    """

    remembered: Mapping[str, Remembered] = field(default_factory=dict)
    _found: dict[tuple[str, bytes], Expected] = field(default_factory=dict, init=False)

    def forecast(self, resources: Iterable[Priced]) -> Forecast:
        """Return the forecast of resolved resources; empty where there is no platform or no model catalogue."""
        sites: list[Priced] = []
        others: dict[tuple[str, str], Any] = {}
        for item in resources:
            if item.kind == "site":
                sites.append(item)
            elif item.kind in READ:
                others[item.kind, item.name] = orjson.loads(item.text())
        if ("platform", "platform") not in others or ("models", "models") not in others:
            return Forecast()
        basis = Basis(others)
        expected: dict[str, Expected] = {}
        accounts: dict[str, int] = {}
        fresh: dict[str, Remembered] = {}
        for item in sorted(sites, key=attrgetter("name")):
            known = self.remembered.get(item.name)
            if known is None or known.digest != item.digest or known.basis != basis.of(known.account, known.strategy):
                known = fresh[item.name] = self._work_out(item, basis)
            expected[item.name] = known.expected
            accounts[known.account] = accounts.get(known.account, 0) + known.expected.credits
        return Forecast(expected, accounts, basis.credit_value_nano, fresh)

    def _work_out(self, item: Priced, basis: Basis) -> Remembered:
        data = orjson.loads(item.text())
        account, strategy = data["account"], data.get("strategy") or ""
        depends_on = basis.of(account, strategy)
        volumes = depends_on, orjson.dumps([data.get(key) for key in VOLUMES])
        expected = self._found.get(volumes)
        if expected is None:
            words, preferred = basis.words.get(strategy, WORDS), basis.preferences.get(account, {})
            expected = self._found[volumes] = _expect(read_stored(Site, data), basis.catalog, words, preferred)
        return Remembered(item.digest, account, strategy, depends_on, expected)


class Basis:
    """What sites' forecasts depend on besides the sites: words and preferences by strategy and account, and the models."""

    def __init__(self, others: Mapping[tuple[str, str], Any]) -> None:
        models = others["models", "models"]
        self.catalog = read_stored(ModelCatalog, models)
        self.credit_value_nano = parse_usd(read_stored(Platform, others["platform", "platform"]).credit_value_usd)
        self.words = {
            name: read_stored(Strategy, data).word_count.max
            for (kind, name), data in others.items()
            if kind == "strategy"
        }
        self.preferences = {name: _preferences(data) for (kind, name), data in others.items() if kind == "account"}
        self._models = digest([_METHOD, models])
        self._found: dict[tuple[str, str], str] = {}

    def of(self, account: str, strategy: str) -> str:
        """Return the digest of what the forecast of a site with this account and strategy depends on."""
        key = account, strategy
        if key not in self._found:
            self._found[key] = digest(
                [self._models, self.words.get(strategy, WORDS), self.preferences.get(account, {})]
            )
        return self._found[key]


def forecast_month(specs: Mapping[tuple[str, str], dict[str, Any]]) -> Forecast:
    """Return the forecast of a set of resolved resources."""
    resources = []
    for (kind, name), data in specs.items():
        text = canonical_bytes(data)
        resources.append(Priced(kind, name, digest_bytes(text), lambda text=text: text))  # type: ignore[misc]
    return ForecastMethod().forecast(resources)


def _preferences(account: Mapping[str, Any]) -> dict[str, str]:
    return {**(account.get("ai", {}).get("model_preferences") or {})}


def read_stored(model: Any, data: dict[str, Any]) -> Any:
    """Return the spec of a resolved form. It is read leniently: lists stand for tuples."""
    return model.model_validate(data, strict=False)


def _expect(site: Site, catalog: ModelCatalog, words: int, preferences: dict[str, str]) -> Expected:
    if not site.automation.enabled:
        return Expected(0, 0, 0)
    runs = _RUNS[site.automation.frequency]
    articles = _articles(site, runs)
    ideas_calls = -(-articles // IDEAS_PER_CLUSTER)
    calls = {
        "clusters": max(1, ideas_calls // 8) if articles else 0,
        "ideas": ideas_calls,
        "content": articles,
        "prompts": articles,
        "images": articles * (1 + site.ai.max_in_article_images),
    }
    return Expected(articles, *price_calls(site, catalog, calls, words=words, preferences=preferences))


def price_calls(
    site: Site, catalog: ModelCatalog, calls: Mapping[str, int], *, words: int = WORDS,
    preferences: Mapping[str, str] | None = None,
) -> tuple[int, int]:  # fmt: skip
    """Return the credits and the cost in nano-USD that AI calls of a site, counted by stage, are expected to take."""
    sizes = {
        "clusters": OUTPUT_TOKENS_PER_CLUSTERING,
        "ideas": OUTPUT_TOKENS_PER_IDEAS,
        "content": words * OUTPUT_TOKENS_PER_WORD_TENTHS // 10,
        "prompts": OUTPUT_TOKENS_PER_IMAGE_PROMPTS,
    }
    preferred = dict(preferences or {})
    credits = cost = 0
    for key, count in calls.items():
        if key == "images":
            used, nano = _price(site, key, "image", catalog, preferred, Usage(images=1))
        else:
            used, nano = _price(site, key, "text", catalog, preferred, Usage(INPUT_TOKENS_PER_CALL, 0, sizes[key]))
        credits, cost = credits + count * used, cost + count * nano
    return credits, cost


def _articles(site: Site, runs: int) -> int:
    """Return the articles of 30 days: what runs may write, but no more than the schedule has slots for."""
    content = site.stages.get("content")
    if content is None or not content.enabled:
        return 0
    daily = len(site.publishing.time_slots)
    slots = len(site.publishing.days) * min(daily, site.publishing.max_per_day or daily) * DAYS // 7
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
