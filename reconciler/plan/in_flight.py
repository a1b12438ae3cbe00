"""Items in flight: how many sit where at the sites that a plan makes differently, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reconciler.plan.making import AI_STAGES, MakingChange

Mode = Literal["pin", "requeue-from", "drain"]
Counts = Mapping[str, int]

# Where items sit, in the order of a run. Each of the first six waits for the stage of the same place.
POSITIONS = ("keywords", "clusters", "ideas", "tasks", "content", "prompts", "images", "review")
STAGES = ("clusters", "ideas", "tasks", "content", "prompts", "images", "review")
INTAKE = ("clusters", "ideas", "tasks")
REQUEUE_STAGES = tuple(stage for stage, _, _ in AI_STAGES)


@dataclass(frozen=True, slots=True)
class Handling:
    """What is to become of items in flight. Without `is_asked` nobody chose: a site that is drained stays so."""

    mode: Mode = "pin"
    stage: str = ""
    is_asked: bool = False

    def __str__(self) -> str:
        return f"{self.mode}:{self.stage}" if self.stage else self.mode


@dataclass(frozen=True, slots=True)
class Redo:
    """What is made anew at a site: AI calls by stage, articles that go back, and the credits expected for it.

    `is_off`: the stage that would make it anew does not run there.
    """

    articles: int = 0
    calls: Counts = field(default_factory=dict)
    credits: int = 0
    cost_nano: int = 0
    is_off: bool = False


@dataclass(frozen=True, slots=True)
class Redoable:
    """How much of a site goes back to a stage: keywords, clusters, articles and image prompts."""

    keywords: int = 0
    clusters: int = 0
    articles: int = 0
    prompts: int = 0

    def calls(self, stage: str, keywords_a_call: int) -> dict[str, int]:
        """Return how many AI calls make it anew, by stage, and how many articles go back."""
        calls = {
            "clusters": -(-self.keywords // keywords_a_call),
            "ideas": self.clusters,
            "content": self.articles if stage not in ("prompts", "images") else 0,
            "prompts": self.articles if stage != "images" else 0,
            "images": self.prompts,
        }
        return {"articles": self.articles} | calls


@dataclass(frozen=True, slots=True)
class SiteInFlight:
    """One site: which of its stages make differently, and where its items sit."""

    site: str
    change: MakingChange
    counts: Counts
    redo: Redo | None = None

    @property
    def reaches(self) -> int:
        """Return the place of the last stage that makes differently, -1 when none does."""
        return max((STAGES.index(stage) for stage in self.change.made_differently), default=-1)

    @property
    def finishing(self) -> dict[str, int]:
        """Return the items that were begun and have a stage before them that makes differently."""
        return self._at(POSITIONS[1 : self.reaches + 1])

    @property
    def beginning(self) -> dict[str, int]:
        """Return the items that nothing was made of yet: they begin as the plan declares."""
        return self._at(POSITIONS[:1] if self.reaches >= 0 else ())

    @property
    def past(self) -> dict[str, int]:
        """Return the items that are past all that makes differently."""
        return self._at(POSITIONS[self.reaches + 1 :] if self.reaches >= 0 else ())

    @property
    def relimited(self) -> dict[str, int]:
        """Return the items that wait for a stage whose limits change: new limits hold for them at once."""
        waiting = dict(zip(STAGES, (*POSITIONS[:6], "review"), strict=True))
        return self._at(tuple(waiting[stage] for stage in self.change.limited_differently if stage in waiting))

    @property
    def draining(self) -> dict[str, int]:
        """Return the items that have to be finished before the site has drained: what is beyond the intake."""
        return {name: count for name, count in self.finishing.items() if name in ("tasks", "content", "prompts")}

    def _at(self, positions: Iterable[str]) -> dict[str, int]:
        return {name: self.counts[name] for name in positions if self.counts.get(name)}

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        answer: dict[str, Any] = {
            "site": self.site,
            "made_differently": list(self.change.made_differently),
            "limited_differently": list(self.change.limited_differently),
            "waiting": {name: self.counts.get(name, 0) for name in POSITIONS},
            "finishing": self.finishing,
            "beginning": self.beginning,
            "past": self.past,
        }
        if self.redo is not None:
            answer["requeued"] = {
                "articles": self.redo.articles,
                "calls": dict(self.redo.calls),
                "credits": self.redo.credits,
                "cost_nano_usd": self.redo.cost_nano,
            }
        return answer


@dataclass(frozen=True, slots=True)
class InFlight:
    """All sites that a plan makes differently, and what becomes of their items."""

    handling: Handling = Handling()
    sites: tuple[SiteInFlight, ...] = ()

    @property
    def remade(self) -> tuple[SiteInFlight, ...]:
        """Return the sites at which a stage makes differently."""
        return tuple(site for site in self.sites if site.change.made_differently)

    @property
    def requeued(self) -> Redo:
        """Return what is made anew at all sites together."""
        redone = [site.redo for site in self.sites if site.redo is not None]
        return Redo(
            sum(item.articles for item in redone),
            add_counts(item.calls for item in redone),
            sum(item.credits for item in redone),
            sum(item.cost_nano for item in redone),
        )

    def total(self, part: str) -> dict[str, int]:
        """Return one part of all sites (`finishing`, `beginning`, `past`, `relimited`, `draining`) together."""
        found = add_counts(getattr(site, part) for site in self.sites)
        return {name: found[name] for name in POSITIONS if name in found}

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form; sites where nothing is in flight are left out."""
        requeued = self.requeued
        return {
            "handling": str(self.handling),
            "finishing": self.total("finishing"),
            "beginning": self.total("beginning"),
            "past": self.total("past"),
            "limited_at_once": self.total("relimited"),
            "requeued": {
                "articles": requeued.articles, "calls": dict(requeued.calls),
                "credits": requeued.credits, "cost_nano_usd": requeued.cost_nano,
            },
            "sites": [site.to_json() for site in self.sites if any(site.counts.values()) or site.redo],
        }  # fmt: skip


def read_handling(text: str) -> Handling:
    """Return how items in flight are to be handled: `pin`, `drain` or `requeue-from:STAGE`; ValueError for another text."""
    mode, colon, stage = text.partition(":")
    if text in ("pin", "drain"):
        return Handling(text, "", is_asked=True)  # type: ignore[arg-type]
    if mode == "requeue-from" and colon and stage in REQUEUE_STAGES:
        return Handling("requeue-from", stage, is_asked=True)
    raise ValueError(f"{text!r} is none of pin, drain, requeue-from:{'|'.join(REQUEUE_STAGES)}")


def add_counts(many: Iterable[Counts]) -> dict[str, int]:
    """Return the sums of counts by name."""
    sums: dict[str, int] = {}
    for counts in many:
        for name, count in counts.items():
            sums[name] = sums.get(name, 0) + count
    return sums


def phrase(counts: Counts) -> str:
    """Return counts as people read them: `37 content, 12 images`."""
    return ", ".join(f"{count:,} {_name(name, count)}" for name, count in counts.items() if count)


def _name(position: str, count: int) -> str:
    if position == "review":
        return "in review"
    return position.removesuffix("s") if count == 1 else position
