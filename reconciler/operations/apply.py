"""Applies a plan in one transaction: resources, history, grants and calendar moves together, or nothing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.errors import BlockedError, ConflictError
from reconciler.operations.grants import PendingGrant, post_grants
from reconciler.operations.reschedule import CalendarMove, reschedule
from reconciler.plan.planner import Plan, make_plan
from reconciler.plan.safety import Block
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.ledger import Origin
from reconciler.store.resources import Applied, current_generation, load_actual, save_changes, save_history
from reconciler.store.runs import busy_sites


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What an apply did; no generation when there was nothing to do."""

    generation: int | None
    granted: tuple[PendingGrant, ...]
    moves: tuple[CalendarMove, ...]


def open_blocks(plan: Plan, allowed_flags: Collection[str]) -> tuple[Block, ...]:
    """Return the blocks of a plan that no given flag allows."""
    return tuple(block for block in plan.blocks if block.flag not in allowed_flags or not block.flag)


def apply(
    database: Database, compilation: Compilation, reviewed: Plan, *,
    clock: Clock, actor: str, reason: str = "", allowed_flags: Collection[str] = (), heal: bool = True,
) -> ApplyResult:  # fmt: skip
    """Carry out exactly the reviewed plan.

    Raises BlockedError when a guard forbids it, and ConflictError when the state has moved since the review.
    """
    blocks = open_blocks(reviewed, allowed_flags)
    if blocks:
        flags = sorted({block.flag for block in blocks if block.flag})
        hint = f"look at the plan; if it is meant, add {' '.join(flags)}" if flags else "nothing was changed"
        raise BlockedError("; ".join(block.message for block in blocks), hint=hint)
    with database.write() as connection:
        advisory_lock(connection, "igny8-apply")
        current = make_plan(
            compilation,
            load_actual(connection),
            current_generation(connection),
            busy_sites(connection, clock.now()),
            heal=heal,
        )
        if current.id != reviewed.id:
            raise ConflictError(
                f"the state has moved since this plan was made (generation {reviewed.base_generation} -> "
                f"{current.base_generation})",
                hint="nothing was changed; run `igny8 plan` again",
            )  # fmt: skip
        return _write(connection, compilation, current, clock=clock, actor=actor, reason=reason)


def _write(
    connection: Connection, compilation: Compilation, plan: Plan, *, clock: Clock, actor: str, reason: str
) -> ApplyResult:
    now = clock.now()
    if plan.is_empty:
        return ApplyResult(None, post_grants(connection, compilation, Origin(actor, now, plan.base_generation)), ())
    generation = plan.base_generation + 1
    moves = reschedule(connection, plan.changes, now)
    save_changes(connection, plan.changes, generation=generation, at=now)
    save_history(
        connection,
        Applied(generation, now, actor, plan.revision, plan.config_digest, reason, plan.to_json()),
    )
    granted = post_grants(connection, compilation, Origin(actor, now, generation))
    return ApplyResult(generation, granted, moves)
