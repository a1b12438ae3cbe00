"""The steps of a pass: follow the config, and publish. Runs are made by the run operation itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.compilation import Compilation
from reconciler.errors import BlockedError, ConflictError
from reconciler.kinds.platform import Platform
from reconciler.operations.app import Installation
from reconciler.operations.apply import apply, open_blocks
from reconciler.operations.plan import Planned, plan
from reconciler.operations.validate import validate
from reconciler.schedule.windows import window_state
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
        """Apply the config root as a whole if it is valid, unblocked and within a window; tell why not otherwise."""
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
        heal = self._platform(compilation).reconcile.heal
        if heal == "report":
            self._report_drift(compilation)
        planned = plan(self.database, compilation, self.installation.clock, heal=heal == "enforce")
        if planned.plan.is_empty:
            self._refused = ""
            return True
        return self._apply(compilation, planned, heal=heal == "enforce")

    def _report_drift(self, compilation: Compilation) -> None:
        """Tell once about resources that somebody changed in the database."""
        changes = plan(self.database, compilation, self.installation.clock).plan.changes
        drifted = [change for change in changes if change.is_drift]
        key = repr([change.to_json() for change in drifted])
        if drifted and key != self._drift:
            fields = [f"{change.ref} {field.field}" for change in drifted for field in change.fields]
            self.tell("drift_found", {"fields": fields})
            with self.database.write() as connection:
                notify(connection, "drift_found", ", ".join(fields), self.installation.clock.now())
        self._drift = key

    def _apply(self, compilation: Compilation, planned: Planned, *, heal: bool) -> bool:
        now = self.installation.clock.now()
        window = window_state(self._platform(compilation).reconcile.sync_windows, now)
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
                clock=self.installation.clock, actor="reconciler", reason="reconcile", heal=heal,
            )  # fmt: skip
        except (BlockedError, ConflictError) as error:
            self.tell("apply_failed", {"reason": error.message})
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
            with self.database.write() as connection:
                notify(connection, "apply_failed", f"{event}: {fields}", self.installation.clock.now())
