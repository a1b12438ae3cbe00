"""Carries out what a plan says of items in flight, in the apply's transaction; and drains sites for a plan that waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.clock import Clock
from reconciler.errors import ConflictError
from reconciler.plan.block import Block
from reconciler.plan.departures import runs_among
from reconciler.plan.in_flight import POSITIONS, SiteInFlight
from reconciler.plan.making import State, before_of
from reconciler.plan.observed import Observed
from reconciler.plan.planner import Plan
from reconciler.store.departures import work_in_flight
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.in_flight import (
    draining_sites,
    end_drains,
    forget_revisions,
    pin,
    request_drain,
    save_revision,
    unpin,
)
from reconciler.store.keywords import lock_site
from reconciler.store.requeue import requeue

DRAINED = "their sites take nothing new in from now on; apply again once they have been finished"


def settle_in_flight(connection: Connection, plan: Plan, observed: Observed, now: datetime) -> None:
    """Pin or requeue the items that the plan's changes concern, end the drains that it ends, and tidy up."""
    handling = plan.in_flight.handling
    remade = plan.in_flight.remade
    if handling.mode == "requeue-from":
        for site in remade:
            _requeue(connection, site.site, handling.stage, now)
    elif handling.mode == "pin" and remade:
        before = before_of(observed.resources)
        for site in remade:
            # What a drained site has left is its intake, which begins as the plan declares.
            if handling.is_asked or site.site not in observed.draining:
                _pin(connection, site, before, plan.base_generation)
    if observed.draining:
        end_drains(connection)
    if not plan.is_empty:
        forget_revisions(connection)


def _requeue(connection: Connection, site: str, stage: str, now: datetime) -> None:
    lock_site(connection, site)
    busy = runs_among(work_in_flight(connection, now).get(site, ()))
    if busy:
        raise ConflictError(f"site/{site} has {busy}", hint="nothing was changed; let it end, then apply again")
    requeue(connection, site, stage, now)
    unpin(connection, site)


def _pin(connection: Connection, site: SiteInFlight, before: State, generation: int) -> None:
    if pin(connection, site.site, POSITIONS[1 : site.reaches + 1], generation):
        spec = before.find(("site", site.site))
        assert spec is not None
        save_revision(connection, site.site, generation, before.parts_of(spec))


def is_drain_only(blocks: Sequence[Block]) -> bool:
    """Tell whether nothing but a drain that is not over stands against a plan."""
    return bool(blocks) and all(block.guard == "drain" for block in blocks)


def drain_for(database: Database, plan: Plan, clock: Clock, *, actor: str) -> tuple[str, ...]:
    """Let the sites that a plan waits for take nothing new in; return them."""
    sites = tuple(site.site for site in plan.in_flight.remade if site.draining)
    if plan.in_flight.handling.mode != "drain" or not sites:
        return ()
    with database.write() as connection:
        advisory_lock(connection, "igny8-apply")
        request_drain(connection, sites, by=actor, now=clock.now())
    return sites


def end_stale_drains(database: Database) -> None:
    """End all drains: there is no change left that they could be for."""
    with database.read() as connection:
        if not draining_sites(connection):
            return
    with database.write() as connection:
        end_drains(connection)
