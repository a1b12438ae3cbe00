"""A change: before and after of one resource. Order is data: creates and updates by kind, deletes before them, reversed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import orjson

from reconciler.ids import canonical_bytes, digest_bytes
from reconciler.kinds import kind_order
from reconciler.plan.diff import FieldChange

Action = Literal["create", "update", "delete"]
SIGNS: dict[Action, str] = {"create": "+", "update": "~", "delete": "-"}


@dataclass(frozen=True)
class Actual:
    """A resource as the database records it: live spec, and what the last apply wrote.

    Both are canonical JSON, given by what reads it when asked: a plan looks into few of many resources. Without
    `live` the resource is as the last apply left it. What is not `managed` was not made by an apply, so that none deletes
    it; `deleting_since` is the generation that recorded the deletion of what lingers.
    """

    kind: str
    name: str
    generation: int
    applied_digest: str
    applied: Callable[[], str | bytes] = field(repr=False, compare=False)
    live: Callable[[], str | bytes] | None = field(default=None, repr=False, compare=False)
    protected: bool = False
    uid: str = ""
    managed: bool = True
    deleting_since: int | None = None

    @classmethod
    def of(cls, kind: str, name: str, generation: int, spec: Any, applied_spec: Any = None, **more: Any) -> Actual:
        """Return a resource whose specs are at hand; without `applied_spec` it is as the last apply left it."""
        applied = canonical_bytes(spec if applied_spec is None else applied_spec)
        live = None if applied_spec is None else canonical_bytes(spec)
        return cls(
            kind, name, generation, digest_bytes(applied), lambda: applied,
            None if live is None or live == applied else (lambda: live), **more,
        )  # fmt: skip

    @property
    def key(self) -> tuple[str, str]:
        """Return kind and name."""
        return self.kind, self.name

    @property
    def is_as_applied(self) -> bool:
        """Tell whether nobody changed it since the last apply."""
        return self.live is None

    @cached_property
    def applied_spec(self) -> dict[str, Any]:
        """Return what the last apply wrote."""
        spec: dict[str, Any] = orjson.loads(self.applied())
        return spec

    @cached_property
    def spec(self) -> dict[str, Any]:
        """Return the live spec."""
        if self.live is None:
            return self.applied_spec
        spec: dict[str, Any] = orjson.loads(self.live())
        return spec

    @property
    def text(self) -> str | bytes:
        """Return the live spec's JSON."""
        return self.applied() if self.live is None else self.live()


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource. `causes` names the places in git that the changed fields come from.

    Both specs are kept as canonical JSON, which takes a tenth of the memory, and decoded at every asking. `applied_text`
    is what counts as applied where that is not what is written: a held field keeps what the last apply wrote. An update
    that also gives the resource a new name tells the old one in `renamed_from`.
    """

    action: Action
    kind: str
    name: str
    before_text: str | bytes | None
    after_text: str | bytes | None
    fields: tuple[FieldChange, ...] = ()
    causes: tuple[str, ...] = ()
    applied_text: str | bytes | None = None
    renamed_from: str = ""

    @property
    def before(self) -> dict[str, Any] | None:
        """Return the live spec."""
        return None if self.before_text is None else orjson.loads(self.before_text)

    @property
    def after(self) -> dict[str, Any] | None:
        """Return the spec that an apply would write."""
        return None if self.after_text is None else orjson.loads(self.after_text)

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

    @property
    def former_ref(self) -> str:
        """Return `kind/name` as the resource is called before the change."""
        return f"{self.kind}/{self.renamed_from}" if self.renamed_from else self.ref

    @property
    def is_drift(self) -> bool:
        """Tell whether only the database moved: git says what it said at the last apply."""
        return bool(self.fields) and all(field.state == "drift" for field in self.fields)

    @property
    def sort_key(self) -> tuple[int, int, str]:
        """Return the order of execution: deletes first and dependents before what they depend on."""
        order = kind_order(self.kind)
        return (0, -order, self.name) if self.action == "delete" else (1, order, self.name)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "action": self.action,
            "kind": self.kind,
            "name": self.name,
            "causes": list(self.causes),
            "fields": [
                {
                    "field": item.field,
                    "before": item.before,
                    "after": item.after,
                    "state": item.state,
                    "cause": item.cause,
                }
                for item in self.fields
            ],
            **({"renamed_from": self.renamed_from} if self.renamed_from else {}),
        }
