"""A part of a plan: which changes it is limited to, what those need besides, and what would be left behind broken."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from reconciler.config.compilation import Resource
from reconciler.config.suggest import did_you_mean
from reconciler.errors import UsageError
from reconciler.kinds import RESOURCE_KINDS, find_kind
from reconciler.plan.block import Block
from reconciler.plan.change import Actual, Change
from reconciler.plan.references import Need, items_of, needs_of

Ref = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a plan that is applied by itself: its name, and the resources that it changes."""

    name: str
    refs: frozenset[Ref]


@dataclass(frozen=True, slots=True)
class Selection:
    """What a plan is limited to: everything, or the targets, but for the excluded. Each is `kind/name`, or a glob of it.

    With a `part` it is limited to that, too.
    """

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    part: Part | None = None

    @property
    def is_everything(self) -> bool:
        """Tell whether nothing is limited."""
        return not self.targets and not self.excludes and self.part is None

    def covers(self, ref: Ref) -> bool:
        """Tell whether a change of a resource belongs to it."""
        return (not self.targets or any(_fits(item, ref) for item in self.targets)) and not self.forbids(ref)

    def forbids(self, ref: Ref) -> bool:
        """Tell whether a resource is excluded."""
        return (self.part is not None and ref not in self.part.refs) or any(_fits(item, ref) for item in self.excludes)

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        part = {"part": self.part.name} if self.part else {}
        return {"target": list(self.targets), "exclude": list(self.excludes), **part}


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Selected:
    """The changes of a selection in their order, those that came along since others need them, and what was left out."""

    changes: Sequence[Change]
    along: tuple[str, ...] = ()
    left_out: frozenset[Ref] = frozenset()
    blocks: tuple[Block, ...] = ()


def select(
    changes: Sequence[Change], desired: Mapping[Ref, Resource], actual: Mapping[Ref, Actual], selection: Selection
) -> Selected:
    """Return the part of the changes that a selection covers, with the creations that it needs.

    What it would leave broken blocks it. UsageError when a pattern fits nothing that is declared or recorded.
    """
    if selection.is_everything:
        return Selected(changes)
    _check_patterns(selection, {*desired, *actual})
    chosen = {_ref(change) for change in changes if selection.covers(_ref(change))}
    along = _needed_creations(changes, chosen, actual, selection)
    chosen |= along
    kept = [change for change in changes if _ref(change) in chosen]
    others = [change for change in changes if _ref(change) not in chosen]
    return Selected(
        kept,
        tuple(change.ref for change in kept if _ref(change) in along),
        frozenset(_ref(change) for change in others),
        (*_unmet(kept, others, actual, selection), *_abandoned(kept, others, selection)),
    )


def _ref(change: Change) -> Ref:
    return change.kind, change.name


def _spec(change: Change) -> dict[str, Any]:
    """Return what a change writes; it is decoded at every asking."""
    return change.after or {}


def _fits(pattern: str, ref: Ref) -> bool:
    kind, separator, name = pattern.partition("/")
    if not separator:
        return ref == (kind, kind)
    found = find_kind(kind)
    return fnmatchcase(ref[0], found.slug if found else kind) and ref[0] != ref[1] and fnmatchcase(ref[1], name)


def _check_patterns(selection: Selection, known: Iterable[Ref]) -> None:
    refs = sorted(known)
    for option, patterns in (("--target", selection.targets), ("--exclude", selection.excludes)):
        for pattern in patterns:
            if not any(_fits(pattern, ref) for ref in refs):
                raise UsageError(f"{option} {pattern}: nothing has this name", hint=_hint(pattern, refs))


def _hint(pattern: str, refs: Sequence[Ref]) -> str:
    kind = find_kind(pattern.partition("/")[0])
    if kind and kind.is_singleton:
        return f"{kind.place} is one resource: write `{kind.slug}`"
    if kind and pattern in (kind.slug, kind.name):
        return f"write `{kind.slug}/NAME`, or `{kind.slug}/*` for all of them"
    written = [kind if kind == name else f"{kind}/{name}" for kind, name in refs]
    near = "" if "*" in pattern else did_you_mean(pattern, written)
    kinds = ", ".join(item.slug for item in RESOURCE_KINDS)
    return near or f"write KIND/NAME, where `*` stands for any letters; the kinds are {kinds}"


def _needed_creations(
    changes: Iterable[Change], chosen: set[Ref], actual: Mapping[Ref, Actual], selection: Selection
) -> set[Ref]:
    """Return the creations that chosen changes need, directly or through each other."""
    by_ref = {_ref(change): change for change in changes}
    creations = {
        ref for ref, change in by_ref.items()
        if change.action == "create" and ref not in chosen and not selection.forbids(ref)
    }  # fmt: skip
    functions = (
        {item.spec.get("function") for ref, item in actual.items() if ref[0] == "prompt"} if creations else set()
    )
    prompts = {
        ref for ref in creations if ref[0] == "prompt" and _spec(by_ref[ref]).get("function") not in functions
    }  # fmt: skip
    found: set[Ref] = set()
    queue = sorted(chosen)
    while queue and creations:
        change = by_ref[queue.pop()]
        if change.action == "delete":
            continue
        needed = {(need.kind, need.name) for need in needs_of(change.kind, _spec(change))}
        # A site asks for prompts by what they do, not by name.
        needed |= prompts if change.kind == "site" else set()
        new = (needed & creations) - found
        found |= new
        queue.extend(sorted(new))
    return found


def _unmet(
    kept: Iterable[Change], others: Iterable[Change], actual: Mapping[Ref, Actual], selection: Selection
) -> Iterable[Block]:
    """Yield what chosen changes refer to, and what is not there without the ones left out."""
    missing = {_ref(change) for change in others if change.action != "delete"}
    met: dict[Need, bool] = {}
    users: dict[Need, list[str]] = {}
    for change in kept if missing else ():
        for need in needs_of(change.kind, _spec(change)) if change.action != "delete" else ():
            if (need.kind, need.name) not in missing:
                continue
            if need not in met:
                found = actual.get((need.kind, need.name))
                met[need] = need.is_met_by(found.spec if found else None)
            if not met[need]:
                users.setdefault(need, []).append(change.ref)
    for need, refs in sorted(users.items()):
        yield Block("selection", f"{_several(refs)} needs {need}, which is left out; {_way_out(need.ref, selection)}")


def _abandoned(kept: Iterable[Change], others: Iterable[Change], selection: Selection) -> Iterable[Block]:
    """Yield what chosen changes remove, and what is still referred to by resources whose change is left out."""
    removed = {
        need for change in kept for need in items_of(change.kind, change.before) - items_of(change.kind, change.after)
    }  # fmt: skip
    users: dict[Need, list[str]] = {}
    for change in others if removed else ():
        before = change.before
        for need in dict.fromkeys(needs_of(change.kind, before)) if before else ():
            if need in removed:
                users.setdefault(need, []).append(change.ref)
    for need, refs in sorted(users.items()):
        yield Block(
            "selection",
            f"{need} would be removed, but {_several(refs)} still needs it until the change of it is applied; "
            f"{_way_out(refs[0], selection)}",
        )


def _several(refs: Sequence[str]) -> str:
    return refs[0] if len(refs) == 1 else f"{refs[0]} and {len(refs) - 1:,} more"


def _way_out(ref: str, selection: Selection) -> str:
    kind, _, name = ref.partition("/")
    if selection.forbids((kind, name or kind)):
        return f"do not exclude {ref}"
    return f"add `--target {ref}`"
