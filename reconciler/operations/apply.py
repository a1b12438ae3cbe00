"""Applies a plan in one transaction: resources, history, grants and calendar moves together, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.errors import BlockedError, ConflictError, LockedError, UsageError
from reconciler.operations.departures import hold_back_new_work, let_go
from reconciler.operations.grants import PendingGrant, post_grants
from reconciler.operations.in_flight import DRAINED, drain_for, is_drain_only, settle_in_flight
from reconciler.operations.keywords import follow_keywords
from reconciler.operations.locking import LEASE, locked
from reconciler.operations.observe import observe
from reconciler.operations.reschedule import CalendarMove, reschedule
from reconciler.operations.saved_plan import SavedPlan, check_usable
from reconciler.plan.change import Action
from reconciler.plan.guards import OVERRIDE_WINDOW, Block
from reconciler.plan.in_flight import Handling
from reconciler.plan.observed import DEFAULT_OPTIONS, Observed, PlanOptions
from reconciler.plan.planner import Plan, make_plan
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.forecasts import save_forecasts
from reconciler.store.history import Occasion, save_history
from reconciler.store.ledger import Origin
from reconciler.store.locks import hold_fence
from reconciler.store.quarantine import Quarantined, add_quarantine
from reconciler.store.renames import carry_names_over
from reconciler.store.resources import save_changes
from reconciler.store.runs import notify
from reconciler.store.saved_plans import mark_used


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """What an apply did; no generation when there was nothing to do."""

    generation: int | None
    granted: tuple[PendingGrant, ...]
    moves: tuple[CalendarMove, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """What an apply notes beside its changes: further options for the history, and a config to put into quarantine."""

    options: Mapping[str, Any] = field(default_factory=dict)
    quarantine: Quarantined | None = None


_NOTHING_BESIDE = Beside()
_DONE: tuple[tuple[Action, str], ...] = (("create", "created"), ("update", "updated"), ("delete", "deleted"))


def check_overrides(flags: Collection[str], reason: str) -> None:
    """Refuse flags that override a guard when nobody says why."""
    if flags and not reason.strip():
        verb = "needs" if len(flags) == 1 else "need"
        raise UsageError(f"{' and '.join(sorted(flags))} {verb} --reason", hint="say why; it is kept in the history")


def open_blocks(plan: Plan, allowed_flags: Collection[str]) -> tuple[Block, ...]:
    """Return the blocks of a plan that no given flag allows."""
    return tuple(block for block in plan.blocks if block.flag not in allowed_flags or not block.flag)


def apply(
    database: Database, compilation: Compilation, reviewed: Plan, *,
    clock: Clock, actor: str, reason: str = "", allowed_flags: Collection[str] = (), options: PlanOptions = DEFAULT_OPTIONS,
    saved: SavedPlan | None = None, lock_timeout: float = 0, tell: Callable[[str], None] = lambda text: None,
    beside: Beside = _NOTHING_BESIDE,
) -> ApplyResult:  # fmt: skip
    """Carry out exactly the reviewed plan, under the lock: it is made again there, and must come out the same.

    Raises BlockedError when a guard forbids it, ConflictError when the state has moved since the review or the saved
    plan was used, and LockedError outside the sync window, or when another has the lock for longer than the timeout (in
    seconds).
    """
    if is_drain_only(open_blocks(reviewed, allowed_flags)) and drain_for(database, reviewed, clock, actor=actor):
        refuse_blocks(open_blocks(reviewed, allowed_flags), hint=DRAINED)
    refuse_blocks(open_blocks(reviewed, allowed_flags))
    with (
        locked(database, clock, purpose=f"apply by {actor}", timeout_seconds=lock_timeout, tell=tell) as lease,
        database.write() as connection,
    ):
        advisory_lock(connection, "igny8-apply")
        hold_fence(connection, lease, now=clock.now(), length=LEASE)
        hold_back_new_work(connection, reviewed)
        if saved is not None:
            check_usable(connection, saved, clock.now())
        observed = observe(connection, compilation, clock.now())
        current = make_plan(compilation, observed, options)
        check_same(current, reviewed)
        refuse_blocks(open_blocks(current, allowed_flags))  # work may have begun since the review
        if OVERRIDE_WINDOW not in allowed_flags:
            check_window(current)
        used = used_options(allowed_flags, options) | dict(beside.options)
        occasion = Occasion(current.base_generation + 1, clock.now(), actor, reason, used)
        result = write_plan(connection, compilation, current, observed, occasion)
        if result.generation is not None and beside.quarantine is not None:
            add_quarantine(connection, beside.quarantine, actor=actor, at=clock.now())
        if saved is not None:
            mark_used(connection, saved.id, result.generation or current.base_generation, clock.now())
        return result


def check_window(plan: Plan) -> None:
    """Refuse a plan that changes something while the sync window is closed; the message tells the next opening."""
    if plan.is_empty or plan.window.open:
        return
    opening = f"it opens {plan.window.opening}" if plan.window.next_open else "it does not open within 8 days"
    raise LockedError(
        f"the sync window is closed: {plan.window.reason}; {opening}",
        hint=f"nothing was changed; wait, or add {OVERRIDE_WINDOW} and --reason",
    )


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Handling) else value


def check_same(current: Plan, reviewed: Plan) -> None:
    """Refuse a plan that comes out differently now; ConflictError."""
    if current.id != reviewed.id:
        raise ConflictError(
            f"the state has moved since this plan was made (generation {reviewed.base_generation} -> "
            f"{current.base_generation})",
            hint="nothing was changed; run `igny8 plan` again",
        )  # fmt: skip


def refuse_blocks(blocks: Collection[Block], hint: str = "") -> None:
    """Raise BlockedError with all that stands against a plan, if anything does."""
    if blocks:
        flags = sorted({block.flag for block in blocks if block.flag})
        hint = hint or (f"look at the plan; if it is meant, add {' '.join(flags)}" if flags else "nothing was changed")
        raise BlockedError("; ".join(block.message for block in blocks), hint=hint)


def used_options(allowed_flags: Collection[str], options: PlanOptions) -> dict[str, Any]:
    """Return what the history keeps of the options: flags that allow, and what differs from the default."""
    chosen = {item.name: getattr(options, item.name) for item in fields(options)}
    selection = {name: patterns for name, patterns in chosen.pop("selection").to_json().items() if patterns}
    differing = selection | {name: value for name, value in chosen.items() if value != getattr(DEFAULT_OPTIONS, name)}
    return ({"allowed": sorted(allowed_flags)} if allowed_flags else {}) | {
        name: sorted(map(str, value)) if isinstance(value, list | tuple | set | frozenset) else _plain(value)
        for name, value in differing.items()
    }


def write_plan(
    connection: Connection, compilation: Compilation, plan: Plan, observed: Observed, occasion: Occasion
) -> ApplyResult:
    """Carry a plan out in the caller's transaction, which has the lock: all of it, with what it does beside resources."""
    now, actor = occasion.at, occasion.actor
    settle_in_flight(connection, plan, observed, now)
    if plan.is_empty:
        origin = Origin(actor, now, plan.base_generation)
        return ApplyResult(None, post_grants(connection, compilation, origin, plan.left_out), ())
    carry_names_over(connection, plan.changes, generation=occasion.generation, at=now)
    moves = reschedule(connection, plan.changes, now)
    origin = Origin(actor, now, occasion.generation)
    let_go(connection, plan, origin)
    save_changes(connection, plan.carried_out, generation=occasion.generation, at=now)
    follow_keywords(connection, plan.changes, now)
    gone = [change.name for change in plan.changes if change.kind == "site" and change.action == "delete"]
    save_forecasts(connection, plan.forecast_after.fresh, gone)
    save_history(connection, plan, occasion)
    granted = post_grants(connection, compilation, origin, plan.left_out)
    notify(connection, "applied", _told(plan, occasion), now)
    return ApplyResult(occasion.generation, granted, moves)


def _told(plan: Plan, occasion: Occasion) -> str:
    """Return what people are told of an apply."""
    counts = ", ".join(f"{plan.count(action)} {done}" for action, done in _DONE)
    reason = f" ({occasion.reason})" if occasion.reason else ""
    return f"Generation {occasion.generation}, by {occasion.actor}: {counts}{reason}"
