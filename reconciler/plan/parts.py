"""Cuts a plan into parts that are applied one by one: what accounts share, each account with its sites, what goes last.

What is shared comes first, since sites need it. What takes something shared away comes last, since until then a part
that failed may still need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.plan.change import Change
from reconciler.plan.references import items_of
from reconciler.plan.selection import Part

SHARED = "shared"
REMOVALS = "removals"


def cut_by_account(changes: Sequence[Change]) -> tuple[Part, ...]:
    """Return the parts in the order of their applies; every change is in exactly one.

    Accounts between which a site moves, or one and the name that it had before, are one part.
    """
    first: list[Change] = []
    last: list[Change] = []
    groups: list[tuple[set[str], list[Change]]] = []
    for change in changes:
        accounts = set(_accounts_of(change))
        if accounts:
            groups = _join(groups, accounts, change)
        elif _takes_away(change):
            last.append(change)
        else:
            first.append(change)
    own = sorted((" and ".join(f"account/{name}" for name in sorted(accounts)), some) for accounts, some in groups)
    named = [(SHARED, first), *own, (REMOVALS, last)]
    return tuple(Part(name, frozenset((item.kind, item.name) for item in some)) for name, some in named if some)


def _accounts_of(change: Change) -> Iterator[str]:
    if change.kind == "account":
        yield change.name
        if change.renamed_from:
            yield change.renamed_from
    elif change.kind == "site":
        yield from (str(spec["account"]) for spec in (change.before, change.after) if spec is not None)


def _join(
    groups: Iterable[tuple[set[str], list[Change]]], accounts: set[str], change: Change
) -> list[tuple[set[str], list[Change]]]:
    apart: list[tuple[set[str], list[Change]]] = []
    changes: list[Change] = []
    for names, some in groups:
        if names & accounts:
            accounts |= names
            changes += some
        else:
            apart.append((names, some))
    return [*apart, (accounts, [*changes, change])]


def _takes_away(change: Change) -> bool:
    return change.action == "delete" or bool(items_of(change.kind, change.before) - items_of(change.kind, change.after))
