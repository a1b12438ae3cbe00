"""The daemon: one loop that wakes on a change, on its interval, or when a run has ended. Events only wake it; every pass
compares what is with what should be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.clock import parse_duration_seconds
from reconciler.daemon.passes import ConfigFollower, EventSink
from reconciler.daemon.snapshots import SnapshotKeeper
from reconciler.daemon.watch import settle, watched
from reconciler.errors import Igny8Error, LockedError
from reconciler.kinds.platform import Platform
from reconciler.operations.app import Installation
from reconciler.operations.engine import Engine
from reconciler.operations.funding import fund_accounts
from reconciler.operations.notify import Told, deliver_due
from reconciler.operations.prepare_ahead import prepare_ahead
from reconciler.operations.publish import PublishReport, publish_due
from reconciler.operations.publishers import PlaceMemories
from reconciler.operations.review import settle_reviews
from reconciler.operations.run import run_wanted, wanted_due
from reconciler.operations.stopping import StopSignal
from reconciler.operations.sync import SyncedSite, sync_sites
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.publishing import CATCH_UP_PER_HOUR, SYNC_EVERY
from reconciler.store.engine import Database
from reconciler.store.locks import break_lease, take_lease
from reconciler.store.resources import load_specs

LEADER = "reconcile"
_LEASE_INTERVALS = 5


async def reconcile(
    installation: Installation, database: Database, make_engine: Callable[[StopSignal], Engine], stop: StopSignal, *,
    once: bool, tell: EventSink, snapshot: Path | None = None,
) -> bool:  # fmt: skip
    """Keep everything as declared until asked to stop; return whether the last pass was without refusals.

    With `once` it makes one pass: config, runs, publishing. The file `snapshot` follows the actual state. Raises LockedError when another daemon is at work.
    """
    keeper = SnapshotKeeper(installation, database, snapshot, tell)
    tell = keeper.tell
    follower = ConfigFollower(installation, database, tell)
    _lead(installation, database)
    try:
        if once:
            followed = follower.follow()
            ran = await _run_due(make_engine(stop), tell)
            published = await _publish(installation, database, stop, tell, PlaceMemories())
            # Nobody outside has to listen for the pass to have gone well.
            await _deliver(installation, database, stop, tell)
            keeper.keep()
            return published and followed and ran
        return await _loop(installation, database, make_engine, stop, follower, keeper)
    finally:
        with database.write() as connection:
            break_lease(connection, LEADER, worker_name())


async def _loop(
    installation: Installation, database: Database, make_engine: Callable[[StopSignal], Engine], stop: StopSignal,
    follower: ConfigFollower, keeper: SnapshotKeeper,
) -> bool:  # fmt: skip
    tell = keeper.tell
    changed = asyncio.Event()
    running: asyncio.Task[bool] | None = None
    publishing: asyncio.Task[bool] | None = None
    delivering: asyncio.Task[None] | None = None
    memories = PlaceMemories()
    followed = True
    with watched(installation.root, changed):
        tell("started", {"root": str(installation.root), "worker": worker_name()})
        while not stop.is_requested:
            _lead(installation, database)
            followed = follower.follow()
            if running is None or running.done():
                running = asyncio.create_task(_run_due(make_engine(stop), tell))
            if publishing is None or publishing.done():
                publishing = asyncio.create_task(_keep_publishing(installation, database, stop, tell, memories))
            if delivering is None or delivering.done():
                delivering = asyncio.create_task(_deliver(installation, database, stop, tell))
            keeper.keep()
            await _sleep(_interval(database), changed, stop, running)
        for task in (running, publishing, delivering):
            if task is not None:
                await task
    tell("stopped", {})
    return followed


async def _run_due(engine: Engine, tell: EventSink) -> bool:
    """Make the runs that are owed and return whether all went well.

    What keeps the installation from running is told, and tried again next pass.
    """
    try:
        fund_accounts(engine.database, engine.clock)
        wanted = wanted_due(engine)
        if not wanted:
            return True
        report = await run_wanted(engine, wanted)
    except Igny8Error as error:
        tell("run_failed", {"reason": error.message, "hint": error.hint})
        return False
    except Exception as error:  # a defect of ours must not end the daemon, nor pass unseen
        tell("run_failed", {"reason": f"unexpected: {type(error).__name__}: {error}"})
        return False
    for result in report.results:
        tell("run", {"site": result.site, "run": result.run_id, "state": result.state, "credits": result.credits})
    for skipped in report.skipped:
        tell("run_skipped", {"site": skipped.site, "reason": skipped.reason})
    return report.failed == 0


async def _publish(
    installation: Installation, database: Database, stop: StopSignal, tell: EventSink, memories: PlaceMemories
) -> bool:  # fmt: skip
    """Publish what is due, prepare what goes out soon, and compare each site once a day: beside everything else."""

    def stopping() -> bool:
        return stop.is_requested

    def work() -> tuple[tuple[int, int], PublishReport, tuple[SyncedSite, ...]]:
        reviewed = settle_reviews(database, installation.clock)
        report = publish_due(
            installation, database, should_stop=stopping, catch_up_per_hour=CATCH_UP_PER_HOUR, memories=memories
        )
        prepare_ahead(installation, database, should_stop=stopping, memories=memories)
        return reviewed, report, () if stopping() else sync_sites(installation, database, older_than=SYNC_EVERY)

    (approved, voided), report, synced = await asyncio.to_thread(work)
    if approved or voided:
        tell("reviewed", {"approved": approved, "voided": voided})
    for item in report.articles:
        fields: dict[str, Any] = {"site": item.site, "content": item.content_id, "title": item.title}
        fields |= {"target": item.target} if item.target else {}
        tell("publish_failed" if item.error else "published", fields | {"to": item.error or item.url})
    for stopped in report.stopped:
        if stopped.is_new:
            until = stopped.until.isoformat()
            told = {"site": stopped.site, "reason": stopped.reason, "until": until}
            tell("site_stopped", told | ({"target": stopped.target} if stopped.target else {}))
    for site in synced:
        if site.sync_status == "differs":
            differs = {"site": site.site, "articles": len(site.findings)}
            tell("site_differs", differs | ({"target": site.target} if site.target else {}))
    return report.failed == 0


async def _keep_publishing(
    installation: Installation, database: Database, stop: StopSignal, tell: EventSink, memories: PlaceMemories
) -> bool:  # fmt: skip
    """Publish; what keeps the installation from it is told, and tried again next pass."""
    try:
        return await _publish(installation, database, stop, tell, memories)
    except Igny8Error as error:
        tell("publishing_failed", {"reason": error.message, "hint": error.hint})
    except Exception as error:  # a defect of ours must not end the daemon, nor pass unseen
        tell("publishing_failed", {"reason": f"unexpected: {type(error).__name__}: {error}"})
    return False


async def _deliver(installation: Installation, database: Database, stop: StopSignal, tell: EventSink) -> None:
    """Send what is in the outbox beside everything else: a receiver that hangs keeps nothing waiting."""

    def deliver() -> tuple[Told, ...]:
        return deliver_due(installation, database, should_stop=lambda: stop.is_requested)

    try:
        told = await asyncio.to_thread(deliver)
    except Exception as error:  # neither a busy database nor a defect of ours must end the daemon, nor pass unseen
        tell("notify_failed", {"reason": f"{type(error).__name__}: {error}"})
        return
    delivered = sum(not item.error for item in told)
    if delivered:
        tell("notified", {"messages": delivered})
    for item in told:
        if item.error:
            tell("notify_failed", {"channel": item.channel, "event_told": item.event, "reason": item.error,
                                   "dead": item.is_dead})  # fmt: skip


def _lead(installation: Installation, database: Database) -> None:
    """Take or renew the daemon's lease; one daemon a database."""
    now = installation.clock.now()
    until = now + timedelta(seconds=_LEASE_INTERVALS * _interval(database))
    with database.write() as connection:
        holder = take_lease(connection, LEADER, owner=worker_name(), until=until, now=now)
        if holder is not None and is_gone(holder.owner):
            break_lease(connection, LEADER, holder.owner)
            holder = take_lease(connection, LEADER, owner=worker_name(), until=until, now=now)
    if holder is not None:
        raise LockedError(
            f"another reconciler is at work: {holder.owner}, until {holder.until:%H:%M:%S} UTC",
            hint="stop it, or wait until its lease has run out",
        )


def _interval(database: Database) -> int:
    with database.read() as connection:
        platform = load_specs(connection, "platform", Platform).get("platform", Platform())
    return parse_duration_seconds(platform.reconcile.interval)


async def _sleep(seconds: int, changed: asyncio.Event, stop: StopSignal, running: asyncio.Task[bool]) -> None:
    """Sleep until the interval is over, a file changes, a run ends, or somebody asks to stop."""
    waits = {asyncio.ensure_future(changed.wait()), asyncio.ensure_future(stop.wait())}
    watched_tasks: set[asyncio.Future[Any]] = {*waits} | ({running} if not running.done() else set())
    await asyncio.wait(watched_tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    if changed.is_set():
        await settle(changed)
