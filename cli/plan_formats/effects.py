"""What a plan does to work, as people read it: items in flight, keywords, articles that would stay unpublished."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cli.output import shorten
from reconciler.money import format_usd

if TYPE_CHECKING:
    from reconciler.operations.plan import Planned
    from reconciler.plan.in_flight import InFlight
    from reconciler.plan.keywords import KeywordChange

_SHOWN_MAX = 20


def in_flight_lines(in_flight: InFlight) -> Iterable[str]:
    """Yield where items sit at the sites that the plan makes differently, and what becomes of them."""
    found = list(_in_flight(in_flight))
    for index, line in enumerate(found):
        yield f"{'In flight' if index == 0 else '':<10} {line}"


def _in_flight(in_flight: InFlight) -> Iterable[str]:
    from reconciler.plan.in_flight import phrase

    def told(part: str, fate: str) -> Iterable[str]:
        counts = in_flight.total(part)
        if counts:
            yield f"{phrase(counts)} -> {fate}"

    mode = in_flight.handling.mode
    if mode == "pin":
        yield from told("finishing", "finish on the old revision (pin)")
        yield from told("beginning", "begin on the new one")
        yield from told("past", "are made already and stay")
    elif mode == "drain":
        yield from told("draining", "must be finished before this is applied (drain)")
    else:
        yield from _requeued(in_flight)
    yield from told("relimited", "the new limits of their stage hold at once")
    busy = [site for site in in_flight.sites if any(site.counts.values())]
    if len(busy) > 1:
        for site in busy[:_SHOWN_MAX]:
            yield f"  {site.site}: {phrase(site.counts)}"
        if len(busy) > _SHOWN_MAX:
            yield f"  ... and {len(busy) - _SHOWN_MAX:,} more sites"


def _requeued(in_flight: InFlight) -> Iterable[str]:
    redo = in_flight.requeued
    stage = in_flight.handling.stage
    if not redo.calls:
        yield f"nothing goes back to {stage}; what waits goes on with the new revision"
        return
    calls = ", ".join(f"{key} {count:,}" for key, count in redo.calls.items() if count)
    articles = f"{redo.articles:,} unapproved {'article goes' if redo.articles == 1 else 'articles go'} back"
    yield f"{articles}, made anew from {stage} (requeue-from:{stage})"
    yield f"calls to make it anew: {calls}; about {redo.credits:,} credits, cost {format_usd(redo.cost_nano, 2)}"


def keyword_lines(changes: Sequence[KeywordChange]) -> Iterable[str]:
    """Yield the keywords that the plan archives or takes up, a line a sector."""
    for change in changes[:_SHOWN_MAX]:
        for count, verb in ((change.archived, "archives"), (change.taken_up, "takes up")):
            if count:
                yield f"  ~ {verb} {count:,} {'keyword' if count == 1 else 'keywords'} of sector {change.sector} of {change.site}"
    if len(changes) > _SHOWN_MAX:
        yield f"  ... and keywords of {len(changes) - _SHOWN_MAX:,} more sectors"


def syndication_lines(planned: Planned) -> Iterable[str]:
    """Yield the further places that the plan adds, removes or moves, and what becomes of copies there."""
    for item in planned.syndication[:_SHOWN_MAX]:
        yield f"  ~ {item.text}"
    if len(planned.syndication) > _SHOWN_MAX:
        yield f"  ... and {len(planned.syndication) - _SHOWN_MAX:,} more further places"


def unpublished_lines(planned: Planned) -> Iterable[str]:
    """Yield the scheduled articles of deleted sites, the first of many."""
    for item in planned.unpublished[:_SHOWN_MAX]:
        at = f"{item.site}: {item.from_at:%a %d %b %H:%M UTC}"
        yield f"  ! would not be published: {at}  “{shorten(item.title, 60)}”"
    if len(planned.unpublished) > _SHOWN_MAX:
        yield f"  ... and {len(planned.unpublished) - _SHOWN_MAX:,} more (would not be published)"
