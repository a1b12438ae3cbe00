"""The steps of a pass: follow the config, and publish. Runs are made by the run operation itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.compilation import Compilation
from reconciler.errors import BlockedError, ConflictError, LockedError
from reconciler.kinds.platform import Platform
from reconciler.operations.app import Installation
from reconciler.operations.apply import apply, open_blocks
from reconciler.operations.drift import applied_platform, heal, observe_drift
from reconciler.operations.in_flight import end_stale_drains
from reconciler.operations.plan import Planned, plan
from reconciler.operations.validate import validate
from reconciler.plan.change import Change
from reconciler.plan.drift import Drifted
from reconciler.plan.observed import PlanOptions
from reconciler.store.engine import Database
from reconciler.store.resources import load_specs
from reconciler.store.runs import notify

EventSink = Callable[[str, dict[str, Any]], None]


@dataclass(slots=True)
class ConfigFollower:
    """Makes the database follow the config root. A revision that was refused is told about once, not every pass."""

    installation: Installation
    database: Database
    tell: EventSink
    _refused: str = field(default="", init=False)
    _drift: str = field(default="[]", init=False)

    def follow(self) -> bool:
        """Apply the config root as a whole if it is valid, unblocked and within a window; tell why not otherwise.

        Drift comes first, and needs nothing of git: what was applied is kept up also while git cannot be followed.
        """
        mode = self._heal_mode()
        self._see_to_drift(mode)
        compilation = validate(self.installation)
        if not compilation.is_valid:
            errors = [item for item in compilation.findings if item.severity == "error"]
            first = errors[0]
            self._refuse(
                repr(compilation.findings),
                "config_refused",
                {
                    "errors": len(errors),
                    "first": f"{first.file}:{first.mark.line}:{first.mark.column} {first.code} {first.message}",
                    "keeping": "the last applied state",
                },
            )
            return False
        options = PlanOptions(heal=mode == "enforce")
        planned = plan(self.database, compilation, self.installation.clock, options=options)
        if planned.plan.is_empty:
            end_stale_drains(self.database)
            self._refused = ""
            return True
        return self._apply(compilation, planned, options)

    def _heal_mode(self) -> str:
        """Return what is to be done about drift, by the platform that was applied: the database's own may be drift."""
        with self.database.read() as connection:
            platform = applied_platform(connection)
        return (platform or Platform()).reconcile.heal

    def _see_to_drift(self, mode: str) -> None:
        """Leave it, tell it once, or bring everything back to what was last applied."""
        if mode == "enforce":
            self._heal()
        elif mode == "report":
            self._report_drift()

    def _heal(self) -> None:
        try:
            healed = heal(self.database, self.installation.clock)
        except (BlockedError, ConflictError, LockedError) as error:
            self.tell("heal_failed", {"reason": error.message})
            return
        if healed.generation is not None:
            self.tell("healed", {"generation": healed.generation, "fields": _named(healed.changes)})

    def _report_drift(self) -> None:
        """Tell once about what somebody changed in the database."""
        with self.database.read() as connection:
            drifted = observe_drift(connection).resources
        key = repr([item.to_json() for item in drifted])
        if drifted and key != self._drift:
            fields = _named(drifted)
            self.tell("drift_found", {"fields": fields})
            with self.database.write() as connection:
                notify(connection, "drift_found", ", ".join(fields), self.installation.clock.now())
        self._drift = key

    def _apply(self, compilation: Compilation, planned: Planned, options: PlanOptions) -> bool:
        window = planned.plan.window
        if not window.open:
            self._refuse(
                f"window:{planned.plan.id}", "apply_deferred", {"reason": window.reason, "next_open": window.next_open}
            )
            return False
        blocks = open_blocks(planned.plan, ())
        if blocks:
            self._refuse(
                planned.plan.id, "apply_blocked", {"plan": planned.plan.id, "blocks": [b.message for b in blocks]}
            )
            return False
        try:
            result = apply(
                self.database, compilation, planned.plan,
                clock=self.installation.clock, actor="reconciler", reason="reconcile", options=options,
            )  # fmt: skip
        except (BlockedError, ConflictError, LockedError) as error:
            self.tell("apply_failed", {"reason": error.message})
            self._notify_once(f"{planned.plan.id}: {error.message}", error.message)
            return False
        self._refused = ""
        counts = {action: planned.plan.count(action) for action in ("create", "update", "delete")}
        self.tell("applied", {"generation": result.generation, **counts, "moved": len(result.moves)})
        return True

    def _platform(self, compilation: Compilation) -> Platform:
        """Return the platform in force: the applied one, so that a change cannot open its own window."""
        with self.database.read() as connection:
            applied = load_specs(connection, "platform", Platform).get("platform")
        specs = (item.spec for item in compilation.resources if item.kind == "platform")
        return applied or next((spec for spec in specs if isinstance(spec, Platform)), Platform())

    def _refuse(self, key: str, event: str, fields: dict[str, Any]) -> None:
        if key == self._refused:
            return
        self._refused = key
        self.tell(event, fields)
        if event != "apply_deferred":
            self._notify(f"{event}: {fields}")

    def _notify_once(self, key: str, text: str) -> None:
        """Leave word of an apply that failed, the first time that it fails in this way."""
        if key != self._refused:
            self._refused = key
            self._notify(text)

    def _notify(self, text: str) -> None:
        with self.database.write() as connection:
            notify(connection, "apply_failed", text, self.installation.clock.now())


def _named(items: Sequence[Change | Drifted]) -> list[str]:
    """Return the fields of changes as `kind/name field`; a whole resource is just named."""
    return [text for item in items for text in ([f"{item.ref} {part.field}" for part in item.fields] or [item.ref])]
