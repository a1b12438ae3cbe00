"""What becomes of articles and copies when a plan declares a further place of a site, or takes one away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

from reconciler.kinds.site import place_of
from reconciler.plan.change import Change
from reconciler.wording import counted


@dataclass(frozen=True, slots=True)
class SyndicationChange:
    """A further place that a plan adds, removes, or moves; how many articles its site has out, and how many copies there."""

    site: str
    place: str
    what: Literal["added", "removed", "moved"]
    articles: int
    copies: int

    @property
    def text(self) -> str:
        """Return what will happen, in a sentence."""
        name = f"{self.site}/{self.place}"
        stay = f"{counted(self.copies, 'copy', 'copies')} {'stays' if self.copies == 1 else 'stay'}"
        if self.what == "removed":
            return f"{name} gets no more copies; {stay} where {'it is' if self.copies == 1 else 'they are'}"
        if self.what == "moved":
            return f"{name} moves: new copies go to the new place; {stay} at the old one"
        text = f"{name} gets a copy of each article that is published from now on"
        if not self.articles:
            return text
        older = counted(self.articles, "article is", "articles are")
        return f"{text}; {older} out already (igny8 publish NUMBER --target {self.place} sends one)"

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return asdict(self) | {"text": self.text}


class Copied(Protocol):
    """How many articles, and copies of them, are public."""

    def public_articles(self, site: str) -> int:
        """Return how many articles of a site are public there."""

    def public_copies(self, site: str) -> Mapping[str, int]:
        """Return how many copies are public, by the name of the place."""


def syndication_changes(copied: Copied, changes: Iterable[Change]) -> tuple[SyndicationChange, ...]:
    """Return what the changes of a plan do to further places; articles and copies stand under the names before it."""
    # A new site has nothing out yet, and what a deleted one has out stays as it is.
    updates = (change for change in changes if change.kind == "site" and change.action == "update")
    return tuple(item for change in updates for item in _changes_of(copied, change))


def _changes_of(copied: Copied, change: Change) -> Iterable[SyndicationChange]:
    # A spec is decoded at every asking: only those that need it are asked.
    if not any(field.path[0] == "syndication" for field in change.fields):
        return
    before, after = _places(change.before), _places(change.after)
    name = change.renamed_from or change.name
    articles, copies = copied.public_articles(name), copied.public_copies(name)
    for place in dict.fromkeys((*before, *after)):
        facts = (articles, copies.get(place, 0))
        if place not in before:
            yield SyndicationChange(change.name, place, "added", *facts)
        elif place not in after:
            yield SyndicationChange(change.name, place, "removed", *facts)
        elif before[place] != after[place]:
            yield SyndicationChange(change.name, place, "moved", *facts)


def _places(spec: Mapping[str, Any] | None) -> dict[str, str]:
    further = (spec or {}).get("syndication") or ()
    return {item["name"]: place_of(item["publisher"], item["url"]) for item in further}
