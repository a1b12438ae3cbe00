"""Equal changes as one: what would be told 214 times is told once, with the names that it is true of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.diagnostics import visible

if TYPE_CHECKING:
    from reconciler.plan.change import Action, Change

# Beyond so many different updates of a kind, a form for people may tell those that change the same fields together.
DIFFERENT_MAX = 25
# Creations and deletions say nothing but names; beyond so many of a kind they are told together.
_NAMED_APART_MAX = 12
_TEXT_MAX = 300


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field of a group. With `variants` above 1 the values differ, and those here are an example."""

    field: str
    before: Any
    after: Any
    state: str
    cause: str
    variants: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """Changes of one kind that are told as one. Its texts are printable."""

    action: Action
    kind: str
    refs: tuple[str, ...]
    fields: tuple[FieldLine, ...] = ()
    causes: tuple[str, ...] = ()
    former: str = ""

    @property
    def verb(self) -> str:
        """Return what is done, as people say it."""
        return "rename" if self.former else self.action

    @property
    def file(self) -> str:
        """Return the file that a single creation stands in; "" for all else."""
        return self.causes[0] if self.action == "create" and len(self.refs) == 1 and self.causes else ""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names; a singleton is its kind."""
        return tuple(ref.rpartition("/")[2] for ref in self.refs)

    @property
    def title(self) -> str:
        """Return what it is: `site/blog`, `214 sites`, `site/old -> site/new`."""
        if self.former:
            return f"{self.former} -> {self.refs[0]}"
        return self.refs[0] if len(self.refs) == 1 else nouns(len(self.refs), self.kind)


def nouns(number: int, kind: str) -> str:
    """Return a number of resources of a kind, e.g. `1 site`, `2 strategies`."""
    if number == 1:
        return f"1 {kind}"
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind.removesuffix('s')}s"
    return f"{number:,} {plural}"


def group_changes(changes: Sequence[Change], different_max: int | None = None) -> list[Group]:
    """Return the changes in groups, in their order: deletions first, then kind by kind.

    Beyond `different_max` updates of a kind that are not equal, those of the same fields make a group too.
    """
    by_kind: dict[tuple[str, bool], list[Change]] = {}
    for change in changes:
        by_kind.setdefault((change.kind, change.action == "delete"), []).append(change)
    return [group for some in by_kind.values() for group in _groups_of_kind(some, different_max)]


def _groups_of_kind(changes: Sequence[Change], different_max: int | None) -> list[Group]:
    found = _alike(changes, _values)
    if different_max is not None and sum(some[0].action == "update" for some in found) > different_max:
        found = _alike(changes, _fields)
    return [_group(part) for some in found for part in _apart(some)]


def _apart(changes: list[Change]) -> Iterable[list[Change]]:
    """Yield a few creations or deletions one by one, and what is alike otherwise as a whole."""
    if changes[0].action == "update" or len(changes) > _NAMED_APART_MAX:
        return [changes]
    return [[change] for change in changes]


def _values(change: Change) -> str:
    """Return the key of changes that are equal in every value."""
    if change.renamed_from:
        return change.ref
    return json.dumps(
        [change.action, [(item.field, item.before, item.after, item.state, item.cause) for item in change.fields]]
        if not _is_own(change) else [change.action, [(item.field, item.before, item.after, item.state) for item in change.fields]],
        sort_keys=True, default=str,
    )  # fmt: skip


def _fields(change: Change) -> str:
    """Return the key of changes of the same fields."""
    if change.renamed_from:
        return change.ref
    return json.dumps([change.action, [(item.field, item.state) for item in change.fields]])


def _is_own(change: Change) -> bool:
    """Tell whether everything comes from a file of the resource's own, which equal changes elsewhere do not share."""
    files = {cause.rpartition(":")[0] or cause for cause in change.causes}
    return len(files) == 1 and next(iter(files)).rpartition("/")[2].partition(".")[0] == change.name


def _alike(changes: Iterable[Change], key: Callable[[Change], str]) -> list[list[Change]]:
    found: dict[str, list[Change]] = {}
    for change in changes:
        found.setdefault(key(change), []).append(change)
    return list(found.values())


def _group(changes: Sequence[Change]) -> Group:
    first = changes[0]
    causes = tuple(dict.fromkeys(visible(cause, _TEXT_MAX) for change in changes for cause in change.causes))
    lines = []
    for index, item in enumerate(first.fields):
        same = [change.fields[index] for change in changes]
        values = {json.dumps([one.before, one.after], sort_keys=True, default=str) for one in same}
        places = {one.cause for one in same}
        cause = visible(item.cause, _TEXT_MAX) if len(places) == 1 else f"{len(places):,} places"
        lines.append(FieldLine(visible(item.field, _TEXT_MAX), item.before, item.after, item.state, cause, len(values)))
    return Group(
        first.action,
        first.kind,
        tuple(visible(change.ref, _TEXT_MAX) for change in changes),
        tuple(lines),
        causes,
        visible(first.former_ref, _TEXT_MAX) if first.renamed_from else "",
    )
