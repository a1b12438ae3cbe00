"""What is going on: the state of every site on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.clock import Clock
from reconciler.operations.context import load_contexts
from reconciler.plan.departures import Finalizer
from reconciler.schedule.due import next_due
from reconciler.store.departures import leaving_sites, work_in_flight
from reconciler.store.engine import Database
from reconciler.store.history import load_history
from reconciler.store.items import SiteItems, count_set_aside, count_states
from reconciler.store.ledger import balance_of
from reconciler.store.runs import last_run


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """One site: its items by kind and state, its last run, what comes next, and what its account can spend."""

    site: str
    account: str
    items: dict[str, dict[str, int]]
    set_aside: int
    last_run_state: str
    last_run_at: datetime | None
    last_run_note: str
    next_run_at: datetime | None
    next_slot_at: datetime | None
    available_credits: int
    leaving: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "site": self.site,
            "account": self.account,
            "items": self.items,
            "set_aside": self.set_aside,
            "last_run": {"state": self.last_run_state, "at": _iso(self.last_run_at), "note": self.last_run_note},
            "next_run_at": _iso(self.next_run_at),
            "next_slot_at": _iso(self.next_slot_at),
            "available_credits": self.available_credits,
            "deleting": self.leaving,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """All sites, and the last apply."""

    generation: int
    revision: str
    applied_at: datetime | None
    applied_by: str
    sites: tuple[SiteStatus, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "summary": {"generation": self.generation, "sites": len(self.sites)},
            "generation": self.generation,
            "revision": self.revision,
            "applied_at": _iso(self.applied_at),
            "applied_by": self.applied_by,
            "sites": [site.to_json() for site in self.sites],
        }


def status(database: Database, clock: Clock) -> Status:
    """Return the state of every applied site."""
    now = clock.now()
    with database.read() as connection:
        newest = next(iter(load_history(connection, limit=1)), None)
        sites = []
        leaving, busy = leaving_sites(connection), work_in_flight(connection, now)
        for name, context in sorted(load_contexts(connection).items()):
            run = last_run(connection, name)
            automation = context.site.automation
            scheduled = SiteItems(connection, name).find("publication", {"state": "scheduled"})
            sites.append(
                SiteStatus(
                    site=name,
                    account=context.account.name,
                    items=count_states(connection, name),
                    set_aside=count_set_aside(connection, name),
                    last_run_state=run.state if run else "never",
                    last_run_at=(run.finished_at or run.started_at) if run else None,
                    last_run_note=run.note if run else "",
                    next_run_at=next_due(automation, context.site.timezone, after=now) if automation.enabled else None,
                    next_slot_at=min((row["slot_at"] for row in scheduled), default=None),
                    available_credits=balance_of(connection, context.account.name).available,
                    leaving=_waits_for(busy.get(name, ())) if name in leaving else "",
                )
            )
    return Status(
        newest.generation if newest else 0,
        newest.revision if newest else "",
        newest.at if newest else None,
        newest.actor if newest else "",
        tuple(sites),
    )


def _waits_for(finalizers: Sequence[Finalizer]) -> str:
    """Return what a site that is to go waits for."""
    return f"waits for {', '.join(item.text for item in finalizers) or 'the next apply'}"


def _iso(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
