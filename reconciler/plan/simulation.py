"""The days to come, from declared volume: due runs, slots, articles, credits and cost, day by day.

What a call takes is what the forecast of a plan reckons with: declared volumes, a typical size of each call, the models'
prices. It tells what the config asks for, not what there is to do: keywords that run out, budgets and failures make it less.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import add
from typing import Any

import orjson

from reconciler.clock import parse_duration_seconds
from reconciler.kinds.site import Site
from reconciler.plan.forecast import (
    IDEAS_PER_CLUSTER,
    READ,
    VOLUMES,
    WORDS,
    Basis,
    Priced,
    price_calls,
    read_stored,
)
from reconciler.schedule.simulation import Event, Flow, SiteDays, simulate_site

METHOD = (
    "Declared volume: each due run writes up to its limit, but no more than the slots of the week after it have room "
    "for; words, models, images and prices as declared. Keywords that run out, budgets and failures make it less."
)
_CLUSTERS_PER_CALL = 8


@dataclass(frozen=True, slots=True)
class Figures:
    """What days bring together. `written` articles are paid for, `published` ones go out in slots."""

    runs: int = 0
    slots: int = 0
    written: int = 0
    published: int = 0
    credits: int = 0
    cost_nano: int = 0

    def to_json(self) -> dict[str, int]:
        """Return the machine-readable form."""
        return {
            "runs": self.runs,
            "slots": self.slots,
            "written": self.written,
            "published": self.published,
            "credits": self.credits,
            "cost_nano_usd": self.cost_nano,
        }

    def minus(self, other: Figures) -> Figures:
        """Return how much more this is than another, figure by figure."""
        mine, its = self.to_json().values(), other.to_json().values()
        return Figures(*(a - b for a, b in zip(mine, its, strict=True)))


@dataclass(frozen=True, slots=True)
class SimulatedSite:
    """A site's days: its figures in all, and what happens when, if that was asked for."""

    account: str
    timezone: str
    total: Figures
    waits_for_people: bool
    events: Sequence[Event] = ()
    # Of each figure its days: what differs by day alone differs too.
    columns: Sequence[Sequence[int]] = ()


@dataclass(frozen=True, slots=True)
class Simulation:
    """The days from `first_on` on, each site's on its own calendar, and the sites."""

    first_on: date
    days: tuple[Figures, ...]
    sites: Mapping[str, SimulatedSite] = field(default_factory=dict)
    credit_value_nano: int = 0

    @property
    def total(self) -> Figures:
        """Return the figures of all days."""
        columns = zip(*(day.to_json().values() for day in self.days), strict=True)
        return Figures(*(sum(column) for column in columns)) if self.days else Figures()

    def on(self, index: int) -> date:
        """Return the date of a day."""
        return self.first_on + timedelta(days=index)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "method": METHOD,
            "days": [{"on": self.on(index).isoformat(), **day.to_json()} for index, day in enumerate(self.days)],
            "sites": {
                name: {
                    "account": site.account,
                    "timezone": site.timezone,
                    "waits_for_people": site.waits_for_people,
                    **site.total.to_json(),
                }
                for name, site in self.sites.items()
            },
        }


def simulate(
    resources: Iterable[Priced], *, first_on: date, days: int, sites: Collection[str] | None = None,
    with_events: bool = False,
) -> Simulation:  # fmt: skip
    """Return the days of resolved resources; of some sites if they are named. Empty without platform or models."""
    wanted: list[Priced] = []
    others: dict[tuple[str, str], Any] = {}
    for item in resources:
        if item.kind == "site" and (sites is None or item.name in sites):
            wanted.append(item)
        elif item.kind in READ:
            others[item.kind, item.name] = orjson.loads(item.text())
    if ("platform", "platform") not in others or ("models", "models") not in others:
        return Simulation(first_on, (Figures(),) * days)
    basis = Basis(others)
    known: dict[tuple[Any, ...], _Worked] = {}
    sums = [[0] * days for _ in range(6)]
    found: dict[str, SimulatedSite] = {}
    for item in sorted(wanted, key=lambda item: item.name):
        data = orjson.loads(item.text())
        volumes = orjson.dumps([data.get(key) for key in (*VOLUMES, "timezone")])
        # Sites of one account and strategy that declare the same volumes have the same days.
        key = data["account"], data.get("strategy") or "", volumes
        worked = known.get(key)
        if worked is None:
            site = read_stored(Site, data)
            worked = known[key] = _work_out(site, basis, others, first_on=first_on, days=days, with_events=with_events)
        sums = [list(map(add, sum_, column)) for sum_, column in zip(sums, worked.columns, strict=True)]
        total = Figures(*map(sum, worked.columns))
        found[item.name] = SimulatedSite(
            data["account"], data["timezone"], total, worked.waits, worked.events, worked.columns
        )
    return Simulation(first_on, tuple(Figures(*day) for day in zip(*sums, strict=True)), found, basis.credit_value_nano)


@dataclass(frozen=True, slots=True)
class _Worked:
    columns: tuple[list[int], ...]
    waits: bool
    events: Sequence[Event]


def _work_out(
    site: Site, basis: Basis, others: Mapping[tuple[str, str], Any], *, first_on: date, days: int, with_events: bool
) -> _Worked:
    modules = others["platform", "platform"].get("modules", {})
    account = others.get(("account", site.account), {})
    flow = _flow(site, modules, account)
    found = simulate_site(flow, first_on=first_on, days=days, with_events=with_events)
    credits, cost = _prices(site, basis, found)
    review = site.stages.get("review")
    waits = flow.publishing is not None and not (site.publishing.auto_approval and (review is None or review.enabled))
    columns = (found.runs, found.slots, found.written, found.published, credits, cost)
    return _Worked(columns, waits, tuple(found.events))


def _flow(site: Site, modules: Mapping[str, bool], account: Mapping[str, Any]) -> Flow:
    of_account = account.get("modules", {})
    runs = site.automation.enabled and account.get("status") != "suspended" and of_account.get("automation", True)
    goes_out = site.publishing.auto_publish and modules.get("publishing", True)
    content = site.stages.get("content")
    writes = content is not None and content.enabled and modules.get("content", True) and of_account.get("writer", True)
    limit = (content.per_run_limit or None) if content is not None and writes else 0
    hold = timedelta(seconds=parse_duration_seconds(site.publishing.auto_approval_hold or "0s"))
    has_slots = bool(site.publishing.days and site.publishing.time_slots)
    return Flow(
        site.timezone,
        site.automation if runs else None,
        site.publishing if goes_out and has_slots else None,
        limit,
        hold,
    )


def _prices(site: Site, basis: Basis, found: SiteDays) -> tuple[list[int], list[int]]:
    """Return the credits and the cost of each day. Ideas and clusters are asked for when enough were used up."""
    words = basis.words.get(site.strategy or "", WORDS)
    preferences = basis.preferences.get(site.account, {})

    def price(calls: Mapping[str, int]) -> tuple[int, int]:
        return price_calls(site, basis.catalog, calls, words=words, preferences=preferences)

    an_article = price({"content": 1, "prompts": 1, "images": 1 + site.ai.max_in_article_images})
    an_idea, a_cluster = price({"ideas": 1}), price({"clusters": 1})
    written, ideas = found.written_before, -(-found.written_before // IDEAS_PER_CLUSTER)
    clusters = -(-ideas // _CLUSTERS_PER_CALL)
    credits, cost = [], []
    for number in found.written:
        written += number
        more_ideas = -(-written // IDEAS_PER_CLUSTER) - ideas
        ideas += more_ideas
        more_clusters = -(-ideas // _CLUSTERS_PER_CALL) - clusters
        clusters += more_clusters
        of_day = [
            number * article + more_ideas * idea + more_clusters * cluster
            for article, idea, cluster in zip(an_article, an_idea, a_cluster, strict=True)
        ]
        credits.append(of_day[0])
        cost.append(of_day[1])
    return credits, cost
