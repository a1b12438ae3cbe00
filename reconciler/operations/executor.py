"""Runs a site's stages. The one executor behind scheduled runs, run-now and manual stages.

Each AI call keeps the order of the domain (5.3): hold and attempt in one transaction, the call outside of any, then
output, settlement, usage line, attempt and totals in one transaction. A crash anywhere loses at most an output.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from reconciler.clock import Clock
from reconciler.errors import Igny8Error
from reconciler.operations.attempt import Call, CallEnd
from reconciler.operations.calls import call_model
from reconciler.operations.context import refreshed
from reconciler.operations.limits import tier_quota_left, warn_when_low
from reconciler.operations.pins import context_for, why_draining
from reconciler.operations.providers import ProviderPool
from reconciler.operations.stopping import StopSignal, sleep_unless_stopped
from reconciler.operations.telemetry import NO_TRACES, Traces
from reconciler.pipeline.decisions import StagePulse, batches, items_left
from reconciler.pipeline.port import LocalStage, Row, SiteContext, Stage
from reconciler.pipeline.progress import (
    ProgressSink,
    RunEnded,
    StageAdvanced,
    StageEnded,
    StageStarted,
    Waiting,
    ignore_progress,
)
from reconciler.pipeline.stages import STAGES
from reconciler.store.engine import Database
from reconciler.store.in_flight import pin_of
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.runs import (
    LeaseLostError,
    RunLease,
    count_in_stage,
    end_run,
    end_stage,
    hold_lease,
    notify,
    open_stage,
    stage_runs_of,
)

LEASE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Engine:
    """What the executor works with."""

    database: Database
    clock: Clock
    pool: ProviderPool
    media: Path
    stop: StopSignal
    progress: ProgressSink = ignore_progress
    with_delays: bool = True
    rng: random.Random = field(default_factory=random.Random)
    traces: Traces = NO_TRACES


@dataclass(slots=True)
class _StageTally:
    """A stage's counts in this process, for whoever watches."""

    done: int = 0
    failed: int = 0
    credits: int = 0
    pulse: StagePulse = field(default_factory=StagePulse)


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended."""

    site: str
    run_id: int
    state: str
    credits: int
    failed: int
    note: str


async def execute_run(engine: Engine, context: SiteContext, lease: RunLease) -> RunResult:
    """Run the stages that are left of a run, and close it; interrupted, it stays open for the next worker."""
    credits = failed = 0
    state, note = "completed", ""
    try:
        ended = _ended_stages(engine, lease)
        todo = [stage for stage in STAGES if stage.declaration.key not in ended]
        for index, stage in enumerate(todo):
            if engine.stop.is_requested:
                break
            context = refreshed(engine.database, context)
            tally = await _run_stage(engine, context, lease, stage)
            credits, failed = credits + tally.credits, failed + tally.failed
            if index < len(todo) - 1 and (tally.done or tally.failed):
                await _delay(engine, context, context.site.delays.between_stage)
        if engine.stop.is_requested:
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


def _ended_stages(engine: Engine, lease: RunLease) -> set[str]:
    with engine.database.read() as connection:
        return {key for key, row in stage_runs_of(connection, lease.run_id).items() if row.state != "running"}


def _close_run(engine: Engine, lease: RunLease, state: str, note: str, credits: int) -> None:
    with engine.database.write() as connection:
        end_run(connection, lease, state, now=engine.clock.now(), note=note)
    engine.progress(RunEnded(lease.site, lease.run_id, state, credits, note))


async def _run_stage(engine: Engine, context: SiteContext, lease: RunLease, stage: Stage) -> _StageTally:
    declaration = stage.declaration
    idle = (
        context.why_off(declaration) or stage.why_idle(context) or why_draining(engine.database, context, declaration)
    )
    if idle:
        _skip_stage(engine, context, lease, stage, idle)
        return _StageTally()
    record, items, pulse = _open_stage(engine, context, lease, stage)
    engine.progress(StageStarted(context.site.name, declaration.key, declaration.title, len(items)))
    tally = _StageTally(pulse=pulse)
    groups = list(batches(declaration, items, context.settings(declaration).batch_size))
    for index, batch in enumerate(groups):
        await _run_batch(engine, context, lease, stage, record, batch, tally)
        if engine.stop.is_requested or tally.pulse.stop_reason:
            break
        if index < len(groups) - 1:
            await _delay(engine, context, context.site.delays.within_stage)
    if not engine.stop.is_requested or tally.pulse.stop_reason:
        _close_stage(engine, context, lease, stage, record, tally)
    return tally


def _skip_stage(engine: Engine, context: SiteContext, lease: RunLease, stage: Stage, reason: str) -> None:
    now = engine.clock.now()
    declaration = stage.declaration
    values = {"stage": declaration.key, "number": declaration.number, "state": "skipped", "reason": reason}
    with engine.database.write() as connection:
        hold_lease(connection, lease, now + LEASE)
        open_stage(connection, lease.run_id, values | {"total": 0, "started_at": now, "finished_at": now})
    engine.progress(
        StageEnded(context.site.name, declaration.key, declaration.title, "skipped", reason, 0, 0, 0)
    )  # fmt: skip


def _open_stage(
    engine: Engine, context: SiteContext, lease: RunLease, stage: Stage
) -> tuple[Any, Sequence[Row], StagePulse]:
    """Return the stage's record, the items that it takes, and its pulse.

    It takes what is pending now, up to what is left of its own limit and of the tier's.
    """
    from reconciler.ledger.estimate import stage_budget

    now = engine.clock.now()
    declaration = stage.declaration
    settings = context.settings(declaration)
    with engine.database.write() as connection:
        hold_lease(connection, lease, now + LEASE)
        known = stage_runs_of(connection, lease.run_id).get(declaration.key)
        left = items_left(settings.per_run_limit, known.taken if known else 0)
        quota = tier_quota_left(connection, context, stage, now)
        reader = SiteItems(connection, context.site.name)
        items = [] if left == 0 else reader.pending(stage.item_kind, stage.pending, limit=left or 0)
        pulse = StagePulse()
        if quota is not None and len(items) > quota:
            items = items[:quota]
            limit = f"the tier {context.account.tier} includes no more this month ({stage.tier_limit})"
            pulse = pulse.after_refusal(limit) if quota == 0 else pulse
        budget = None
        if declaration.function is not None and settings.budget_pct is not None:
            budget = stage_budget(lease.available_at_start, settings.budget_pct)
        values = {"stage": declaration.key, "number": declaration.number, "state": "running", "total": len(items)}
        record = open_stage(connection, lease.run_id, values | {"budget_credits": budget, "started_at": now})
    return record, items, pulse


async def _run_batch(
    engine: Engine, context: SiteContext, lease: RunLease, stage: Stage, record: Any, batch: Sequence[Row],
    tally: _StageTally,
) -> None:  # fmt: skip
    context = context_for(engine.database, context, stage.declaration, batch, engine.clock.now())
    if stage.declaration.function is None:
        _work_locally(engine, context, lease, cast(LocalStage, stage), record, batch, tally)
        return
    groups = [batch] if getattr(stage, "asks_per_batch", False) else [[item] for item in batch]
    for group in groups:
        if engine.stop.is_requested or tally.pulse.stop_reason:
            return
        call = Call(
            engine.database, engine.clock, engine.pool, engine.media, context, lease, stage, record.id, group,
            engine.stop, engine.progress, engine.rng, engine.traces,
        )  # fmt: skip
        _count(engine, context, stage, await call_model(call, lease_seconds=LEASE.total_seconds()), tally)


def _count(engine: Engine, context: SiteContext, stage: Stage, end: CallEnd, tally: _StageTally) -> None:
    if end.was_stopped:
        return
    tally.done += end.done
    tally.failed += end.failed
    tally.credits += end.credits
    if end.refusal:
        tally.pulse = tally.pulse.after_refusal(end.refusal)
    elif end.done:
        tally.pulse = tally.pulse.after_success()
    else:
        tally.pulse = tally.pulse.after_failure(end.reason)
    _tell(engine, context, stage, tally)


def _work_locally(
    engine: Engine, context: SiteContext, lease: RunLease, stage: LocalStage, record: Any, batch: Sequence[Row],
    tally: _StageTally,
) -> None:  # fmt: skip
    now = engine.clock.now()
    with engine.database.write() as connection:
        hold_lease(connection, lease, now + LEASE)
        outcome = stage.work(context, batch, SiteItems(connection, context.site.name), now)
        # The items of a batch stay on one revision, and so does what is made of them.
        pin = pin_of(connection, stage.item_kind, int(batch[0]["id"]))
        carry_out(connection, context.site.name, outcome.writes, now, pin=pin)
        count_in_stage(connection, record.id, taken=len(batch), done=len(outcome.done))
    tally.done += len(outcome.done)
    _tell(engine, context, stage, tally)


def _tell(engine: Engine, context: SiteContext, stage: Stage, tally: _StageTally) -> None:
    engine.progress(
        StageAdvanced(context.site.name, stage.declaration.key, tally.done, tally.failed, tally.credits)
    )  # fmt: skip


def _close_stage(
    engine: Engine, context: SiteContext, lease: RunLease, stage: Stage, record: Any, tally: _StageTally
) -> None:
    now = engine.clock.now()
    declaration = stage.declaration
    state = "stopped" if tally.pulse.stop_reason else "completed"
    with engine.database.write() as connection:
        hold_lease(connection, lease, now + LEASE)
        end_stage(connection, record.id, state, reason=tally.pulse.stop_reason, now=now)
        warn_when_low(connection, context, now)
        if declaration.function is not None and (tally.done or tally.failed or tally.pulse.stop_reason):
            _notify(connection, context, lease, stage, tally, now)
    engine.progress(
        StageEnded(
            context.site.name, declaration.key, declaration.title, state, tally.pulse.stop_reason,
            tally.done, tally.failed, tally.credits,
        )
    )  # fmt: skip


def _notify(
    connection: Any, context: SiteContext, lease: RunLease, stage: Stage, tally: _StageTally, now: datetime
) -> None:
    """Leave one notification a stage run, whatever the number of its items."""
    verdict = "failed" if tally.failed or tally.pulse.stop_reason else "success"
    text = f"{stage.declaration.sentence.format(done=tally.done)} using {tally.credits} credits"
    text += f"; {tally.failed} failed" if tally.failed else ""
    text += f"; {tally.pulse.stop_reason}" if tally.pulse.stop_reason else ""
    notify(
        connection, f"ai_{stage.declaration.key}_{verdict}", text, now,
        account=context.account.name, site=context.site.name, run_id=lease.run_id,
    )  # fmt: skip


async def _delay(engine: Engine, context: SiteContext, seconds: int) -> None:
    """Wait as declared, or until somebody asks to stop."""
    if not engine.with_delays or seconds == 0 or engine.stop.is_requested:
        return
    engine.progress(Waiting(context.site.name, seconds))
    await sleep_unless_stopped(engine.clock, engine.stop, seconds)
