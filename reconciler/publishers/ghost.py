"""Ghost through its Admin API: its settings. An internal tag, `#igny8-KEY`, finds an article again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import Name, SecretRef, Spec, Text, Url
from reconciler.publishers.port import Publisher


class GhostSettings(Spec):
    """An Admin API key of a custom integration. `admin_url` is needed where Ghost's admin has an address of its own."""

    admin_api_key: SecretRef
    admin_url: Url | None = None
    tags: tuple[Text, ...] = ()
    authors: dict[Name, Text] = {}
    newsletter: Text | None = None


DECLARATION = PublisherDeclaration("ghost", GhostSettings, carries_canonical=True)


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher of a site on Ghost."""
    # Imported here: only what is about to publish pays for an HTTP client.
    from reconciler.publishers.ghost_publisher import build

    # As JSON: what is a list there is a tuple here.
    spec = GhostSettings.model_validate_json(orjson.dumps(dict(settings)))
    return build(spec, site_url, secrets["admin_api_key"])
