"""What a plan does to items in flight: counted, priced, and what forbids it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.kinds.site import Site
from reconciler.kinds.strategy import WordCount
from reconciler.plan.block import Block
from reconciler.plan.change import Change
from reconciler.plan.departures import runs_among
from reconciler.plan.forecast import price_calls
from reconciler.plan.in_flight import Handling, InFlight, Redo, SiteInFlight, add_counts, phrase
from reconciler.plan.making import MakingChange, State, after_of, changed_sites
from reconciler.plan.observed import Observed


def find_in_flight(observed: Observed, changes: Sequence[Change], handling: Handling) -> InFlight:
    """Return the items at the sites whose stages the changes alter, with what it costs to make them anew."""
    altered = changed_sites(observed.resources, changes)
    if not altered:
        return InFlight(handling)
    counts = observed.count_in_flight(tuple(altered))
    remakes = handling.mode == "requeue-from"
    after = after_of(observed.resources, changes) if remakes else None
    return InFlight(
        handling,
        tuple(
            SiteInFlight(
                name, change, counts.get(name, {}),
                _redo(observed, after, name, change, handling) if after is not None else None,
            )
            for name, change in altered.items()
        ),
    )  # fmt: skip


def _redo(observed: Observed, after: State, name: str, change: MakingChange, handling: Handling) -> Redo | None:
    if not change.made_differently:
        return None
    found = observed.count_redone(name, handling.stage)
    spec = after.find(("site", name))
    assert spec is not None
    site = Site.model_validate(spec, strict=False)
    calls = {stage: count for stage, count in found.items() if stage != "articles" and count}
    strategy = after.find(("strategy", site.strategy)) if site.strategy else None
    words: Any = (strategy or {}).get("word_count", {}).get("max", WordCount().max)
    credits, cost = price_calls(site, after.catalog, calls, words=words, preferences=_preferences(spec))
    settings = site.stages.get(handling.stage)
    return Redo(found.get("articles", 0), calls, credits, cost, is_off=settings is None or not settings.enabled)


def _preferences(site: dict[str, Any]) -> dict[str, str]:
    return {**((site.get("ai") or {}).get("model_preferences") or {})}


def in_flight_blocks(in_flight: InFlight, observed: Observed) -> Iterable[Block]:
    """Yield what forbids the plan because of items in flight: a drain that is not over, or a run among requeued items."""
    handling = in_flight.handling
    drained = [
        site for site in in_flight.remade
        if site.draining and (handling.mode == "drain" or (site.site in observed.draining and not handling.is_asked))
    ]  # fmt: skip
    if drained:
        what = phrase(add_counts(site.draining for site in drained))
        yield Block("drain", f"{what} at {_sites(drained)} must be finished on the old revision before this is applied")
    if handling.mode != "requeue-from":
        return
    for site in in_flight.remade:
        if site.redo is None or not site.redo.calls:
            continue
        if site.redo.is_off:
            yield Block("requeue", f"the stage {handling.stage} of site/{site.site} is off: nothing would be made anew")
        busy = runs_among(observed.busy_sites.get(site.site, ()))
        if busy:
            yield Block("in-flight", f"site/{site.site} has {busy}; let it end before its items are requeued")


def _sites(sites: Sequence[SiteInFlight]) -> str:
    return f"site/{sites[0].site}" if len(sites) == 1 else f"{len(sites):,} sites"
