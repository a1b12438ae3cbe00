"""Time-boxed holds: while one is in force, a plan leaves a resource, or one of its fields, at its live value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from reconciler.diagnostics import FieldPath
from reconciler.plan.diff import FieldChange, diff_specs, item_name

_ABSENT: Any = None


@dataclass(frozen=True, slots=True)
class ResourceHold:
    """Who holds which resource or field until when, and why; `field` is "" for all of the resource."""

    kind: str
    name: str
    field: str
    until: datetime
    by: str
    reason: str
    since: datetime
    released_at: datetime | None = None
    released_by: str = ""

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

    def is_in_force(self, now: datetime) -> bool:
        """Tell whether it holds at an instant: it ends by itself when its time has come."""
        return self.released_at is None and now < self.until

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "kind": self.kind,
            "name": self.name,
            "field": self.field,
            "until": self.until.isoformat(),
            "by": self.by,
            "reason": self.reason,
            "since": self.since.isoformat(),
            "released_at": self.released_at.isoformat() if self.released_at else None,
            "released_by": self.released_by,
        }


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A hold in force, and what the plan would do without it: fields that would change, or the resource's deletion."""

    hold: ResourceHold
    action: Literal["", "update", "delete"] = ""
    fields: tuple[FieldChange, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        fields = [
            {"field": item.field, "before": item.before, "after": item.after, "state": item.state}
            for item in self.fields
        ]
        return self.hold.to_json() | {"action": self.action, "fields": fields}


@dataclass(frozen=True, slots=True)
class Kept:
    """A declared spec with live values where fields are held: what is written, and what counts as applied."""

    after: dict[str, Any]
    applied: dict[str, Any]
    fields: tuple[FieldChange, ...]
    held_back: tuple[HeldBack, ...]


def keep_held(
    holds: Sequence[ResourceHold], desired: dict[str, Any], live: dict[str, Any], applied: dict[str, Any]
) -> Kept:
    """Return what becomes of a resource under holds: the held stays as it is, the rest goes on.

    What counts as applied stays too, so that after the hold the field is drift or pending as it was before.
    """
    wanted = diff_specs(desired, live, applied)
    whole = next((hold for hold in holds if not hold.field), None)
    if whole is not None:
        return Kept(live, applied, (), (HeldBack(whole, "update" if wanted else "", wanted),))
    after, as_applied = desired, desired
    back: list[HeldBack] = []
    held_paths: list[FieldPath] = []
    for hold in holds:
        paths = {path for value in (live, desired, applied) if (path := find_field(value, hold.field)) is not None}
        for path in sorted(paths, key=str):
            after, as_applied = _kept(after, live, path), _kept(as_applied, applied, path)
        fields = tuple(item for item in wanted if any(_overlap(item.path, path) for path in paths))
        back.append(HeldBack(hold, "update" if fields else "", fields))
        held_paths.extend(paths)
    # A held field that the database moved is as live now, so nothing changes; it is not recorded as applied either.
    fields = tuple(
        item for item in diff_specs(after, live, applied)
        if item.state != "converged" or not any(_overlap(item.path, path) for path in held_paths)
    )  # fmt: skip
    return Kept(after, as_applied, fields, tuple(back))


def find_field(value: Any, text: str) -> FieldPath | None:
    """Return the path that a text names in a spec, also through lists of things with names; None when nothing is there.

    Keys may hold dots themselves, so the path is read along what is there.
    """
    for key, item in _members(value):
        if text == key:
            return (key,)
        if text.startswith(f"{key}."):
            rest = find_field(item, text[len(key) + 1 :])
            if rest is not None:
                return (key, *rest)
    return None


def field_names(value: Any, above: str = "") -> Iterator[str]:
    """Yield every field of a spec that can be held, as people write it."""
    for key, item in _members(value):
        yield f"{above}{key}"
        yield from field_names(item, f"{above}{key}.")


def _members(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        return [(str(key), item) for key, item in value.items()]
    if isinstance(value, list):
        return [(name, item) for item in value if (name := item_name(item)) is not None]
    return ()


def _kept(desired: Any, live: Any, path: FieldPath) -> Any:
    """Return `desired` with what stands in `live` at a path; where they cannot be laid over each other, `live`."""
    if not path:
        return live
    if isinstance(desired, dict) and (isinstance(live, dict) or live is _ABSENT):
        below = live or {}
        value = _kept(desired.get(path[0], _ABSENT), below.get(path[0], _ABSENT), path[1:])
        rest = {key: item for key, item in desired.items() if key != path[0]}
        return rest if value is _ABSENT else rest | {path[0]: value}
    if isinstance(desired, list) and isinstance(live, list):
        return _kept_item(desired, live, path)
    return live


def _kept_item(desired: list[Any], live: list[Any], path: FieldPath) -> list[Any]:
    mine = next((item for item in desired if item_name(item) == path[0]), _ABSENT)
    theirs = next((item for item in live if item_name(item) == path[0]), _ABSENT)
    value = _kept(mine, theirs, path[1:])
    if mine is _ABSENT:
        return desired if value is _ABSENT else [*desired, value]
    return [value if item is mine else item for item in desired if item is not mine or value is not _ABSENT]


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    return all(left == right for left, right in zip(one, other, strict=False))
