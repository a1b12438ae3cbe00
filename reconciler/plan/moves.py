"""Renames: which deletion and creation are one resource under a new name, and which look as if they were."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from reconciler.config.authoring import without_defaults
from reconciler.kinds import find_kind
from reconciler.plan.block import Block
from reconciler.plan.change import Actual, Change
from reconciler.plan.departures import Finalizer
from reconciler.plan.diff import leaves

Ref = tuple[str, str]
ALIKE_PCT = 80
# Beyond so many comparisons nobody reads the suggestions, and they would take longer than the plan.
_COMPARISONS_MAX = 2_000
_SMALL_FIELDS = 2


def find_renames(
    moves: Mapping[Ref, tuple[str, ...]], actual: Collection[Ref], desired: Collection[Ref]
) -> dict[Ref, str]:
    """Return the resources that are to be renamed, by their new name, with the old one.

    `moved` says what to do once: of a resource that is there under its new name, or was never there, it says nothing.
    """
    found: dict[Ref, str] = {}
    for (kind, name), formers in moves.items():
        former = _former((kind, name), formers, actual, desired)
        if former is not None and (kind, name) not in actual:
            found[kind, name] = former
    return found


def _former(ref: Ref, formers: Iterable[str], actual: Collection[Ref], desired: Collection[Ref]) -> str | None:
    """Return the latest former name under which something stands in the database that nobody declares any more."""
    return next((name for name in formers if (ref[0], name) in actual and (ref[0], name) not in desired), None)


def find_rename_blocks(
    changes: Iterable[Change],
    moves: Mapping[Ref, tuple[str, ...]],
    actual: Mapping[Ref, Actual],
    desired: Collection[Ref],
    busy_sites: Mapping[str, Sequence[Finalizer]],
    remains: Mapping[Ref, str],
) -> Iterable[Block]:
    """Yield what forbids renames: a name that is taken, by a resource or by what an earlier one left, and work in flight."""
    for (kind, name), formers in moves.items():
        former = _former((kind, name), formers, actual, desired)
        if former is not None and (kind, name) in actual:
            yield Block(
                "rename",
                f"{kind}/{name} exists already, so {kind}/{former} cannot take its name: "
                f"take `moved` out, or keep {kind}/{former}",
            )
    for change in changes:
        if not change.renamed_from:
            continue
        left = remains.get((change.kind, change.name))
        if left:
            yield Block("rename", f"an earlier {change.ref} left {left}: choose another name for {change.former_ref}")
        for site in _sites_of(change, actual):
            if site in busy_sites:
                busy = ", ".join(item.text for item in busy_sites[site])
                yield Block("in-flight", f"site/{site} has {busy}; let it end before {change.former_ref} is renamed")


def _sites_of(change: Change, actual: Mapping[Ref, Actual]) -> Iterable[str]:
    """Yield the sites whose work knows the old name."""
    if change.kind == "site":
        yield change.renamed_from
    if change.kind == "account":
        for (kind, name), item in actual.items():
            if kind == "site" and item.spec.get("account") == change.renamed_from:
                yield name


def suggest_moves(changes: Sequence[Change], file_of: Mapping[Ref, str]) -> Iterable[str]:
    """Yield a suggestion for every creation that looks like a deletion of the same kind under another name."""
    deleted: dict[str, list[Change]] = {}
    for change in changes:
        if change.action == "delete":
            deleted.setdefault(change.kind, []).append(change)
    created = [change for change in changes if change.action == "create" and change.kind in deleted]
    if sum(len(deleted[change.kind]) for change in created) > _COMPARISONS_MAX:
        return
    fields = {item.ref: _fields(item.kind, item.before) for some in deleted.values() for item in some if created}
    taken: set[str] = set()
    for change in created:
        after = _fields(change.kind, change.after)
        rated = [(_alike_pct(fields[item.ref], after), item) for item in deleted[change.kind] if item.ref not in taken]
        percent, best = max(rated, key=lambda pair: pair[0], default=(0, None))
        if best is not None and percent >= ALIKE_PCT:
            taken.add(best.ref)
            file = file_of.get((change.kind, change.name), change.ref)
            yield (
                f"{best.ref} and {change.ref} look alike: add `moved: {{from: {best.name}}}` to {file} "
                f"to keep {_kept(change.kind)}"
            )


def _kept(kind: str) -> str:
    return {"site": "its history, content and ledger", "account": "its history and ledger"}.get(kind, "its history")


def _alike_pct(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> int:
    """Return how many of the fields, in percent, are equal; what every resource has by default counts for nothing."""
    paths = before.keys() | after.keys()
    if len(paths) < _SMALL_FIELDS:
        return 0
    equal = [path for path in paths if path in before and path in after and before[path] == after[path]]
    return 100 * len(equal) // len(paths)


def _fields(kind_name: str, spec: Mapping[str, Any] | None) -> dict[Any, Any]:
    kind = find_kind(kind_name)
    assert kind is not None
    # A site's `ai` and `stages` are mostly inherited, and alike for every site of an account.
    own = {key: value for key, value in (spec or {}).items() if key not in ("name", "ai", "stages")}
    return dict(leaves(without_defaults(kind.spec, own)))
