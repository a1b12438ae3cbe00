"""Looks back: past applies, one of them with all its changes, and whether the chain of them is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import UsageError
from reconciler.operations.blame import known_changes, parse_ref
from reconciler.plan.diff import leaves
from reconciler.store.chain import Verified, verify_chain
from reconciler.store.engine import Connection, Database
from reconciler.store.history import (
    Applied,
    RecordedChange,
    RecordedField,
    current_generation,
    load_applied,
    load_changes,
    load_history,
    load_version,
)
from reconciler.store.quarantine import Quarantine, lift_quarantine, load_quarantine


@dataclass(frozen=True, slots=True)
class Shown:
    """An apply with its changes, or the first of them."""

    applied: Applied
    changes: tuple[RecordedChange, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "summary": self.applied.plan["summary"],
            **self.applied.to_json(),
            "changes": [change.to_json() for change in self.changes],
        }


def past_applies(database: Database, *, limit: int, actor: str = "", resource: str = "") -> Sequence[Applied]:
    """Return the last applies, newest first: all, those of an actor, or those that changed `kind/name`."""
    with database.read() as connection:
        ref = None
        if resource:
            kind, name, _ = parse_ref(resource)
            known_changes(connection, kind, name)
            ref = (kind, name)
        return load_history(connection, limit=limit, actor=actor, ref=ref)


def show_apply(
    database: Database, generation: int | None, *, limit: int | None = None, resource: str = ""
) -> Shown:  # fmt: skip
    """Return an apply, the last one by default, with its changes; of `resource` alone, with the whole spec."""
    with database.read() as connection:
        applied = find_apply(connection, generation)
        if not resource:
            return Shown(applied, load_changes(connection, applied.generation, limit=limit))
        kind, name, _ = parse_ref(resource)
        found = [item for item in known_changes(connection, kind, name) if item.generation == applied.generation]
        if not found:
            raise UsageError(
                f"generation {applied.generation} did not change {resource}",
                hint=f"igny8 history --resource {resource}",
            )
        return Shown(applied, tuple(_with_spec(connection, item) for item in found))


def find_apply(connection: Connection, generation: int | None) -> Applied:
    """Return an apply, the last one by default. Raises UsageError when there is none."""
    last = current_generation(connection)
    wanted = last if generation is None else generation
    found = load_applied(connection, [wanted]).get(wanted)
    if found is None:
        told = f"the last is {last}" if last else "nothing was applied yet"
        raise UsageError(
            "nothing was applied yet" if generation is None else f"there is no generation {wanted}",
            hint=f"{told}; igny8 history",
        )
    return found


def _with_spec(connection: Connection, change: RecordedChange) -> RecordedChange:
    """Return a creation or deletion with every field that it brought or took."""
    spec = load_version(connection, change.version) if change.version and change.action != "update" else None
    if spec is None:
        return change
    is_new = change.action == "create"
    fields = tuple(
        RecordedField(path, None if is_new else value, value if is_new else None, "pending")
        for path, value in leaves(spec)
    )  # fmt: skip
    return RecordedChange(
        change.generation, change.action, change.kind, change.name, change.version, fields, change.causes
    )


def verify_history(database: Database, *, expected_head: str = "") -> Verified:
    """Recompute every digest of the history; `expected_head` is one that was kept elsewhere."""
    with database.read() as connection:
        return verify_chain(connection, expected_head=expected_head)


def quarantined(database: Database, *, with_lifted: bool = False) -> Sequence[Quarantine]:
    """Return the configs that must not be applied again by themselves."""
    with database.read() as connection:
        return load_quarantine(connection, with_lifted=with_lifted)


def lift(database: Database, number: int, *, actor: str, reason: str, clock: Clock) -> None:
    """Let a config out of quarantine. Raises UsageError when it is not in there."""
    with database.write() as connection:
        if not lift_quarantine(connection, number, actor=actor, reason=reason, at=clock.now()):
            raise UsageError(f"{number} is not in quarantine", hint="igny8 history quarantine list")
