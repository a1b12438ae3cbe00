"""Names the apply that last changed each field of a resource."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import FieldPath, format_path
from reconciler.errors import UsageError
from reconciler.kinds import RESOURCE_KINDS
from reconciler.plan.diff import leaves
from reconciler.store.engine import Connection, Database
from reconciler.store.history import (
    Applied,
    RecordedChange,
    changes_of,
    known_refs,
    load_applied,
    load_version,
)
from reconciler.store.renames import former_names
from reconciler.store.resources import live_spec


@dataclass(frozen=True, slots=True)
class Blamed:
    """A field, its value, and the apply that set it so.

    `is_removed`: the apply took the field away. `is_drifted`: somebody changed the value in the database since.
    """

    field: str
    value: Any
    applied: Applied
    is_removed: bool = False
    is_drifted: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        applied = self.applied
        return {
            "field": self.field,
            "value": self.value,
            "removed": self.is_removed,
            "drifted": self.is_drifted,
            "generation": applied.generation,
            "at": applied.at.isoformat(),
            "actor": applied.actor,
            "revision": applied.revision,
            "reason": applied.reason,
        }


@dataclass(frozen=True, slots=True)
class Blame:
    """What `blame` answers: a resource, whether it is still there, and the asked fields."""

    ref: str
    is_deleted: bool
    fields: tuple[Blamed, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "summary": {"resource": self.ref, "fields": len(self.fields), "deleted": self.is_deleted},
            "fields": [item.to_json() for item in self.fields],
        }


def parse_ref(written: str) -> tuple[str, str, str]:
    """Return kind, name and field path of `kind/name.field`, or of `kind.field` where there is only one."""
    kind_name = written.split("/", 1)[0].split(".", 1)[0]
    kinds = {kind.slug: kind for kind in RESOURCE_KINDS}
    kind = kinds.get(kind_name)
    if kind is None:
        raise UsageError(
            f"there is no kind {kind_name!r}", hint=did_you_mean(kind_name, kinds) or "name it as kind/name"
        )
    rest = written[len(kind_name) :]
    if kind.is_singleton:
        return kind.slug, kind.slug, rest.removeprefix(f"/{kind.slug}").removeprefix(".")
    name, _, field = rest.removeprefix("/").partition(".")
    if not rest.startswith("/") or not name:
        raise UsageError(f"{written} names no resource", hint=f"write {kind.slug}/NAME, or {kind.slug}/NAME.FIELD")
    return kind.slug, name, field


def known_changes(connection: Connection, kind: str, name: str) -> tuple[RecordedChange, ...]:
    """Return all that applies did to a resource, newest first. Raises UsageError when there was nothing."""
    changes = _changes_of(connection, kind, name)
    if not changes:
        names = [_ref(*item) for item in known_refs(connection) if item[0] == kind]
        raise UsageError(f"no apply ever changed {_ref(kind, name)}", hint=did_you_mean(_ref(kind, name), names))
    return changes


def _changes_of(connection: Connection, kind: str, name: str) -> tuple[RecordedChange, ...]:
    """Return what applies did to a resource under each of its names, newest first."""
    formers = former_names(connection, kind, name)
    found: list[RecordedChange] = []
    until: int | None = None
    for index, known_as in enumerate((name, *(former for former, _ in formers))):
        begins = formers[index][1] if index < len(formers) else 0
        found += [
            change
            for change in changes_of(connection, kind, known_as)
            if begins <= change.generation and (until is None or change.generation < until)
        ]
        until = begins
    return tuple(found)


def blame(database: Database, written: str) -> Blame:
    """Return who last changed each field of `kind/name`, or of the field that is named with it."""
    kind, name, field = parse_ref(written)
    with database.read() as connection:
        changes = known_changes(connection, kind, name)
        newest, ref = changes[0], _ref(kind, name)
        spec = load_version(connection, newest.version) if newest.version else None
        live = live_spec(connection, kind, name)
        spec = spec if spec is not None else live or {}
        is_deleted = newest.action == "delete"
        found = _culprits(spec, changes)
        wanted = {path: item for path, item in found.items() if _is_within(path, field)}
        removed = {} if wanted else _removed(changes, field)
        if not wanted and not removed:
            known = [format_path(path) for path in found]
            raise UsageError(f"{ref} has no field {field!r}", hint=did_you_mean(field, known))
        applies = load_applied(connection, {*wanted.values(), *removed.values(), newest.generation})
    values, now = dict(leaves(spec)), dict(leaves(live or {}))
    gone = applies[newest.generation] if is_deleted else None
    told = [
        Blamed(
            format_path(path), values[path], gone or applies[generation], is_deleted,
            live is not None and now.get(path) != values[path],
        )
        for path, generation in wanted.items()
    ]  # fmt: skip
    told += [Blamed(format_path(path), None, applies[item], is_removed=True) for path, item in removed.items()]
    return Blame(ref, is_deleted, tuple(told))


def _ref(kind: str, name: str) -> str:
    return kind if kind == name else f"{kind}/{name}"


def _culprits(spec: Mapping[str, Any], changes: Sequence[RecordedChange]) -> dict[FieldPath, int]:
    """Return the generation that last changed each field; what no update touched, the creation set."""
    open_paths = dict.fromkeys(path for path, _ in leaves(spec))
    found: dict[FieldPath, int] = {}
    for change in changes:
        if change.action == "delete":
            continue
        by_text = {item.field for item in change.fields}
        by_path = {item.path for item in change.fields}
        for path in [path for path in open_paths if change.action == "create" or _is_touched(path, by_path, by_text)]:
            found[path] = change.generation
            del open_paths[path]
        if change.action == "create" or not open_paths:
            break
    found.update(dict.fromkeys(open_paths, changes[-1].generation))
    return dict(sorted(found.items()))


def _is_touched(path: FieldPath, paths: Iterable[FieldPath], texts: Iterable[str]) -> bool:
    """Tell whether one of the changed fields is this one, holds it, or was a part of it that is gone."""
    if any(path[:length] in paths for length in range(1, len(path) + 1)) or format_path(path) in texts:
        return True
    return any(item[: len(path)] == path for item in paths)


def _is_within(path: FieldPath, field: str) -> bool:
    text = format_path(path)
    return not field or text == field or text.startswith((f"{field}.", f"{field}["))


def _removed(changes: Sequence[RecordedChange], field: str) -> dict[FieldPath, int]:
    """Return the last apply that took a field away which is not there any more."""
    for change in changes:
        gone = [item for item in change.fields if item.after is None and _is_within(item.path, field)]
        if gone:
            return {item.path: change.generation for item in gone}
    return {}
