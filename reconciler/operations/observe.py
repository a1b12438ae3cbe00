"""Reads the actual state, as far as plans depend on it, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from reconciler.config.compilation import Compilation
from reconciler.operations.reschedule import StoredCalendar
from reconciler.plan.moves import find_renames
from reconciler.plan.observed import Observed
from reconciler.plan.snapshot import keywords_a_call
from reconciler.store.copies import count_copies, count_public
from reconciler.store.departures import work_in_flight
from reconciler.store.engine import Connection
from reconciler.store.forecasts import load_forecasts
from reconciler.store.history import current_generation
from reconciler.store.in_flight import count_in_flight, draining_sites
from reconciler.store.ledger import available_credits, known_keys
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
        return find_scope(connection, site, stage).calls(keywords_a_call(actual, site))

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


@dataclass(frozen=True, slots=True)
class StoredState(StoredCalendar):
    """All that a plan asks for, read from the database in the caller's transaction."""

    def observe(self, compilation: Compilation, now: datetime) -> Observed:
        """Return the actual state, as far as a plan to the compilation depends on it."""
        return observe(self.connection, compilation, now)

    @property
    def available(self) -> Mapping[str, int]:
        """Return what every account has available."""
        return available_credits(self.connection)

    def posted(self, keys: Collection[str]) -> Collection[str]:
        """Return those of the keys that transfers were made with."""
        return known_keys(self.connection, list(keys))

    def public_articles(self, site: str) -> int:
        """Return how many articles of a site are public there."""
        return count_public(self.connection, site).get(site, 0)

    def public_copies(self, site: str) -> Mapping[str, int]:
        """Return how many copies are public, by the name of the place."""
        return count_copies(self.connection, site).get(site, {})
