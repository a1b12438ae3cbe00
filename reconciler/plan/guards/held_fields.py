"""What is written beside a held field has to make sense with it."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import ValidationError

from reconciler.kinds import find_kind
from reconciler.plan.guards.guard import Guard, GuardContext


def _find(context: GuardContext) -> Iterable[str]:
    for change in context.changes:
        kind = find_kind(change.kind)
        if (change.kind, change.name) not in context.held or change.after_text is None or kind is None:
            continue
        try:
            kind.spec.model_validate(change.after, strict=False)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "it"
            yield f"{change.ref} would not be valid with its held field: {where}: {first['msg']}"


HELD_FIELDS = Guard(
    "held-field", "writing a resource that makes no sense with a held field", _find,
    way_on="`igny8 release` the hold, or wait until it ends",
    looks_at_each=True,
)  # fmt: skip
