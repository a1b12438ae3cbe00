"""A config that somebody rolled back from is not applied again by mistake."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext


def _find(context: GuardContext) -> Iterable[str]:
    if context.quarantined and context.changes:
        yield f"this config is quarantined: {context.quarantined}"


QUARANTINE = Guard(
    "quarantine", "applying what somebody rolled back from", _find,
    "--allow-quarantined", "Apply a config that somebody rolled back from.",
)  # fmt: skip
