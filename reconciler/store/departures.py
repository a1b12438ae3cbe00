"""Resources that are to go: what is in flight on their sites, and the record of a deletion that waits for it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.plan.departures import Finalizer
from reconciler.store.statements import run as execute
from reconciler.store.tables import (
    OPEN_RUN_STATES,
    hold,
    hold_resolution,
    lease,
    publication,
    publication_copy,
    resource,
    run,
)

_LEAVING = sa.select(resource.c.name, resource.c.deleting_since).where(
    resource.c.kind == "site", resource.c.deleting_since.is_not(None)
)
_STAYING = (
    sa.select(resource.c.name)
    .where(resource.c.kind == "site", resource.c.name == sa.bindparam("of_site"), resource.c.deleting_since.is_(None))
    .with_for_update(read=True)
)


def work_in_flight(connection: Connection, now: datetime) -> dict[str, tuple[Finalizer, ...]]:
    """Return the sites with work in flight, and what it is: runs under a lease, open credit holds, publications.

    What a dead worker left behind does not count: nobody works on it any more.
    """
    found: dict[str, list[Finalizer]] = {}
    under_lease = sa.and_(run.c.state == "running", run.c.lease_until > now)
    for site, run_id in connection.execute(sa.select(run.c.site, run.c.id).where(under_lease).order_by(run.c.id)):
        found.setdefault(site, []).append(Finalizer("runs", f"run {run_id}"))
    resolved = sa.exists().where(hold_resolution.c.hold_id == hold.c.id)
    held = sa.select(hold.c.site, sa.func.count(), sa.func.sum(hold.c.credits)).where(
        ~resolved, hold.c.expires_at > now
    )
    for site, number, credits in connection.execute(held.group_by(hold.c.site).order_by(hold.c.site)):
        text = f"{number} open {'hold' if number == 1 else 'holds'} ({credits} credits)"
        found.setdefault(site, []).append(Finalizer("holds", text))
    for table, what in ((publication, "the publication"), (publication_copy, "a copy")):
        at_work = sa.and_(
            lease.c.name == sa.literal("publish:") + table.c.site, lease.c.owner != "", lease.c.until > now
        )
        going_out = sa.select(table.c.site, table.c.content_id).join(lease, at_work)
        going_out = going_out.where(table.c.state == "publishing").order_by(table.c.site, table.c.id)
        for site, content_id in connection.execute(going_out):
            found.setdefault(site, []).append(Finalizer("publications", f"{what} of article {content_id}"))
    return {site: tuple(finalizers) for site, finalizers in found.items()}


def record_deletions(connection: Connection, refs: Iterable[tuple[str, str]], generation: int) -> None:
    """Note that resources go as soon as nothing is in flight: no new work begins for a site."""
    for kind, name in refs:
        where = sa.and_(resource.c.kind == kind, resource.c.name == name, resource.c.deleting_since.is_(None))
        connection.execute(resource.update().where(where).values(deleting_since=generation))


def leaving_sites(connection: Connection) -> dict[str, int]:
    """Return the sites whose deletion was recorded, and by which generation."""
    return {str(name): int(since) for name, since in execute(connection, _LEAVING, {}).rows}


def stays(connection: Connection, site: str) -> bool:
    """Tell whether work may begin for a site: it is there, and is not to go. Until the transaction ends it stays so."""
    return bool(execute(connection, _STAYING, {"of_site": site}).rows)


def lock_sites(connection: Connection, sites: Collection[str]) -> None:
    """Keep work from beginning for these sites until the transaction ends."""
    if sites:
        where = sa.and_(resource.c.kind == "site", resource.c.name.in_(sorted(sites)))
        connection.execute(sa.select(resource.c.name).where(where).order_by(resource.c.name).with_for_update()).all()


def cancel_runs(connection: Connection, site: str, *, note: str, at: datetime) -> tuple[int, ...]:
    """End the open runs of a site that nobody works on, fencing off a worker that might wake up; return their ids."""
    is_open = sa.and_(run.c.site == site, run.c.state.in_(OPEN_RUN_STATES))
    values = {"state": "cancelled", "finished_at": at, "lease_until": None, "owner": "", "note": note}
    ended = run.update().where(is_open).values(fence=run.c.fence + 1, **values).returning(run.c.id)
    return tuple(connection.scalars(ended).all())


def open_hold_runs(connection: Connection, site: str) -> tuple[int, ...]:
    """Return the runs of a site that left credits in open holds."""
    resolved = sa.exists().where(hold_resolution.c.hold_id == hold.c.id)
    runs = sa.select(hold.c.run_id).where(hold.c.site == site, ~resolved).distinct().order_by(hold.c.run_id)
    return tuple(connection.scalars(runs).all())
