"""What is protected is not deleted; the database remembers it, so that it does not go with the file."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext


def _find(context: GuardContext) -> Iterable[str]:
    for change in context.new_changes:
        item = context.actual.get((change.kind, change.name))
        if change.action == "delete" and item is not None and item.protected:
            yield f"{change.ref} is protected; lift `protected` in an apply of its own before deleting it"


PROTECTION = Guard(
    "protection", "deleting what is `protected`", _find,
    way_on="declare it again with `protected: false`, apply that, and delete it after",
    looks_at_each=True,
)  # fmt: skip
