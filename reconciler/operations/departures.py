"""Lets resources go: a site that has work in flight when it is deleted goes when the work has ended.

What a site made stays: articles, usage lines and postings are never deleted. What it had scheduled waits as approved.
"""

from __future__ import annotations

from reconciler.plan.planner import Plan
from reconciler.store.claims import drop_all
from reconciler.store.copies import drop_waiting_copies
from reconciler.store.departures import cancel_runs, lock_sites, open_hold_runs, record_deletions
from reconciler.store.engine import Connection
from reconciler.store.items import SiteItems
from reconciler.store.ledger import Origin, expire_holds
from reconciler.store.publications import unschedule
from reconciler.store.runs import lose_attempts


def hold_back_new_work(connection: Connection, plan: Plan) -> None:
    """Keep work from beginning for the sites that a plan deletes, from here to the end of the transaction."""
    lock_sites(connection, [change.name for change in plan.changes if change.kind == "site" and change.after is None])


def let_go(connection: Connection, plan: Plan, origin: Origin) -> None:
    """Record the deletions that have to wait, and end what those that go now have left: runs, holds, scheduled slots."""
    record_deletions(connection, [(item.kind, item.name) for item in plan.lingering], origin.generation)
    for change in plan.carried_out:
        if change.kind == "site" and change.action == "delete":
            _end_work(connection, change.name, origin)


def _end_work(connection: Connection, site: str, origin: Origin) -> None:
    cancelled = cancel_runs(connection, site, note="the site was deleted", at=origin.at)
    for run_id in dict.fromkeys((*cancelled, *open_hold_runs(connection, site))):
        drop_all(connection, run_id)
        lose_attempts(connection, run_id, origin.at)
        expire_holds(connection, origin, run_id=run_id)
    for row in SiteItems(connection, site).find("publication", {"state": "scheduled"}):
        unschedule(connection, int(row["content_id"]), "its site, which was deleted")
    drop_waiting_copies(connection, site)
