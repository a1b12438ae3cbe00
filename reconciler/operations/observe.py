"""Reads the actual state, as far as plans depend on it, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.config.compilation import Compilation
from reconciler.plan.change import Actual
from reconciler.plan.moves import find_renames
from reconciler.plan.observed import Observed
from reconciler.store.departures import work_in_flight
from reconciler.store.engine import Connection
from reconciler.store.forecasts import load_forecasts
from reconciler.store.history import current_generation
from reconciler.store.in_flight import count_in_flight, draining_sites
from reconciler.store.quarantine import quarantined_reason
from reconciler.store.renames import remains
from reconciler.store.requeue import find_scope
from reconciler.store.resource_holds import load_holds
from reconciler.store.resources import load_actual


def observe(connection: Connection, compilation: Compilation, now: datetime) -> Observed:
    """Return the actual state, as far as a plan to the compilation depends on it."""
    declared = {item.key: item for item in compilation.resources}
    actual = load_actual(connection, declared)

    def count_redone(site: str, stage: str) -> dict[str, int]:
        return find_scope(connection, site, stage).calls(_keywords_a_call(actual, site))

    renames = find_renames(compilation.moves, actual, declared)
    return Observed(
        current_generation(connection),
        actual,
        work_in_flight(connection, now),
        load_forecasts(connection),
        quarantined=quarantined_reason(connection, compilation.digest),
        holds=load_holds(connection, now),
        now=now,
        count_in_flight=lambda sites: count_in_flight(connection, sites),
        count_redone=count_redone,
        draining=tuple(draining_sites(connection)),
        remains={ref: left for ref in renames if (left := remains(connection, *ref))},
    )


def _keywords_a_call(actual: Mapping[tuple[str, str], Actual], site: str) -> int:
    item = actual.get(("site", site))
    stage = (item.spec.get("stages") or {}).get("clusters") if item is not None else None
    return (stage or {}).get("batch_size") or 50
