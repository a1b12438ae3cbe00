"""Tells how the database differs from what was last applied, and brings it back to that: never to what was not applied."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.clock import Clock
from reconciler.config.compilation import Compilation
from reconciler.config.suggest import did_you_mean
from reconciler.errors import UsageError
from reconciler.ids import canonical_bytes
from reconciler.kinds.platform import Platform
from reconciler.operations.app import Installation
from reconciler.operations.locking import LEASE, locked
from reconciler.operations.reschedule import reschedule
from reconciler.operations.validate import validate
from reconciler.plan.change import Change
from reconciler.plan.diff import FieldChange
from reconciler.plan.drift import Drift, Drifted, find_drift
from reconciler.plan.forecast import Forecast, forecast_month
from reconciler.plan.holds import ResourceHold, keep_held
from reconciler.plan.planner import Plan
from reconciler.store.engine import Connection, Database, advisory_lock
from reconciler.store.history import Occasion, current_generation, save_history
from reconciler.store.inventory import last_config, load_inventory, specs_of, uid_of
from reconciler.store.locks import hold_fence
from reconciler.store.resource_holds import load_holds
from reconciler.store.resources import load_actual, save_changes

Ref = tuple[str, str]
HEALER, HEAL_REASON = "reconciler", "heal"


@dataclass(frozen=True, slots=True)
class Healed:
    """What a heal brought back, and the generation that it is kept under; None when there was nothing to do."""

    generation: int | None
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class DriftWatch:
    """Looks for drift again and again; tells it when it is another than before."""

    installation: Installation
    database: Database
    refs: Collection[str] = ()
    every_seconds: float = 10
    _told: str = field(default="", init=False)

    async def changes(self, clock: Clock) -> AsyncIterator[Drift]:
        """Yield the drift at first, and whenever it is another one, without end."""
        while True:
            found = drift(self.installation, self.database, self.refs)
            told = repr(found.to_json()["resources"])
            if told != self._told:
                self._told = told
                yield found
            await clock.sleep(self.every_seconds)


def drift(installation: Installation, database: Database, refs: Collection[str] = ()) -> Drift:
    """Return the drift of all resources, or of those named as `kind/name`.

    The config root need not be valid: with one that is not, nothing is said about what git wants.
    """
    compilation = validate(installation)
    with database.read() as connection:
        return observe_drift(connection, compilation if compilation.is_valid else None, refs)


def observe_drift(connection: Connection, compilation: Compilation | None = None, refs: Collection[str] = ()) -> Drift:
    """Return the drift in the caller's transaction. Raises UsageError for a name that stands for nothing."""
    actual = load_actual(connection)
    inventory = load_inventory(connection)
    missing = [(ref, item) for ref, item in inventory.items() if ref not in actual]
    applied = dict.fromkeys(inventory) | specs_of(connection, missing)
    touched = {ref for ref, item in actual.items() if not item.is_as_applied}
    desired = None
    if compilation is not None:
        desired = {item.key: item.data for item in compilation.resources if item.key in touched}
    only = {_parsed(ref, {*actual, *inventory}) for ref in refs} if refs else None
    return find_drift(current_generation(connection), actual, applied, desired, only)


def _parsed(written: str, known: Collection[Ref]) -> Ref:
    kind, _, name = written.partition("/")
    ref = (kind, name or kind)
    if ref not in known:
        names = [kind if kind == name else f"{kind}/{name}" for kind, name in known]
        raise UsageError(f"there is no {written} in the database", hint=did_you_mean(written, names) or "igny8 status")
    return ref


def applied_platform(connection: Connection) -> Platform | None:
    """Return the platform as it was last applied, whatever stands in the database now; None before the first apply."""
    ref = ("platform", "platform")
    found = load_actual(connection).get(ref)
    spec = found.applied_spec if found is not None else None
    if spec is None:
        item = load_inventory(connection).get(ref)
        spec = specs_of(connection, [(ref, item)])[ref] if item is not None else None
    return None if spec is None else Platform.model_validate(spec, strict=False)


def heal(database: Database, clock: Clock) -> Healed:
    """Bring everything that drifted back to what was last applied, in one transaction, kept in the history.

    What no apply made stays: it is not ours. What is missing and was not kept stays missing.
    """
    with database.read() as connection:
        if not _find_back(connection, clock.now())[1]:
            return Healed(None)
    with (
        locked(database, clock, purpose="heal by the reconciler") as lease,
        database.write() as connection,
    ):
        advisory_lock(connection, "igny8-apply")
        hold_fence(connection, lease, now=clock.now(), length=LEASE)
        found, changes = _find_back(connection, clock.now())
        if not changes:
            return Healed(None)
        generation, now = found.generation + 1, clock.now()
        before = _forecast(connection)
        reschedule(connection, changes, now)
        uids = {
            (item.kind, item.name): uid_of(connection, item.kind, item.name)
            for item in changes
            if item.action == "create"
        }
        save_changes(connection, changes, generation=generation, at=now, uids=uids)
        revision, digest, environment = last_config(connection)
        after = _forecast(connection)
        plan = Plan(
            found.generation, revision, digest, changes, (), lambda: (before, after), found.looked_at - len(changes),
            environment,
        )  # fmt: skip
        save_history(connection, plan, Occasion(generation, now, HEALER, HEAL_REASON, {"heal": True}))
        return Healed(generation, changes)


def _forecast(connection: Connection) -> Forecast:
    return forecast_month({ref: item.spec for ref, item in load_actual(connection).items()})


def _find_back(connection: Connection, now: datetime) -> tuple[Drift, tuple[Change, ...]]:
    """Return the drift, and the changes that lead back: what is held or about to be deleted is left alone."""
    found = observe_drift(connection)
    leaving = {ref for ref, item in load_actual(connection).items() if item.deleting_since is not None}
    holds: dict[Ref, list[ResourceHold]] = {}
    for hold in load_holds(connection, now):
        holds.setdefault((hold.kind, hold.name), []).append(hold)
    back = (_back(item, holds.get((item.kind, item.name), ())) for item in found.resources)
    return found, tuple(change for change in back if change and (change.kind, change.name) not in leaving)


def _back(item: Drifted, holds: Sequence[ResourceHold]) -> Change | None:
    """Return the change that leads back to what was applied, but for what is held."""
    if item.applied is None or any(not hold.field for hold in holds):
        return None
    if item.state == "missing":
        return Change("create", item.kind, item.name, None, canonical_bytes(item.applied), (), ("last apply",))
    fields = tuple(FieldChange(part.path, part.live, part.applied, "drift") for part in item.fields)
    if holds:
        assert item.live is not None
        kept = keep_held(holds, item.applied, item.live, item.applied)
        if not kept.fields:
            return None
        return Change(
            "update", item.kind, item.name, canonical_bytes(item.live), canonical_bytes(kept.after), kept.fields,
            ("last apply",), canonical_bytes(item.applied),
        )  # fmt: skip
    return Change(
        "update", item.kind, item.name, canonical_bytes(item.live), canonical_bytes(item.applied), fields, ("last apply",)
    )  # fmt: skip
