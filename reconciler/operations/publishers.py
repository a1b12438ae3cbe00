"""The publisher of a site, made when something is about to go out; secrets are resolved here, then."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import UnreachableError
from reconciler.ids import canonical_json
from reconciler.kinds.fields import SecretRef
from reconciler.kinds.site import Site
from reconciler.operations.app import Installation
from reconciler.operations.credentials import resolve_secret
from reconciler.pipeline.port import SiteContext
from reconciler.publishers import PublisherType, find_publisher
from reconciler.publishers.port import Publisher, PublishFailure, RemoteMedia
from reconciler.store.engine import Database
from reconciler.store.remote_media import find_media, keep_media


@dataclass(frozen=True, slots=True)
class SiteNotebook:
    """The memory of what one site has taken. What is kept is committed at once."""

    installation: Installation
    database: Database
    site: str
    target: str

    def media(self, sha256: str) -> RemoteMedia | None:
        """Return the image that the site took earlier, or None."""
        with self.database.read() as connection:
            return find_media(connection, self.site, self.target, sha256)

    def keep_media(self, media: RemoteMedia) -> None:
        """Remember an image."""
        with self.database.write() as connection:
            keep_media(connection, self.site, self.target, media, self.installation.clock.now())


def publisher_type(context: SiteContext) -> PublisherType | None:
    """Return the type of the site's publisher; None for a site without one, and for a type that this version lacks."""
    return find_publisher(str((context.site.publisher or {}).get("type", "")))


def target_of(context: SiteContext) -> str:
    """Return what tells one place of a site's articles from the next one: remote ids of another mean nothing there."""
    settings = context.site.publisher or {}
    place = settings.get("path") or settings.get("endpoint") or settings.get("shop") or context.site.url
    return f"{settings.get('type', '')} {place}"


def make_publisher(
    installation: Installation, context: SiteContext, environ: Mapping[str, str] = os.environ
) -> Publisher | PublishFailure:
    """Return the site's publisher with its secrets, or why there is none."""
    return make_site_publisher(installation, context.site, environ)


def make_site_publisher(
    installation: Installation, declared: Site, environ: Mapping[str, str] = os.environ
) -> Publisher | PublishFailure:
    """Return the publisher of a site as it is declared, applied or not."""
    settings: dict[str, Any] = dict(declared.publisher or {})
    name = str(settings.pop("type", ""))
    found = find_publisher(name)
    if found is None or found.make is None:
        what = f"this version cannot publish to {name}" if name else "the site has no publisher"
        hint = "declare the site's `publisher`, and apply; `igny8 publishers list` shows the types"
        return PublishFailure(what, "site", hint=hint)
    site = f"site {declared.name}"
    spec = found.declaration.settings.model_validate_json(canonical_json(settings))
    references = {key: value for key, value in spec if isinstance(value, SecretRef)}
    try:
        secrets = {key: resolve_secret(installation.root, site, ref, environ) for key, ref in references.items()}
    except UnreachableError as error:
        return PublishFailure(error.message, "site", hint=error.hint)
    return found.make(settings, declared.url, installation.root, secrets)
