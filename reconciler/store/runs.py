"""Runs, stage runs and attempts: who works on a site, how far it got, and every call that was made.

A site has one open run (a unique index says so). Its worker holds a lease with a fence: a worker that lost it, because
another took over, finds the fence moved and can write nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.store.outbox import enqueue
from reconciler.store.statements import Result, insert_and_tell, insert_row, inserting, later, updating
from reconciler.store.statements import run as execute
from reconciler.store.tables import OPEN_RUN_STATES, Instant, attempt, claim, notification, run, stage_run, usage

# The fence of a process that helps with a run that another leads.
HELPER = 0
# How far an attempt came: nothing was sent; sent, perhaps, and no answer; answered, not saved; saved.
Phase = Literal["INIT", "CALL", "SAVE", "DONE"]


class LeaseLostError(Exception):
    """Another worker took this run over; what was in flight here must not be written."""


@dataclass(frozen=True, slots=True)
class RunLease:
    """A worker's hold on a run. One whose fence is `HELPER` makes calls of it, and leads nothing."""

    run_id: int
    site: str
    account: str
    owner: str
    fence: int
    available_at_start: int
    only_stage: str | None = None
    only_items: tuple[int, ...] | None = None
    credits_max: int | None = None


def find_open_run(connection: Connection, site: str, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return the site's open run, or None; with `lock` nobody else changes it until the transaction ends."""
    statement = sa.select(run).where(run.c.site == site, run.c.state.in_(OPEN_RUN_STATES))
    statement = statement.with_for_update() if lock else statement
    return connection.execute(statement).one_or_none()


def start_run(connection: Connection, values: Mapping[str, Any]) -> RunLease:
    """Open a run with a lease."""
    return lease_of(connection.execute(run.insert().values(**values, state="running", fence=1).returning(run)).one())


def lease_of(row: sa.Row[Any], *, helper: str = "") -> RunLease:
    """Return the lease that a run's row tells of; or that of a helper, by its name."""
    only = None if row.only_items is None else tuple(row.only_items)
    owner, fence = (helper, HELPER) if helper else (row.owner, row.fence)
    return RunLease(
        row.id, row.site, row.account, owner, fence, row.available_at_start, row.only_stage, only, row.credits_max
    )  # fmt: skip


def take_over_run(
    connection: Connection, run_id: int, *, owner: str, lease_until: datetime, generation: int
) -> RunLease:
    """Take the lease of an open run, fencing off whoever had it."""
    row = connection.execute(
        run.update()
        .where(run.c.id == run_id)
        .values(
            owner=owner, lease_until=lease_until, fence=run.c.fence + 1, state="running", note="", asked="",
            generation=generation,
        )
        .returning(run)
    ).one()  # fmt: skip
    return lease_of(row)


def hold_lease(connection: Connection, lease: RunLease, until: datetime) -> str:
    """Renew the lease and return what the run was asked to do; LeaseLostError when it was taken over or ended."""
    asked = execute(connection, _HOLD, {"of_run": lease.run_id, "of_fence": lease.fence, "until": until}).scalar()
    if asked is None:
        raise LeaseLostError(f"run {lease.run_id} of {lease.site} was taken over or ended")
    return str(asked)


def count_in_run(connection: Connection, lease: RunLease, until: datetime, *, credits: int = 0) -> None:
    """Add to an open run's credits; its lease is renewed by the worker that has it.

    LeaseLostError when the run has ended.
    """

    def check(result: Result) -> None:
        if not result.rows:
            raise LeaseLostError(f"run {lease.run_id} of {lease.site} has ended")

    values = {"of_run": lease.run_id, "of_fence": lease.fence, "until": until, "d_credits": credits}
    later(connection, _COUNT_IN_RUN, values, check)


def run_credits(connection: Connection, run_id: int) -> int:
    """Return the credits that a run has used so far."""
    return int(connection.execute(sa.select(run.c.credits_used).where(run.c.id == run_id)).scalar_one())


def end_run(connection: Connection, lease: RunLease, state: str, *, now: datetime, note: str = "") -> None:
    """Give the lease back and leave the run in a state; an interrupted one stays open for the next worker."""
    finished = None if state in OPEN_RUN_STATES else now
    connection.execute(
        run.update()
        .where(run.c.id == lease.run_id, run.c.fence == lease.fence)
        .values(state=state, finished_at=finished, lease_until=None, owner="", note=note, asked="")
    )


def ask(connection: Connection, run_id: int, order: str) -> None:
    """Ask the workers of a run to pause or to cancel it, or ("") take that back."""
    connection.execute(run.update().where(run.c.id == run_id).values(asked=order))


def leave_run(connection: Connection, run_id: int, state: str, *, now: datetime, note: str) -> None:
    """Put a run that nobody works on into a state, fencing off whoever might wake up."""
    finished = None if state in OPEN_RUN_STATES else now
    values = {"state": state, "note": note, "finished_at": finished, "lease_until": None, "owner": "", "asked": ""}
    connection.execute(run.update().where(run.c.id == run_id).values(fence=run.c.fence + 1, **values))


def end_open_stages(connection: Connection, run_id: int, *, reason: str, now: datetime) -> None:
    """Close the stages of a run that ends before they did."""
    still_open = sa.and_(stage_run.c.run_id == run_id, stage_run.c.state == "running")
    connection.execute(stage_run.update().where(still_open).values(state="stopped", reason=reason, finished_at=now))


def find_run(connection: Connection, run_id: int, *, lock: bool = False) -> sa.Row[Any] | None:
    """Return a run, or None; with `lock` nobody else changes it until the transaction ends."""
    statement = sa.select(run).where(run.c.id == run_id)
    return connection.execute(statement.with_for_update() if lock else statement).one_or_none()


def last_scheduled_for(connection: Connection, site: str) -> datetime | None:
    """Return the due time that the site's last scheduled run was for, or None before the first."""
    statement = sa.select(sa.func.max(run.c.scheduled_for)).where(run.c.site == site)
    found: datetime | None = connection.scalar(statement)
    return found


def last_run(connection: Connection, site: str) -> sa.Row[Any] | None:
    """Return the site's newest run, or None."""
    statement = sa.select(run).where(run.c.site == site).order_by(run.c.id.desc()).limit(1)
    return connection.execute(statement).one_or_none()


def stage_runs_of(connection: Connection, run_id: int) -> dict[str, sa.Row[Any]]:
    """Return the stages of a run by key."""
    rows = connection.execute(sa.select(stage_run).where(stage_run.c.run_id == run_id).order_by(stage_run.c.number))
    return {row.stage: row for row in rows.all()}


def open_stage(connection: Connection, run_id: int, values: Mapping[str, Any]) -> sa.Row[Any]:
    """Return the stage's record in this run, new or as an interrupted worker left it."""
    known = stage_runs_of(connection, run_id).get(str(values["stage"]))
    if known is not None:
        statement = stage_run.update().where(stage_run.c.id == known.id)
        return connection.execute(
            statement.values(state="running", reason="", total=values["total"] + known.taken).returning(stage_run)
        ).one()
    return connection.execute(stage_run.insert().values(run_id=run_id, **values).returning(stage_run)).one()


def count_in_stage(
    connection: Connection, stage_run_id: int, *, taken: int = 0, done: int = 0, failed: int = 0, credits: int = 0
) -> None:
    """Add to a stage's progress; part of the transaction that charges."""
    later(
        connection,
        _COUNT_IN_STAGE,
        {"of_stage": stage_run_id, "d_taken": taken, "d_done": done, "d_failed": failed, "d_credits": credits},
    )


def stop_stage(connection: Connection, stage_run_id: int, reason: str) -> None:
    """Tell every worker at a stage to take nothing more; the first reason stays."""
    where = (stage_run.c.id == stage_run_id, stage_run.c.state == "running", stage_run.c.reason == "")
    connection.execute(stage_run.update().where(*where).values(reason=reason))


def end_stage(connection: Connection, stage_run_id: int, state: str, *, reason: str, now: datetime) -> sa.Row[Any]:
    """Close a stage's record and return it."""
    values = {"state": state, "reason": reason, "finished_at": now}
    statement = stage_run.update().where(stage_run.c.id == stage_run_id).values(**values)
    return connection.execute(statement.returning(stage_run)).one()


def start_attempt(connection: Connection, values: Mapping[str, Any]) -> None:
    """Record a call before it is made: once this is committed, its request may be out."""
    insert_row(connection, attempt, {**values, "phase": "CALL", "status": "pending"})


def finish_attempt(connection: Connection, attempt_id: str, values: Mapping[str, Any], phase: Phase = "DONE") -> None:
    """Record how a call ended, and how far it came."""
    later(connection, *updating(attempt, {"id": attempt_id}, {**values, "phase": phase}))


def lose_attempts(connection: Connection, run_id: int, now: datetime) -> int:
    """Mark the calls that dead workers left in flight as lost, at their estimated cost; return how many.

    A call whose unit a worker still has is in flight, and stays so. A lost one keeps the phase that it was seen in.
    """
    alive = sa.select(claim.c.attempt_id).where(claim.c.run_id == run_id, claim.c.owner != "")
    pending = sa.and_(attempt.c.run_id == run_id, attempt.c.status == "pending")
    pending = sa.and_(pending, attempt.c.id.not_in(alive.where(claim.c.attempt_id.is_not(None))))
    done = connection.execute(
        attempt.update()
        .where(pending)
        .values(
            status="lost",
            cost_nano=attempt.c.estimated_cost_nano,
            cost_basis="estimated",
            error="the worker stopped while the call was in flight",
            finished_at=now,
        )
    )
    return int(done.rowcount)


def note_task(connection: Connection, attempt_id: str, task: str) -> None:
    """Keep the provider's own name of a task in the background, so that it can be looked up after a crash."""
    connection.execute(attempt.update().where(attempt.c.id == attempt_id).values(provider_task=task))


def find_lost_task(
    connection: Connection, run_id: int, stage: str, item_ids: Sequence[int], model: str
) -> tuple[str, str] | None:
    """Return id and task of the newest attempt for these items that was lost, or left in doubt, while the provider worked.

    None when there is none; an attempt whose cost is only estimated is one that nobody knows the end of.
    """
    columns = attempt.c
    rows = connection.execute(
        sa.select(columns.id, columns.item_ids, columns.provider_task)
        .where(columns.run_id == run_id, columns.stage == stage, columns.model == model)
        .where(columns.status.in_(("lost", "error")), columns.provider_task != "", columns.cost_basis == "estimated")
        .order_by(columns.started_at.desc())
    )
    return next(((row.id, row.provider_task) for row in rows if list(row.item_ids) == list(item_ids)), None)


def recover_attempt(connection: Connection, attempt_id: str, by: str) -> None:
    """Take the estimated cost off a lost attempt whose result another attempt has fetched, and is billed for."""
    values = {"cost_nano": 0, "cost_basis": "zero", "notes": f"its result was fetched by attempt {by}"}
    connection.execute(attempt.update().where(attempt.c.id == attempt_id).values(**values))


def forget_payloads(connection: Connection, now: datetime) -> int:
    """Remove prompts and answers whose time is up; return of how many attempts."""
    is_over = attempt.c.payload_until <= now
    if connection.execute(sa.select(attempt.c.id).where(is_over).limit(1)).one_or_none() is None:
        return 0
    values = {"prompt": None, "answer": None, "payload_until": None}
    done = connection.execute(attempt.update().where(is_over).values(**values))
    return int(done.rowcount)


def close_charged_call(
    connection: Connection, attempt_id: str, end: Mapping[str, Any], usage_line: Mapping[str, Any], stage_run_id: int,
    *, taken: int, done: int, failed: int,
) -> None:  # fmt: skip
    """Record how a charged call ended, write its usage line, and add to its stage's progress."""
    counted = {"d_taken": taken, "d_done": done, "d_failed": failed, "d_credits": usage_line["credits"]}
    later(connection, *updating(attempt, {"id": attempt_id}, {**end, "phase": "DONE"}))
    later(connection, *inserting(usage, usage_line))
    later(connection, _COUNT_IN_STAGE, {"of_stage": stage_run_id, **counted})


def attempt_end(connection: Connection, attempt_id: str) -> tuple[str, str]:
    """Return the status of an attempt, and its error."""
    row = connection.execute(sa.select(attempt.c.status, attempt.c.error).where(attempt.c.id == attempt_id)).one()
    return row.status, row.error


def charged_credits(connection: Connection, attempt_id: str) -> int | None:
    """Return what was charged for an attempt, or None when nothing was."""
    found: int | None = connection.scalar(sa.select(usage.c.credits).where(usage.c.attempt_id == attempt_id))
    return found


def was_notified_since(connection: Connection, event: str, since: datetime, *, account: str) -> bool:
    """Tell whether an account got a notification of an event since an instant."""
    statement = sa.select(notification.c.id).where(
        notification.c.event == event, notification.c.account == account, notification.c.at >= since
    )
    return connection.execute(statement.limit(1)).one_or_none() is not None


def notify(
    connection: Connection, event: str, text: str, now: datetime, *,
    account: str | None = None, site: str | None = None, run_id: int | None = None,
) -> None:  # fmt: skip
    """Leave a notification, and in the same transaction what has to be sent about it: a message for each channel."""
    values = {"event": event, "text": text, "at": now, "account": account, "site": site, "run_id": run_id}
    enqueue(connection, insert_and_tell(connection, notification, values), event, now)


_OPEN = sa.or_(run.c.state == "running", run.c.state == "paused")
_HOLD = (
    run.update()
    .where(run.c.id == sa.bindparam("of_run"), run.c.fence == sa.bindparam("of_fence"), _OPEN)
    .values(lease_until=sa.bindparam("until", type_=Instant))
    .returning(run.c.asked)
)
_COUNT_IN_RUN = (
    run.update()
    .where(run.c.id == sa.bindparam("of_run"), sa.or_(*(run.c.state == state for state in OPEN_RUN_STATES)))
    .values(
        credits_used=run.c.credits_used + sa.bindparam("d_credits"),
        lease_until=sa.case(
            (run.c.fence == sa.bindparam("of_fence"), sa.bindparam("until", type_=Instant)), else_=run.c.lease_until
        ),
    )
    .returning(run.c.credits_used)
)
_COUNT_IN_STAGE = (
    stage_run.update()
    .where(stage_run.c.id == sa.bindparam("of_stage"))
    .values(
        taken=stage_run.c.taken + sa.bindparam("d_taken"),
        done=stage_run.c.done + sa.bindparam("d_done"),
        failed=stage_run.c.failed + sa.bindparam("d_failed"),
        credits_used=stage_run.c.credits_used + sa.bindparam("d_credits"),
    )
)
