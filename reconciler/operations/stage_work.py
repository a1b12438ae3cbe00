"""Works off the units of a stage: takes some, makes their calls beside each other, takes more, until none is left.

Whoever leads the run lays the units out; a process that helps takes of the same ones. Results are settled in the order
of the units, each call's credits are held before it goes out.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.errors import Igny8Error
from reconciler.operations.attempt import Call, CallEnd
from reconciler.operations.calls import call_model
from reconciler.operations.crew import Crew
from reconciler.operations.engine import LEASE, Engine
from reconciler.operations.pins import context_for
from reconciler.operations.stopping import sleep_unless_stopped
from reconciler.operations.worker import is_gone
from reconciler.pipeline.decisions import StagePulse
from reconciler.pipeline.port import Row, SiteContext, Stage
from reconciler.pipeline.progress import StageAdvanced
from reconciler.store.claims import (
    Unit,
    count_in_work,
    drop_free,
    end_unit,
    give_back,
    orders_of,
    release_dead,
    take_units,
)
from reconciler.store.engine import Connection
from reconciler.store.items import SiteItems
from reconciler.store.ledger import Origin, expire_holds
from reconciler.store.runs import HELPER, RunLease, hold_lease, lose_attempts, stop_stage

# How often to look whether the others at a stage have ended.
_LOOK_AGAIN_SECONDS = 1.0

Taken = tuple[Unit, Sequence[Row]]


@dataclass(slots=True)
class StageTally:
    """A stage's counts in this process, for whoever watches."""

    done: int = 0
    failed: int = 0
    credits: int = 0
    pulse: StagePulse = field(default_factory=StagePulse)


@dataclass(slots=True)
class StageWork:
    """A stage of a run that this process is at. `asked` is the order that it found, "" while there is none."""

    engine: Engine
    context: SiteContext
    lease: RunLease
    stage: Stage
    stage_run_id: int
    budget_credits: int | None
    tally: StageTally = field(default_factory=StageTally)
    crew: Crew = field(default_factory=Crew)
    asked: str = ""

    @property
    def must_end(self) -> bool:
        """Tell whether no further call shall begin."""
        return self.engine.stop.is_requested or self.crew.is_closing

    def stop(self, reason: str) -> None:
        """Stop the stage; the first reason stays."""
        if not self.tally.pulse.stop_reason:
            self.tally.pulse = self.tally.pulse.after_refusal(reason)
        self.crew.close()

    def tell(self) -> None:
        """Tell whoever watches how far it got."""
        tally = self.tally
        self.engine.progress(
            StageAdvanced(
                self.context.site.name, self.stage.declaration.key, tally.done, tally.failed, tally.credits,
                self.crew.held_credits,
            )
        )  # fmt: skip


async def work_off(work: StageWork) -> None:
    """Make the calls of all units that are laid out; a leader returns once no other process is at one of them."""
    waiting: deque[Taken] = deque()
    running: set[asyncio.Task[None]] = set()
    bound = work.engine.calls_per_site_max
    errors: list[BaseException] = []
    try:
        while True:
            if not waiting and not work.must_end:
                waiting.extend(_take(work, bound))
            while waiting and len(running) < bound and not work.must_end:
                running.add(asyncio.create_task(_make_call(work, *waiting.popleft())))
            if running:
                ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                errors += [error for task in ended if (error := task.exception()) is not None]
                if errors:
                    work.crew.close()
            elif work.must_end or (not waiting and not await _wait_for_others(work)):
                break
    finally:
        _leave(work, [unit for unit, _ in waiting])
    if errors:
        raise errors[0]


def _take(work: StageWork, how_many: int) -> list[Taken]:
    """Take units with their items; an order, or a reason to stop that another process found, ends the work instead."""
    now = work.engine.clock.now()
    with work.engine.database.write() as connection:
        if work.lease.fence != HELPER:
            hold_lease(connection, work.lease, now + LEASE)
        orders = orders_of(connection, work.stage_run_id)
        if orders.asked or orders.stop_reason or orders.stage_state != "running":
            _heed(work, orders.asked, orders.stop_reason)
            return []
        units = take_units(
            connection, work.stage_run_id, owner=work.lease.owner, until=now + LEASE, limit=how_many
        )  # fmt: skip
        return _with_items(work, connection, units)


def _heed(work: StageWork, asked: str, stop_reason: str) -> None:
    work.asked = asked
    if stop_reason and not asked:
        work.stop(stop_reason)
    work.crew.close()


def _with_items(work: StageWork, connection: Connection, units: Sequence[Unit]) -> list[Taken]:
    ids = [item_id for unit in units for item_id in unit.item_ids]
    if not ids:
        return []
    reader = SiteItems(connection, work.context.site.name)
    rows = {int(row["id"]): row for row in reader.among(work.stage.item_kind, ids, work.stage.pending)}
    taken: list[Taken] = []
    for unit in units:
        items = [rows[item_id] for item_id in unit.item_ids if item_id in rows]
        if items:
            taken.append((unit, items))
        else:
            # Somebody has dealt with its items meanwhile.
            end_unit(connection, unit)
    return taken


async def _make_call(work: StageWork, unit: Unit, items: Sequence[Row]) -> None:
    engine = work.engine
    context = context_for(engine.database, work.context, work.stage.declaration, items, engine.clock.now())
    call = Call(
        engine.database, engine.clock, engine.pool, engine.media, context, work.lease, work.stage, work.stage_run_id,
        items, engine.stop, engine.progress, engine.rng, engine.traces, work.budget_credits, unit, work.crew,
        work.crew.next_turn(), work.tell,
    )  # fmt: skip
    try:
        end = await call_model(call, lease_seconds=LEASE.total_seconds())
    except BaseException:
        # Whatever went wrong, nobody has to wait for the lease of what is lost anyway.
        with contextlib.suppress(Igny8Error):
            _give_back(work, [unit])
        raise
    if end.was_stopped or end.refusal:
        _give_back(work, [unit])
    _count(work, end)


def _give_back(work: StageWork, units: Sequence[Unit]) -> None:
    with work.engine.database.write() as connection:
        give_back(connection, units)


def _count(work: StageWork, end: CallEnd) -> None:
    if end.was_stopped:
        return
    tally = work.tally
    tally.done += end.done
    tally.failed += end.failed
    tally.credits += end.credits
    if end.refusal:
        work.stop(end.refusal)
    elif end.done:
        tally.pulse = tally.pulse.after_success()
    else:
        tally.pulse = tally.pulse.after_failure(end.reason)
    if tally.pulse.stop_reason:
        work.crew.close()
    work.tell()


async def _wait_for_others(work: StageWork) -> bool:
    """Wait a little while other processes are at units of the stage, and free those of the dead; False when none is."""
    now = work.engine.clock.now()
    with work.engine.database.write() as connection:
        if work.lease.fence == HELPER:
            return False
        freed = free_dead(connection, work.lease.run_id, Origin("run", now, work.context.generation))
        if not freed and not count_in_work(connection, work.stage_run_id):
            return False
        hold_lease(connection, work.lease, now + LEASE)
    if not freed:
        await sleep_unless_stopped(work.engine.clock, work.engine.stop, _LOOK_AGAIN_SECONDS)
    return True


def free_dead(connection: Connection, run_id: int, origin: Origin) -> int:
    """Free what dead workers of a run had in work: their calls in flight are lost, their holds go back."""
    freed = release_dead(connection, run_id, origin.at, is_gone)
    lose_attempts(connection, run_id, origin.at)
    expire_holds(connection, origin, run_id=run_id)
    return freed


def _leave(work: StageWork, units: Sequence[Unit]) -> None:
    """Give back what was taken and not begun; a stage that stops leaves nothing to take."""
    reason = work.tally.pulse.stop_reason
    if not units and not reason:
        return
    with work.engine.database.write() as connection:
        give_back(connection, units)
        if reason:
            stop_stage(connection, work.stage_run_id, reason)
            drop_free(connection, work.stage_run_id)
