"""A signed webhook, after Standard Webhooks: its settings. The same id on each try of a message makes it once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import orjson

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Url
from reconciler.publishers.port import Publisher


class WebhookSettings(Spec):
    """Where to send, and the secret to sign with. `images: omit` sends no image bytes."""

    endpoint: Url
    secret: SecretRef
    images: Literal["embed", "omit"] = "embed"


DECLARATION = PublisherDeclaration("webhook", WebhookSettings, carries_canonical=True)


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher that sends a site's articles to its endpoint."""
    # Imported here: only what is about to publish pays for an HTTP client.
    from reconciler.publishers.webhook_publisher import build

    # As JSON: what is a list there is a tuple here.
    spec = WebhookSettings.model_validate_json(orjson.dumps(dict(settings)))
    return build(spec, site_url, secrets["secret"])
