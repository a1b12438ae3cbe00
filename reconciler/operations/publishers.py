"""The places of a site and the publisher of each, made when something is about to go out; secrets are resolved then."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from reconciler.clock import parse_duration_seconds
from reconciler.errors import UnreachableError
from reconciler.ids import canonical_json, digest
from reconciler.kinds.fields import SecretRef
from reconciler.kinds.site import Site, place_of
from reconciler.operations.app import Installation
from reconciler.operations.credentials import resolve_secret
from reconciler.publishers import PublisherType, find_publisher
from reconciler.publishers.port import Memory, Publisher, PublishFailure, Remembers, RemoteMedia
from reconciler.store.engine import Connection, Database
from reconciler.store.remote_media import find_media, keep_media


@dataclass(frozen=True, slots=True)
class Target:
    """A place of a site's articles: its own, with the name "", or a further one. `delay` is how long a copy waits."""

    site: Site
    name: str
    url: str
    settings: Mapping[str, Any]
    delay: timedelta = timedelta()

    @property
    def ref(self) -> tuple[str, str]:
        """Return what the database calls it."""
        return self.site.name, self.name

    @property
    def label(self) -> str:
        """Return what people call it."""
        return f"{self.site.name}/{self.name}" if self.name else self.site.name

    @property
    def kind(self) -> PublisherType | None:
        """Return the type of its publisher; None where it has none, and for a type that this version lacks."""
        return find_publisher(str(self.settings.get("type", "")))

    @property
    def place(self) -> str:
        """Return what tells it from where the same name led before: remote ids of another place mean nothing there."""
        return place_of(self.settings, self.url)


def targets_of(site: Site) -> tuple[Target, ...]:
    """Return the places of a site's articles, its own first."""
    further = (
        Target(site, item.name, item.url, item.publisher, timedelta(seconds=parse_duration_seconds(item.delay or "0s")))
        for item in site.syndication or ()
    )
    return Target(site, "", site.url, site.publisher or {}), *further


def find_target(site: Site, name: str) -> Target | None:
    """Return the place of a site with a name, "" for its own; None when it is not declared any more."""
    return next((target for target in targets_of(site) if target.name == name), None)


@dataclass(slots=True)
class SiteNotebook:
    """The memory of what one site has taken of an article's `images`. What is kept is committed at once.

    With the first question all of them are looked up: while an article is published nobody else writes down any.
    """

    installation: Installation
    database: Database
    site: str
    target: str
    images: tuple[str, ...]
    is_blank: bool
    _known: dict[str, RemoteMedia] | None = None

    def open(self, connection: Connection) -> None:
        """Look up all images, in a transaction that is under way."""
        self._known = find_media(connection, self.site, self.target, self.images)

    def media(self, sha256: str) -> RemoteMedia | None:
        """Return the image that the site took earlier, or None."""
        if self._known is None:
            with self.database.read() as connection:
                self.open(connection)
        assert self._known is not None
        return self._known.get(sha256)

    def keep_media(self, *media: RemoteMedia) -> None:
        """Remember images."""
        if not media:
            return
        with self.database.write_once() as connection:
            keep_media(connection, self.site, self.target, media, self.installation.clock.now())
        if self._known is not None:
            self._known |= {one.sha256: one for one in media}


@dataclass(slots=True)
class PlaceMemories:
    """What this process learnt of places at earlier visits: of each by its label, as long as it is reached in the same way."""

    _known: dict[str, tuple[str, Memory]] = field(default_factory=dict)

    def of(self, target: Target, secrets: Mapping[str, str]) -> Memory:
        """Return what is known of a place; nothing once its address, its settings or its secrets are others."""
        way = digest({"url": target.url, "settings": dict(target.settings), "secrets": dict(secrets)})
        found = self._known.get(target.label)
        if found is None or found[0] != way:
            found = self._known[target.label] = (way, {})
        return found[1]


def make_publisher(
    installation: Installation, target: Target, environ: Mapping[str, str] = os.environ,
    memories: PlaceMemories | None = None,
) -> Publisher | PublishFailure:  # fmt: skip
    """Return the publisher of a place as it is declared, applied or not, with its secrets; or why there is none.

    With `memories` it knows what earlier visits of this process learnt.
    """
    settings: dict[str, Any] = dict(target.settings)
    name = str(settings.pop("type", ""))
    found = find_publisher(name)
    if found is None or found.make is None:
        what = f"this version cannot publish to {name}" if name else "the site has no publisher"
        hint = "declare the site's `publisher`, and apply; `igny8 publishers list` shows the types"
        return PublishFailure(what, "site", hint=hint)
    spec = found.declaration.settings.model_validate_json(canonical_json(settings))
    references = {key: value for key, value in spec if isinstance(value, SecretRef)}
    try:
        secrets = {
            key: resolve_secret(installation.root, f"site {target.label}", reference, environ)
            for key, reference in references.items()
        }
    except UnreachableError as error:
        return PublishFailure(error.message, "site", hint=error.hint)
    publisher = found.make(settings, target.url, installation.root, secrets)
    if memories is not None and isinstance(publisher, Remembers):
        publisher.recall(memories.of(target, secrets))
    return publisher
