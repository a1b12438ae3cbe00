"""Orders to runs from another process: pause, resume, cancel. They take effect between batches of calls."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from reconciler.clock import Clock
from reconciler.errors import ConflictError, LockedError, UsageError
from reconciler.operations.stage_work import free_dead
from reconciler.operations.worker import is_gone
from reconciler.store.claims import drop_all
from reconciler.store.engine import Connection, Database
from reconciler.store.ledger import Origin
from reconciler.store.runs import ask, end_open_stages, find_run, leave_run
from reconciler.store.tables import OPEN_RUN_STATES

Order = Literal["pause", "resume", "cancel"]


@dataclass(frozen=True, slots=True)
class Ordered:
    """What became of an order: the run's state now, and what it is still asked for, "" when it was carried out."""

    run_id: int
    site: str
    state: str
    asked: str


def order_run(database: Database, clock: Clock, run_id: int, order: Order, *, by: str) -> Ordered:
    """Give a run an order. A worker that is at it obeys after the calls in flight; without one it is carried out now.

    Raises UsageError when there is no such run, ConflictError when it has ended.
    """
    try:
        return _order(database, clock.now(), run_id, order, by)
    except LockedError:
        # Who settles a call locks the account before the run, we the run before the account: of two that wait for each
        # other the database sends one away, and that has changed nothing.
        return _order(database, clock.now(), run_id, order, by)


def _order(database: Database, now: datetime, run_id: int, order: Order, by: str) -> Ordered:
    with database.write() as connection:
        row = find_run(connection, run_id, lock=True)
        if row is None:
            raise UsageError(f"there is no run {run_id}", hint="`igny8 runs list` shows the numbers")
        if row.state not in OPEN_RUN_STATES:
            raise ConflictError(f"run {run_id} of {row.site} has ended: {row.state}", hint="nothing was changed")
        if order == "resume":
            _resume(connection, row, now, by)
        elif _is_at_work(row, now):
            ask(connection, run_id, order)
        else:
            _carry_out(connection, row, order, now, by)
        left = find_run(connection, run_id)
    assert left is not None
    return Ordered(run_id, left.site, left.state, left.asked)


def _is_at_work(row: Any, now: datetime) -> bool:
    return row.state == "running" and row.lease_until is not None and row.lease_until > now and not is_gone(row.owner)


def _resume(connection: Connection, row: Any, now: datetime, by: str) -> None:
    if row.state == "paused":
        leave_run(connection, row.id, "interrupted", now=now, note=f"resumed by {by}")
    elif row.asked == "pause":
        ask(connection, row.id, "")
    elif row.asked == "cancel":
        raise ConflictError(f"run {row.id} of {row.site} is being cancelled")


def _carry_out(connection: Connection, row: Any, order: Order, now: datetime, by: str) -> None:
    free_dead(connection, row.id, Origin(f"run {row.id}", now, row.generation))
    if order == "pause":
        leave_run(connection, row.id, "paused", now=now, note=f"paused by {by}")
        return
    drop_all(connection, row.id)
    free_dead(connection, row.id, Origin(f"run {row.id}", now, row.generation))
    leave_run(connection, row.id, "cancelled", now=now, note=f"cancelled by {by}")
    end_open_stages(connection, row.id, reason="the run was cancelled", now=now)
