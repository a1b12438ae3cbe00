"""Keywords that a plan archives or takes up: what it does to a site's sectors, in items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.plan.change import Change


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """What happens to the keywords of one sector. Archived ones keep all that was made of them."""

    site: str
    sector: str
    archived: int = 0
    taken_up: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {"site": self.site, "sector": self.sector, "archived": self.archived, "taken_up": self.taken_up}


def keyword_changes(changes: Iterable[Change]) -> Iterator[KeywordChange]:
    """Yield what the updates of sites do to their keywords, sector by sector. A term that changes its sector stays."""
    for change in changes:
        if change.kind != "site" or change.action != "update":
            continue
        if not any(field.path[0] == "sectors" for field in change.fields):
            continue
        before, after = sectors_of_terms(change.before or {}), sectors_of_terms(change.after or {})
        archived = Counter(sector for term, sector in before.items() if term not in after)
        taken_up = Counter(sector for term, sector in after.items() if term not in before)
        for sector in sorted({*archived, *taken_up}):
            yield KeywordChange(change.name, sector, archived[sector], taken_up[sector])


def sectors_of_terms(site: Mapping[str, Any]) -> dict[str, str]:
    """Return the sector of each declared term; the first one that names it counts."""
    found: dict[str, str] = {}
    for sector in site.get("sectors", ()):
        for entry in sector.get("keywords", ()):
            found.setdefault(entry if isinstance(entry, str) else entry["term"], sector["name"])
    return found
