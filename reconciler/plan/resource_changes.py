"""What happens to one declared resource: created, changed field by field, or kept from changing by a hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from reconciler.config.compilation import Resource
from reconciler.config.resolve import Definition
from reconciler.ids import canonical_bytes
from reconciler.plan.change import Actual, Change
from reconciler.plan.diff import FieldChange, diff_specs
from reconciler.plan.holds import HeldBack, ResourceHold, keep_held


def find_change(
    resource: Resource, actual: Actual | None, holds: Sequence[ResourceHold]
) -> tuple[Change | None, tuple[HeldBack, ...]]:
    """Return what happens to a declared resource, and what holds keep from happening."""
    if actual is None:
        return Change("create", *resource.key, None, resource.canonical(), (), (resource.file,)), ()
    is_settled = actual.managed and actual.deleting_since is None
    if is_settled and actual.is_as_applied and resource.digest == actual.applied_digest:
        return None, tuple(HeldBack(hold) for hold in holds)
    text = resource.canonical()
    # The specs of one resource are decoded here for a moment: those of all would not fit.
    specs = orjson.loads(text), orjson.loads(actual.text), orjson.loads(actual.applied())
    if not holds:
        return _update(resource, actual, text, (*_taken_up(actual), *diff_specs(*specs))), ()
    kept = keep_held(holds, *specs)
    if any(not hold.field for hold in holds):
        return None, kept.held_back
    change = _update(resource, actual, canonical_bytes(kept.after), (*_taken_up(actual), *kept.fields))
    if change is not None and kept.applied != kept.after:
        change = replace(change, applied_text=canonical_bytes(kept.applied))
    return change, kept.held_back


def _update(resource: Resource, actual: Actual, text: bytes, fields: tuple[FieldChange, ...]) -> Change | None:
    if not fields:
        return None
    winner = resource.winners()
    fields = tuple(replace(item, cause=_cause(winner(item.path)) or resource.file) for item in fields)
    causes = tuple(dict.fromkeys(item.cause for item in fields))
    return Change(
        "update", *resource.key, actual.text, text, fields, causes,
        renamed_from=actual.name if actual.name != resource.name else "",
    )  # fmt: skip


def _taken_up(actual: Actual) -> Iterable[FieldChange]:
    """Yield what an apply notes about a resource that is declared, beside its spec: it is managed, and it stays."""
    if not actual.managed:
        yield FieldChange(("managed",), False, True, "pending")
    if actual.deleting_since is not None:
        yield FieldChange(("deletion",), f"recorded by generation {actual.deleting_since}", None, "pending")


def _cause(winner: Definition | None) -> str:
    """Return the place that a field comes from; "" when that was not written anywhere."""
    if winner is None:
        return ""
    return f"{winner.file}:{winner.mark.line}" if winner.file else "built-in default"
