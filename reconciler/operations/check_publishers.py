"""Asks the publisher of each site who we are there, what we may do, and what the site will drop. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from reconciler.config.compilation import Compilation
from reconciler.config.suggest import did_you_mean
from reconciler.errors import UsageError
from reconciler.kinds.site import Site
from reconciler.operations.app import Installation
from reconciler.operations.publishers import Target, make_publisher, targets_of
from reconciler.operations.site_visit import NO_CANONICAL_HINT
from reconciler.publishers import PUBLISHERS, PublisherType
from reconciler.publishers.port import Preflight, PublishFailure

Verdict = Literal["ok", "not enough", "failed", "none"]
_CAPABILITIES = ("drafts", "updates", "withdraws", "looks", "media", "seo_meta", "carries_canonical")


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What a place's publisher answered. `warnings` are what the site drops or changes; `least_role` would be enough.

    `target` is the name of a further place, "" for the site's own.
    """

    site: str
    publisher: str
    verdict: Verdict
    who: str = ""
    may: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    least_role: str = ""
    error: str = ""
    hint: str = ""
    target: str = ""

    @property
    def label(self) -> str:
        """Return what people call the place."""
        return f"{self.site}/{self.target}" if self.target else self.site

    @property
    def is_failed(self) -> bool:
        """Tell whether articles cannot go out there."""
        return self.verdict in ("failed", "not enough")

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return asdict(self)


def check_publishers(
    installation: Installation, compilation: Compilation, names: Sequence[str], environ: Mapping[str, str] = os.environ
) -> Iterator[SiteCheck]:
    """Yield what the publishers of these sites answer, at each of their places; of all sites without a name.

    Raises UsageError for a name that is none before anybody is asked.
    """
    sites = {item.name: item.spec for item in compilation.resources if isinstance(item.spec, Site)}
    for name in names:
        if name not in sites:
            near = did_you_mean(name, sites) or f"there are {', '.join(sorted(sites)) or 'none'}"
            raise UsageError(f"there is no site {name!r}", hint=near)
    chosen = (target for name in names or sorted(sites) for target in targets_of(sites[name]))
    return (_check(installation, target, environ) for target in chosen)


def _check(installation: Installation, target: Target, environ: Mapping[str, str]) -> SiteCheck:
    name = str(target.settings.get("type", ""))
    if not name:
        return SiteCheck(target.site.name, "", "none")
    publisher = make_publisher(installation, target, environ)
    if isinstance(publisher, PublishFailure):
        return _failed(target, name, publisher)
    try:
        answer = publisher.check()
    finally:
        publisher.close()
    if isinstance(answer, PublishFailure):
        return _failed(target, name, answer)
    return _told(target, name, answer)


def _failed(target: Target, publisher: str, failure: PublishFailure) -> SiteCheck:
    return SiteCheck(
        target.site.name, publisher, "failed", error=failure.message, hint=failure.hint, target=target.name
    )


def _told(target: Target, publisher: str, answer: Preflight) -> SiteCheck:
    """Return what a publisher answered; whether it carries a canonical address matters only where copies go."""
    why_not = answer.no_canonical if target.name else ""
    missing = (*answer.missing, f"carry a canonical address: {why_not}") if why_not else answer.missing
    return SiteCheck(
        target.site.name, publisher, "not enough" if missing else "ok", answer.who, answer.may, missing,
        answer.warnings, answer.least_role, hint=NO_CANONICAL_HINT if why_not else "", target=target.name,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PublisherFacts:
    """A publisher type of this version: what it can do, and its settings with those that must be written."""

    name: str
    is_driven: bool
    capabilities: tuple[str, ...]
    settings: tuple[str, ...]
    required: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return asdict(self)


def list_publishers() -> tuple[PublisherFacts, ...]:
    """Return the publisher types of this version, in the order of their registry."""
    return tuple(_facts(entry) for entry in PUBLISHERS)


def _facts(entry: PublisherType) -> PublisherFacts:
    fields = entry.declaration.settings.model_fields
    return PublisherFacts(
        name=entry.declaration.name,
        is_driven=entry.make is not None,
        capabilities=tuple(name for name in _CAPABILITIES if getattr(entry, name)),
        settings=tuple(fields),
        required=tuple(name for name, field in fields.items() if field.is_required()),
    )
