"""Helps with a run that another process leads: makes calls of it, and leads nothing."""

from __future__ import annotations

import contextlib

from reconciler.operations.engine import Engine
from reconciler.operations.executor import RunResult
from reconciler.operations.stage_work import StageWork, work_off
from reconciler.operations.worker import worker_name
from reconciler.pipeline.port import SiteContext
from reconciler.pipeline.progress import StageEnded, StageStarted
from reconciler.pipeline.stages import STAGES
from reconciler.store.claims import stage_to_help
from reconciler.store.runs import LeaseLostError, RunLease, find_open_run, lease_of


async def help_run(engine: Engine, context: SiteContext) -> RunResult | None:
    """Make calls of the site's run as long as it has some that nobody makes; None when there was nothing to do."""
    credits = failed = made = 0
    lease: RunLease | None = None
    reason = ""
    while not engine.stop.is_requested:
        found = _find(engine, context)
        if found is None:
            break
        lease, work = found
        declaration = work.stage.declaration
        engine.progress(StageStarted(context.site.name, declaration.key, declaration.title, 0))
        # The run was cancelled, or another has the call: what came of it is not written, and that is all.
        with contextlib.suppress(LeaseLostError):
            await work_off(work)
        tally = work.tally
        credits, failed, made = credits + tally.credits, failed + tally.failed, made + tally.done + tally.failed
        reason = tally.pulse.stop_reason
        engine.progress(
            StageEnded(
                context.site.name, declaration.key, declaration.title, "helped", reason, tally.done, tally.failed,
                tally.credits,
            )
        )  # fmt: skip
        if not tally.done and not tally.failed:
            break
    if lease is None or not made:
        return None
    return RunResult(context.site.name, lease.run_id, "helped", credits, failed, reason)


def _find(engine: Engine, context: SiteContext) -> tuple[RunLease, StageWork] | None:
    with engine.database.read() as connection:
        row = find_open_run(connection, context.site.name)
        if row is None or row.state != "running" or row.asked:
            return None
        record = stage_to_help(connection, row.id)
    if record is None:
        return None
    lease = lease_of(row, helper=worker_name())
    stage = next(stage for stage in STAGES if stage.declaration.key == record.stage)
    return lease, StageWork(engine, context, lease, stage, record.id, record.budget_credits)
