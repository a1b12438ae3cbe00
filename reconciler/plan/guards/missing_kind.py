"""A config root that lacks a kind's folder never deletes the kind: a lost folder looks like an order to delete it."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.plan.guards.guard import Guard, GuardContext


def _find(context: GuardContext) -> Iterable[str]:
    if not context.desired:
        return
    for kind, count in context.counts("delete"):
        if kind in context.missing_kinds:
            total = sum(other == kind for other, _ in context.actual)
            yield f"{count} of {total} {kind} resources would be deleted: the config root lacks their folder"


MISSING_KIND = Guard(
    "missing-kind", "deleting every resource of a kind because its folder is missing", _find,
    "--allow-empty", "Allow deletes of a kind whose folder the config root lacks.",
)  # fmt: skip
