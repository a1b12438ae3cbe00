"""A change: before and after of one resource. Order is data: creates and updates by kind, deletes before them, reversed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from reconciler.kinds import kind_order
from reconciler.plan.diff import FieldChange

Action = Literal["create", "update", "delete"]
SIGNS: dict[Action, str] = {"create": "+", "update": "~", "delete": "-"}


@dataclass(frozen=True, slots=True)
class Actual:
    """A resource as the database records it: live spec, and what the last apply wrote."""

    kind: str
    name: str
    generation: int
    spec: dict[str, Any]
    spec_digest: str
    applied_spec: dict[str, Any]
    applied_digest: str
    protected: bool


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one resource. `causes` names the places in git that the changed fields come from."""

    action: Action
    kind: str
    name: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    fields: tuple[FieldChange, ...] = ()
    causes: tuple[str, ...] = ()

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

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
                {"field": item.field, "before": item.before, "after": item.after, "state": item.state}
                for item in self.fields
            ],
        }
