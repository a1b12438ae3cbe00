"""Runs pipelines: what is due, or what a person asked for, through the one executor."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.errors import LockedError, UnreachableError, UsageError
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.engine import LEASE, Engine
from reconciler.operations.executor import RunResult, execute_run
from reconciler.operations.funding import fund
from reconciler.operations.helping import help_run
from reconciler.operations.improve import close_if_left, is_improvement
from reconciler.operations.stage_work import free_dead
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.decisions import choose_model
from reconciler.pipeline.port import SiteContext, Stage
from reconciler.pipeline.progress import RunStarted
from reconciler.pipeline.stages import STAGES
from reconciler.schedule.due import is_due
from reconciler.store.claims import sites_to_help
from reconciler.store.departures import leaving_sites, stays
from reconciler.store.engine import AlreadyThereError, Connection
from reconciler.store.items import SiteItems
from reconciler.store.keywords import take_in_keywords
from reconciler.store.ledger import Origin, balance_of
from reconciler.store.resources import created_at
from reconciler.store.runs import (
    LeaseLostError,
    RunLease,
    find_open_run,
    forget_payloads,
    last_scheduled_for,
    lease_of,
    start_run,
    take_over_run,
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is kept to: one stage, certain items of it, so many credits. Empty, it is a run of everything."""

    stage: str | None = None
    items: tuple[int, ...] | None = None
    credits_max: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A run to be made: of which site, why, the due time that it is for, and what forbids it, if anything.

    With `helps` a run that another process leads is helped with, instead of being left alone.
    """

    site: str
    trigger: str
    scheduled_for: datetime | None = None
    skip_because: str = ""
    scope: Scope = Scope()
    helps: bool = False


@dataclass(frozen=True, slots=True)
class SkippedRun:
    """A run that was wanted but not made, and why."""

    site: str
    reason: str
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class RunReport:
    """What became of all wanted runs."""

    results: tuple[RunResult, ...]
    skipped: tuple[SkippedRun, ...]
    interrupted: bool

    @property
    def failed(self) -> int:
        """Return the number of items that failed."""
        return sum(result.failed for result in self.results)


def wanted_now(engine: Engine, sites: Sequence[str], scope: Scope = Scope()) -> tuple[Wanted, ...]:
    """Return runs of these sites, or of all applied sites, whatever their schedule says.

    Raises UsageError for a stage that is not there, and for items that the stage cannot take.
    """
    stage = None if scope.stage is None else stage_of(scope.stage)
    with engine.database.read() as connection:
        contexts = load_contexts(connection)
        leaving = leaving_sites(connection)
        if not contexts:
            raise UsageError("no site was applied", hint="run `igny8 apply` first")
        wanted = [context_of(contexts, name).site.name for name in sites] or sorted(contexts.keys() - leaving.keys())
        if stage is not None and scope.items is not None:
            _check_items(connection, stage, wanted, scope.items)
    return tuple(Wanted(name, "now" if stage is None else "stage", scope=scope) for name in wanted)


def stage_of(key: str) -> Stage:
    """Return the stage with this key; UsageError when there is none."""
    found = next((stage for stage in STAGES if stage.declaration.key == key), None)
    if found is None:
        keys = ", ".join(stage.declaration.key for stage in STAGES)
        raise UsageError(f"there is no stage {key!r}", hint=f"stages: {keys}")
    return found


def _check_items(connection: Connection, stage: Stage, sites: Sequence[str], ids: Sequence[int]) -> None:
    if len(sites) != 1:
        raise UsageError("items are of one site", hint="add --site NAME")
    pending = {int(row["id"]) for row in SiteItems(connection, sites[0]).among(stage.item_kind, ids, stage.pending)}
    missing = [str(item_id) for item_id in ids if item_id not in pending]
    if missing:
        kind = stage.item_kind.replace("_", " ")
        raise UsageError(
            f"{sites[0]} has no {kind} {', '.join(missing)} that the stage {stage.declaration.key} could take",
            hint="it takes only what is pending",
        )


def wanted_due(engine: Engine, sites: Sequence[str] = ()) -> tuple[Wanted, ...]:
    """Return the runs that are owed now: due ones, and those that an interruption left open."""
    now = engine.clock.now()
    with engine.database.read() as connection:
        contexts = load_contexts(connection)
        names = [context_of(contexts, name).site.name for name in sites] or sorted(contexts)
        leaving = leaving_sites(connection)
        found = [_owed(connection, contexts[name], now) for name in names if name not in leaving]
    return tuple(wanted for wanted in found if wanted is not None)


def _owed(connection: Connection, context: SiteContext, now: datetime) -> Wanted | None:
    site = context.site
    open_run = find_open_run(connection, site.name)
    if open_run is not None and _is_left(open_run, now) and not is_improvement(open_run):
        return Wanted(site.name, open_run.trigger, open_run.scheduled_for)
    due = is_due(
        site.automation, site.timezone, now=now, last_started_for=last_scheduled_for(connection, site.name),
        enabled_since=created_at(connection, "site", site.name),
    )  # fmt: skip
    if due is None:
        return None
    skip_because = "" if context.account.modules.automation else "the account's module automation is off"
    return Wanted(site.name, "scheduled", due, skip_because)


def wanted_help(engine: Engine) -> tuple[Wanted, ...]:
    """Return the runs of other processes that have calls left which nobody makes."""
    with engine.database.read() as connection:
        return tuple(Wanted(site, "help", helps=True) for site in sites_to_help(connection))


def _is_left(open_run: Any, now: datetime) -> bool:
    """Tell whether an open run has no worker any more: it was interrupted, or its worker is gone."""
    if open_run.state == "interrupted":
        return True
    if open_run.state != "running":
        return False
    return open_run.lease_until is None or open_run.lease_until <= now or is_gone(open_run.owner)


async def run_wanted(engine: Engine, wanted: Sequence[Wanted]) -> RunReport:
    """Make the runs, several sites at once; a site that somebody else works on is skipped and said so.

    Raises the first failure of the installation itself (database, disk, provider) once every run has come to a stop.
    """
    with engine.database.read() as connection:
        contexts = load_contexts(connection)
    gate = asyncio.Semaphore(engine.sites_max)

    async def one(item: Wanted) -> RunResult | SkippedRun:
        async with gate:
            if engine.stop.is_requested:
                return SkippedRun(item.site, "stopped by request")
            return await run_site(engine, context_of(contexts, item.site), item)

    ends = await asyncio.gather(*(one(item) for item in wanted), return_exceptions=True)
    await engine.pool.close()
    for end in ends:
        if isinstance(end, BaseException):
            raise end
    return RunReport(
        tuple(end for end in ends if isinstance(end, RunResult)),
        tuple(end for end in ends if isinstance(end, SkippedRun)),
        engine.stop.is_requested,
    )


async def run_site(engine: Engine, context: SiteContext, wanted: Wanted) -> RunResult | SkippedRun:
    """Make one run, or tell why not."""
    if wanted.skip_because:
        return SkippedRun(wanted.site, wanted.skip_because)
    if context.account.status == "suspended":
        return SkippedRun(wanted.site, f"the account {context.account.name} is suspended")
    if wanted.helps:
        return await help_run(engine, context) or SkippedRun(wanted.site, "there was nothing left to help with")
    try:
        lease, resumed = _begin(engine, context, wanted)
    except LockedError as error:
        return SkippedRun(wanted.site, error.message, is_locked=True)
    engine.progress(RunStarted(wanted.site, lease.run_id, resumed))
    try:
        return await execute_run(engine, context, lease)
    except LeaseLostError as error:
        return SkippedRun(wanted.site, str(error), is_locked=True)


def _begin(engine: Engine, context: SiteContext, wanted: Wanted) -> tuple[RunLease, bool]:
    """Open a run, or take an interrupted one over; LockedError when a live worker has the site."""
    _check_providers(engine, context)
    now = engine.clock.now()
    try:
        with engine.database.write() as connection:
            if not stays(connection, wanted.site):
                raise LockedError(f"the site {wanted.site} is being deleted; no new run begins")
            origin = Origin("run", now, context.generation)
            # The run's row is locked before the account's, here as in every call of a run.
            open_run = find_open_run(connection, wanted.site, lock=True)
            if open_run is not None and close_if_left(connection, open_run, origin):
                open_run = None
            fund(connection, context.account, context.tier, origin)
            forget_payloads(connection, now)
            take_in_keywords(connection, context.site, now)
            if open_run is not None:
                return _take_over(connection, open_run, origin, context, wanted.scope), True
            return _start(connection, engine, context, wanted, now), False
    except AlreadyThereError as error:
        raise LockedError(f"another worker has just begun a run of {wanted.site}") from error


def _check_providers(engine: Engine, context: SiteContext) -> None:
    """Make every adapter that the run will need before it begins: a missing key is one clear error, not one an item."""
    for stage in STAGES:
        if stage.declaration.function is not None and context.is_on(stage.declaration.key):
            chosen = choose_model(context, stage.declaration)
            if isinstance(chosen, str):
                raise UnreachableError(f"site {context.site.name}: {chosen}", hint="run `igny8 validate` and apply")
            engine.pool.adapter_for(context, chosen)


def _start(connection: Connection, engine: Engine, context: SiteContext, wanted: Wanted, now: datetime) -> RunLease:
    return start_run(
        connection,
        {
            "site": wanted.site,
            "account": context.account.name,
            "trigger": wanted.trigger,
            "scheduled_for": wanted.scheduled_for,
            "generation": context.generation,
            "available_at_start": balance_of(connection, context.account.name).available,
            "owner": worker_name(),
            "lease_until": now + LEASE,
            "simulated": engine.pool.offline,
            "started_at": now,
            "only_stage": wanted.scope.stage,
            "only_items": None if wanted.scope.items is None else list(wanted.scope.items),
            "credits_max": wanted.scope.credits_max,
        },
    )


def _take_over(
    connection: Connection, open_run: Any, origin: Origin, context: SiteContext, scope: Scope
) -> RunLease:  # fmt: skip
    """Go on with a run whose worker stopped: what dead workers had in flight is lost, their holds go back."""
    number = f"run {open_run.id} of {open_run.site}"
    if open_run.state == "running" and not _is_left(open_run, origin.at):
        raise LockedError(f"{number} is held by {open_run.owner} until {open_run.lease_until:%H:%M:%S} UTC")
    if open_run.state == "paused":
        raise LockedError(f"{number} is paused; `igny8 runs resume {open_run.id}` lets it go on")
    known = lease_of(open_run)
    if scope != Scope() and scope != Scope(known.only_stage, known.only_items, known.credits_max):
        raise LockedError(f"{number} was interrupted; `igny8 run --due` finishes it, `igny8 runs cancel` ends it")
    free_dead(connection, open_run.id, origin)
    return take_over_run(
        connection, open_run.id, owner=worker_name(), lease_until=origin.at + LEASE, generation=context.generation
    )
