"""Applies a plan account by account: each part in a transaction and a generation of its own, or not at all.

What keeps one account from being applied keeps back that account alone. The lock is held from the first part to the
last, and every part is planned anew in its transaction, so that it does what was reviewed or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Literal

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.errors import BlockedError, ConflictError, Igny8Error, UsageError
from reconciler.operations.apply import (
    ApplyResult,
    check_same,
    check_window,
    open_blocks,
    refuse_blocks,
    used_options,
    write_plan,
)
from reconciler.operations.departures import hold_back_new_work
from reconciler.operations.locking import LEASE, locked
from reconciler.operations.observe import observe
from reconciler.operations.saved_plan import SavedPlan, check_usable
from reconciler.plan.guards import GUARDS, OVERRIDE_WINDOW, Block
from reconciler.plan.observed import DEFAULT_OPTIONS, PlanOptions
from reconciler.plan.parts import REMOVALS, SHARED, cut_by_account
from reconciler.plan.planner import Plan, make_plan
from reconciler.plan.selection import Part
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.history import Occasion
from reconciler.store.locks import Lease, LockLostError, hold_fence
from reconciler.store.saved_plans import mark_used
from reconciler.wording import counted

Outcome = Literal["applied", "failed", "not tried"]


@dataclass(frozen=True, slots=True)
class PartResult:
    """What became of a part: what its apply did, or why there was none."""

    part: Part
    outcome: Outcome
    applied: ApplyResult | None = None
    reason: str = ""
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "part": self.part.name,
            "changes": [kind if kind == name else f"{kind}/{name}" for kind, name in sorted(self.part.refs)],
            "outcome": self.outcome,
            "generation": self.applied.generation if self.applied else None,
            "reason": self.reason,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class PartsResult:
    """What became of every part of a plan, in order; `interrupted` when somebody ended it early."""

    parts: tuple[PartResult, ...]
    interrupted: bool = False

    @property
    def is_complete(self) -> bool:
        """Tell whether all of the plan was applied."""
        return all(item.outcome == "applied" for item in self.parts)

    @property
    def generations(self) -> list[int]:
        """Return the generations that were made."""
        found = (item.applied.generation for item in self.parts if item.applied)
        return [generation for generation in found if generation is not None]


@dataclass(frozen=True)
class _Order:
    """What all parts are applied by."""

    compilation: Compilation
    reviewed: Plan
    clock: Clock
    actor: str
    reason: str
    allowed_flags: Collection[str]
    options: PlanOptions
    saved: SavedPlan | None


def apply_parts(
    database: Database, compilation: Compilation, reviewed: Plan, *,
    clock: Clock, actor: str, reason: str = "", allowed_flags: Collection[str] = (), options: PlanOptions = DEFAULT_OPTIONS,
    saved: SavedPlan | None = None, lock_timeout: float = 0, tell: Callable[[str], None] = lambda text: None,
) -> PartsResult:  # fmt: skip
    """Carry out the reviewed plan part by part, and tell of each what became of it.

    A guard that speaks against one account keeps back that account. Raises what `apply` raises where the whole plan is
    concerned: a limit on numbers, another state than the reviewed one, a closed window, a lock that another has.
    """
    if options.in_flight.mode == "drain":
        raise UsageError(
            "--keep-going cannot wait for sites to drain", hint="leave --keep-going out, or choose another --in-flight"
        )
    order = _Order(compilation, reviewed, clock, actor, reason, allowed_flags, options, saved)
    with locked(database, clock, purpose=f"apply by {actor}", timeout_seconds=lock_timeout, tell=tell) as lease:
        parts = _check_whole(database, order)
        return _apply_all(database, order, lease, parts, tell)


def _check_whole(database: Database, order: _Order) -> tuple[Part, ...]:
    """Refuse what is wrong with the plan as a whole, and return its parts."""
    with database.read() as connection:
        if order.saved is not None:
            check_usable(connection, order.saved, order.clock.now())
        observed = observe(connection, order.compilation, order.clock.now())
        current = make_plan(order.compilation, observed, order.options)
        check_same(current, order.reviewed)
        parts = cut_by_account(current.changes)
        blocks = open_blocks(current, order.allowed_flags)
        if blocks:
            made = (make_plan(order.compilation, observed, _limited(order, part)) for part in parts)
            own = {block for plan in made for block in _blocks_of_part(plan, order)}
            refuse_blocks([block for block in blocks if block not in own])
        if OVERRIDE_WINDOW not in order.allowed_flags:
            check_window(current)
        return parts


def _apply_all(
    database: Database, order: _Order, lease: Lease, parts: tuple[Part, ...], tell: Callable[[str], None]
) -> PartsResult:
    found: list[PartResult] = []
    stopped = ""
    interrupted = False
    for number, part in enumerate(parts, 1):
        why = stopped or _why_not_tried(part, found)
        if why:
            found.append(PartResult(part, "not tried", reason=why))
            continue
        count = counted(len(part.refs), "change")
        try:
            tell(f"[{number}/{len(parts)}] {part.name}: {count}")
            with database.write() as connection:
                applied = _apply_one(connection, order, lease, part)
                if order.saved is not None and not any(item.applied for item in found):
                    generation = applied.generation or order.reviewed.base_generation
                    mark_used(connection, order.saved.id, generation, order.clock.now())
            found.append(PartResult(part, "applied", applied))
        except Igny8Error as error:
            found.append(PartResult(part, "failed", reason=error.message, hint=error.hint))
            stopped = "the lock was lost" if isinstance(error, LockLostError) else ""
        except KeyboardInterrupt:
            found.append(PartResult(part, "not tried", reason="interrupted"))
            stopped, interrupted = "interrupted", True
    return PartsResult(tuple(found), interrupted)


def _why_not_tried(part: Part, before: list[PartResult]) -> str:
    """Return why a part must wait for what failed before it; "" when it need not."""
    failed = [item.part.name for item in before if item.outcome != "applied"]
    if SHARED in failed:
        return "what the accounts share was not applied"
    if failed and part.name == REMOVALS:
        return f"{failed[0]} may still need it"
    return ""


def _limited(order: _Order, part: Part) -> PlanOptions:
    return replace(order.options, selection=replace(order.options.selection, part=part))


def _apply_one(connection: Connection, order: _Order, lease: Lease, part: Part) -> ApplyResult:
    now, options = order.clock.now(), _limited(order, part)
    advisory_lock(connection, "igny8-apply")
    hold_fence(connection, lease, now=now, length=LEASE)
    hold_back_new_work(connection, _only(order.reviewed, part))
    observed = observe(connection, order.compilation, now)
    current = make_plan(order.compilation, observed, options)
    wanted = _only(order.reviewed, part)
    if [change.to_json() for change in current.changes] != [change.to_json() for change in wanted.changes]:
        raise ConflictError(
            f"{part.name} has changed since this plan was made",
            hint="nothing of it was changed; run `igny8 plan` again",
        )
    _refuse_part(_blocks_of_part(current, order))
    used = used_options(order.allowed_flags, options) | {"keep_going": True}
    occasion = Occasion(current.base_generation + 1, now, order.actor, order.reason, used)
    return write_plan(connection, order.compilation, current, observed, occasion)


def _blocks_of_part(plan: Plan, order: _Order) -> tuple[Block, ...]:
    """Return what stands against a part by itself: limits on numbers were held against the whole."""
    of_whole = {guard.name for guard in GUARDS if not guard.looks_at_each}
    return tuple(block for block in open_blocks(plan, order.allowed_flags) if block.guard not in of_whole)


def _refuse_part(blocks: tuple[Block, ...]) -> None:
    entangled = [block for block in blocks if block.guard == "selection"]
    if entangled:
        reasons = "; ".join(block.message.rsplit("; ", 1)[0] for block in entangled)
        raise BlockedError(f"it cannot be applied by itself: {reasons}", hint="apply without --keep-going")
    refuse_blocks(blocks)


def _only(plan: Plan, part: Part) -> Plan:
    return replace(plan, changes=tuple(change for change in plan.changes if (change.kind, change.name) in part.refs))
