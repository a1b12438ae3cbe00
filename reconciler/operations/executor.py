"""Runs a site's stages. The one executor behind scheduled runs, run-now and manual stages.

Each AI call keeps the order of the domain (5.3): hold and attempt in one transaction, the call outside of any, then
output, settlement, usage line, attempt and totals in one transaction. A crash anywhere loses at most an output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from reconciler.errors import Igny8Error
from reconciler.operations.context import refreshed
from reconciler.operations.engine import LEASE, Engine
from reconciler.operations.limits import tier_quota_left, warn_when_low
from reconciler.operations.pins import context_for, why_draining
from reconciler.operations.stage_work import StageTally, StageWork, work_off
from reconciler.operations.stopping import StopSignal, sleep_unless_stopped
from reconciler.pipeline.decisions import batches, items_left
from reconciler.pipeline.port import LocalStage, Row, SiteContext, Stage
from reconciler.pipeline.progress import RunEnded, StageEnded, StageStarted, Waiting
from reconciler.pipeline.stages import STAGES
from reconciler.store.claims import drop_all, items_laid_out, lay_out, next_unit
from reconciler.store.in_flight import pin_of
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.ledger import Origin, expire_holds
from reconciler.store.runs import (
    LeaseLostError,
    RunLease,
    count_in_stage,
    end_open_stages,
    end_run,
    end_stage,
    hold_lease,
    lose_attempts,
    notify,
    open_stage,
    stage_runs_of,
)

__all__ = ["LEASE", "Engine", "RunResult", "StopSignal", "execute_run"]

# Units that are laid out at once where no delay separates the batches.
_UNITS_AT_ONCE = 4096
# What becomes of a run that is asked for something.
_STATES = {"pause": "paused", "cancel": "cancelled"}

Batch = Sequence[Row]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    site: str
    run_id: int
    state: str
    credits: int
    failed: int
    note: str


@dataclass(frozen=True, slots=True)
class _StageEnd:
    """What a stage came to in this process, and the order that ended it, if one did."""

    credits: int = 0
    failed: int = 0
    did_anything: bool = False
    asked: str = ""


async def execute_run(engine: Engine, context: SiteContext, lease: RunLease) -> RunResult:
    """Run the stages that are left of a run, and close it; interrupted or paused, it stays open for the next worker."""
    credits = failed = 0
    state, note = "completed", ""
    try:
        ended = _ended_stages(engine, lease)
        todo = [stage for stage in STAGES if stage.declaration.key not in ended and _is_wanted(lease, stage)]
        for index, stage in enumerate(todo):
            if engine.stop.is_requested:
                break
            context = refreshed(engine.database, context)
            end = await _run_stage(engine, context, lease, stage)
            credits, failed = credits + end.credits, failed + end.failed
            if end.asked:
                state, note = _STATES[end.asked], f"{_STATES[end.asked]} by request"
                break
            if index < len(todo) - 1 and end.did_anything:
                await _delay(engine, context, context.site.delays.between_stage)
        if engine.stop.is_requested and state == "completed":
            state, note = "interrupted", "stopped by request"
    except LeaseLostError:
        raise
    except Exception as error:
        # Whatever went wrong, the run is left open and without an owner, so that the next worker goes on at once.
        note = error.message if isinstance(error, Igny8Error) else f"{type(error).__name__}: {error}"
        _close_run(engine, lease, "interrupted", note[:500], credits)
        raise
    _close_run(engine, lease, state, note, credits)
    return RunResult(context.site.name, lease.run_id, state, credits, failed, note)


def _is_wanted(lease: RunLease, stage: Stage) -> bool:
    return lease.only_stage in (None, stage.declaration.key)


def _ended_stages(engine: Engine, lease: RunLease) -> set[str]:
    with engine.database.read() as connection:
        return {key for key, row in stage_runs_of(connection, lease.run_id).items() if row.state != "running"}


def _close_run(engine: Engine, lease: RunLease, state: str, note: str, credits: int) -> None:
    now = engine.clock.now()
    with engine.database.write() as connection:
        end_run(connection, lease, state, now=now, note=note)
        if state == "cancelled":
            drop_all(connection, lease.run_id)
            lose_attempts(connection, lease.run_id, now)
            expire_holds(connection, Origin("run", now, 0), run_id=lease.run_id)
            end_open_stages(connection, lease.run_id, reason="the run was cancelled", now=now)
    engine.progress(RunEnded(lease.site, lease.run_id, state, credits, note))


async def _run_stage(engine: Engine, context: SiteContext, lease: RunLease, stage: Stage) -> _StageEnd:
    declaration = stage.declaration
    idle = (
        context.why_off(declaration) or stage.why_idle(context) or why_draining(engine.database, context, declaration)
    )
    if idle:
        asked = _skip_stage(engine, context, lease, stage, idle)
        return _StageEnd(asked=asked)
    work, groups = _open_stage(engine, context, lease, stage)
    tally = work.tally
    for index, group in enumerate(groups):
        await _run_group(work, group)
        if work.must_end:
            break
        if index < len(groups) - 1:
            await _delay(engine, context, context.site.delays.within_stage)
    if not work.asked and (not engine.stop.is_requested or tally.pulse.stop_reason):
        _close_stage(work)
    return _StageEnd(tally.credits, tally.failed, bool(tally.done or tally.failed), work.asked)


def _skip_stage(engine: Engine, context: SiteContext, lease: RunLease, stage: Stage, reason: str) -> str:
    """Write down that a stage is skipped; return the order that the run was given, "" while there is none."""
    now = engine.clock.now()
    declaration = stage.declaration
    values = {"stage": declaration.key, "number": declaration.number, "state": "skipped", "reason": reason}
    with engine.database.write() as connection:
        asked = hold_lease(connection, lease, now + LEASE)
        if asked:
            return asked
        open_stage(connection, lease.run_id, values | {"total": 0, "started_at": now, "finished_at": now})
    engine.progress(
        StageEnded(context.site.name, declaration.key, declaration.title, "skipped", reason, 0, 0, 0)
    )  # fmt: skip
    return ""


def _open_stage(
    engine: Engine, context: SiteContext, lease: RunLease, stage: Stage
) -> tuple[StageWork, list[list[Batch]]]:
    """Return the stage as this process is at it, and its batches, in groups between which a delay is declared.

    It takes what is pending now, up to what is left of its own limit and of the tier's, after what was laid out before
    by a worker that stopped.
    """
    now = engine.clock.now()
    declaration = stage.declaration
    with engine.database.write() as connection:
        hold_lease(connection, lease, now + LEASE)
        known = stage_runs_of(connection, lease.run_id).get(declaration.key)
        left_over = items_laid_out(connection, known.id) if known else set[int]()
        items, refusal = _pending(connection, context, lease, stage, left_over, known.taken if known else 0, now)
        values = {"stage": declaration.key, "number": declaration.number, "state": "running"}
        values |= {"total": len(items) + len(left_over), "started_at": now}
        budget = _budget(context, lease, stage)
        record = open_stage(connection, lease.run_id, values | {"budget_credits": budget})
    work = StageWork(engine, context, lease, stage, record.id, budget)
    if refusal and not left_over:
        work.stop(refusal)
    engine.progress(
        StageStarted(context.site.name, declaration.key, declaration.title, len(items) + len(left_over))
    )  # fmt: skip
    groups = _grouped(engine, context, stage, items)
    return work, [[], *groups] if left_over else groups


def _pending(
    connection: Any, context: SiteContext, lease: RunLease, stage: Stage, left_over: set[int], taken: int,
    now: datetime,
) -> tuple[Batch, str]:  # fmt: skip
    """Return the items that a stage takes beside those that are left over, and why it takes none, if that is so."""
    settings = context.settings(stage.declaration)
    reader = SiteItems(connection, context.site.name)
    if lease.only_items is not None:
        items = reader.among(stage.item_kind, lease.only_items, stage.pending)
    else:
        left = items_left(settings.per_run_limit, taken)
        # A local stage is given its items whole; of the others their place is enough until their call is made.
        read = reader.pending if stage.declaration.function is None else reader.pending_places
        items = [] if left == 0 else read(stage.item_kind, stage.pending, limit=left or 0)
    items = [item for item in items if item["id"] not in left_over]
    quota = tier_quota_left(connection, context, stage, now)
    if quota is not None and len(items) > quota:
        items = items[:quota]
        if quota == 0:
            return items, f"the tier {context.account.tier} includes no more this month ({stage.tier_limit})"
    return items, ""


def _budget(context: SiteContext, lease: RunLease, stage: Stage) -> int | None:
    from reconciler.ledger.estimate import stage_budget

    settings = context.settings(stage.declaration)
    if stage.declaration.function is None or settings.budget_pct is None:
        return None
    return stage_budget(lease.available_at_start, settings.budget_pct)


def _grouped(engine: Engine, context: SiteContext, stage: Stage, items: Batch) -> list[list[Batch]]:
    """Return the batches, each alone where a delay is declared between them; else many, which go beside each other."""
    found = list(batches(stage.declaration, items, context.settings(stage.declaration).batch_size))
    if (engine.with_delays and context.site.delays.within_stage) or stage.declaration.function is None:
        return [[batch] for batch in found]
    groups: list[list[Batch]] = [[]]
    units = 0
    for batch in found:
        if units >= _UNITS_AT_ONCE:
            groups.append([])
            units = 0
        groups[-1].append(batch)
        units += len(batch)
    return groups if found else []


async def _run_group(work: StageWork, group: Sequence[Batch]) -> None:
    if work.must_end:
        return
    if work.stage.declaration.function is None:
        for batch in group:
            _work_locally(work, cast(LocalStage, work.stage), batch)
        return
    units = [ids for batch in group for ids in units_of(work.stage, batch)]
    if units:
        with work.engine.database.write() as connection:
            hold_lease(connection, work.lease, work.engine.clock.now() + LEASE)
            first = next_unit(connection, work.stage_run_id)
            lay_out(
                connection, work.lease.run_id, work.stage_run_id, units, first=first, fence=work.lease.fence
            )  # fmt: skip
    await work_off(work)


def units_of(stage: Stage, batch: Batch) -> Iterator[list[int]]:
    """Yield the items of each call: the whole batch, or one at a time."""
    ids = [int(item["id"]) for item in batch]
    if getattr(stage, "asks_per_batch", False):
        yield ids
    else:
        yield from ([item_id] for item_id in ids)


def _work_locally(work: StageWork, stage: LocalStage, batch: Batch) -> None:
    engine, site = work.engine, work.context.site.name
    now = engine.clock.now()
    context = context_for(engine.database, work.context, stage.declaration, batch, now)
    with engine.database.write() as connection:
        work.asked = hold_lease(connection, work.lease, now + LEASE)
        if work.asked:
            work.crew.close()
            return
        outcome = stage.work(context, batch, SiteItems(connection, site), now)
        # The items of a batch stay on one revision, and so does what is made of them.
        pin = pin_of(connection, stage.item_kind, int(batch[0]["id"]))
        carry_out(connection, site, outcome.writes, now, pin=pin)
        for notice in outcome.notices:
            account, run_id = work.context.account.name, work.lease.run_id
            notify(connection, notice.event, notice.text, now, account=account, site=site, run_id=run_id)
        count_in_stage(connection, work.stage_run_id, taken=len(batch), done=len(outcome.done))
    work.tally.done += len(outcome.done)
    work.tell()


def _close_stage(work: StageWork) -> None:
    engine, context, declaration = work.engine, work.context, work.stage.declaration
    now = engine.clock.now()
    reason = work.tally.pulse.stop_reason
    state = "stopped" if reason else "completed"
    with engine.database.write() as connection:
        hold_lease(connection, work.lease, now + LEASE)
        record = end_stage(connection, work.stage_run_id, state, reason=reason, now=now)
        # What all processes made of it, in this worker's time and before.
        tally = StageTally(record.done, record.failed, record.credits_used)
        warn_when_low(connection, context, now)
        if declaration.function is not None and (tally.done or tally.failed or reason):
            _notify(connection, work, tally, reason, now)
    engine.progress(
        StageEnded(
            context.site.name, declaration.key, declaration.title, state, reason, tally.done, tally.failed,
            tally.credits,
        )
    )  # fmt: skip


def _notify(connection: Any, work: StageWork, tally: StageTally, reason: str, now: datetime) -> None:
    """Leave one notification a stage run, whatever the number of its items."""
    declaration = work.stage.declaration
    verdict = "failed" if tally.failed or reason else "success"
    text = declaration.told(tally.done, tally.credits)
    text += f"; {tally.failed} failed" if tally.failed else ""
    text += f"; {reason}" if reason else ""
    notify(
        connection, f"ai_{declaration.key}_{verdict}", text, now,
        account=work.context.account.name, site=work.context.site.name, run_id=work.lease.run_id,
    )  # fmt: skip


async def _delay(engine: Engine, context: SiteContext, seconds: int) -> None:
    """Wait as declared, or until somebody asks to stop."""
    if not engine.with_delays or seconds == 0 or engine.stop.is_requested:
        return
    engine.progress(Waiting(context.site.name, seconds))
    await sleep_unless_stopped(engine.clock, engine.stop, seconds)
