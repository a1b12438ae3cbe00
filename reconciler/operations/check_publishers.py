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
from reconciler.operations.publishers import make_site_publisher
from reconciler.publishers import PUBLISHERS, PublisherType
from reconciler.publishers.port import Preflight, PublishFailure

Verdict = Literal["ok", "not enough", "failed", "none"]
_CAPABILITIES = ("drafts", "updates", "withdraws", "looks", "media", "seo_meta")


@dataclass(frozen=True, slots=True)
class SiteCheck:
    """What a site's publisher answered. `warnings` are what the site drops or changes; `least_role` would be enough."""

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
    """Yield what the publishers of these sites answer, of all sites without a name, each as it has answered.

    Raises UsageError for a name that is none before anybody is asked.
    """
    sites = {item.name: item.spec for item in compilation.resources if isinstance(item.spec, Site)}
    for name in names:
        if name not in sites:
            near = did_you_mean(name, sites) or f"there are {', '.join(sorted(sites)) or 'none'}"
            raise UsageError(f"there is no site {name!r}", hint=near)
    return (_check(installation, sites[name], environ) for name in names or sorted(sites))


def _check(installation: Installation, site: Site, environ: Mapping[str, str]) -> SiteCheck:
    name = str((site.publisher or {}).get("type", ""))
    if not name:
        return SiteCheck(site.name, "", "none")
    publisher = make_site_publisher(installation, site, environ)
    if isinstance(publisher, PublishFailure):
        return SiteCheck(site.name, name, "failed", error=publisher.message, hint=publisher.hint)
    try:
        answer = publisher.check()
    finally:
        publisher.close()
    if isinstance(answer, PublishFailure):
        return SiteCheck(site.name, name, "failed", error=answer.message, hint=answer.hint)
    return _told(site.name, name, answer)


def _told(site: str, publisher: str, answer: Preflight) -> SiteCheck:
    verdict: Verdict = "ok" if answer.is_enough else "not enough"
    return SiteCheck(
        site, publisher, verdict, answer.who, answer.may, answer.missing, answer.warnings, answer.least_role
    )


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
