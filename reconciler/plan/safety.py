"""Guards on the plan: what may not be applied without somebody saying so explicitly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler.kinds.platform import Safety
from reconciler.plan.change import Actual, Change


@dataclass(frozen=True, slots=True)
class Block:
    """A reason why a plan must not be applied, and the flag that would allow it; "" when none does."""

    guard: str
    message: str
    flag: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the machine-readable form."""
        return {"guard": self.guard, "message": self.message, "flag": self.flag}


def find_blocks(
    changes: Iterable[Change],
    actual: Mapping[tuple[str, str], Actual],
    desired: Collection[tuple[str, str]],
    safety: Safety,
    busy_sites: Mapping[str, str],
) -> Iterable[Block]:
    """Yield what forbids the changes: protection, and limits on how much of a kind one plan may touch."""
    changes = list(changes)
    if actual and not desired:
        yield Block("empty-root", "the config root declares nothing; an empty root never deletes")
    for change in changes:
        item = actual.get((change.kind, change.name))
        if change.action == "delete" and item is not None and item.protected:
            yield Block(
                "protection", f"{change.ref} is protected; lift `protected` in an apply of its own before deleting it"
            )
        if change.action == "delete" and change.kind == "site" and change.name in busy_sites:
            yield Block("in-flight", f"{change.ref} has {busy_sites[change.name]}; let it end before deleting the site")
    existing = Counter(kind for kind, _ in actual)
    touched = Counter((change.kind, change.action) for change in changes)
    for (kind, action), count in sorted(touched.items()):
        limit = {"update": safety.update_limit_pct, "delete": safety.delete_limit_pct}.get(action)
        total = existing[kind]
        if limit is not None and total >= safety.limit_floor and count * 100 > total * limit:
            yield Block(
                f"{action}-limit",
                f"{count} of {total} {kind} resources would be {action}d; the limit is {limit} %",
                f"--allow-{action}s",
            )
