"""Shopify blog articles through the GraphQL Admin API: the settings. A metafield, igny8.key, tells ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
from pydantic import StringConstraints

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Text
from reconciler.publishers.port import Publisher

_SHOP = r"^([a-z0-9][a-z0-9-]*\.myshopify\.com|http://(localhost|127(\.\d{1,3}){3})(:\d+)?)$"


class ShopifySettings(Spec):
    """A shop (its myshopify.com host), the handle of its blog, and an Admin API token of a custom app."""

    shop: Annotated[str, StringConstraints(pattern=_SHOP)]
    blog: Text
    access_token: SecretRef


DECLARATION = PublisherDeclaration("shopify", ShopifySettings)


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher of a shop's blog."""
    # Imported here: only what is about to publish pays for an HTTP client.
    from reconciler.publishers.shopify_publisher import build

    # As JSON: what is a list there is a tuple here.
    spec = ShopifySettings.model_validate_json(orjson.dumps(dict(settings)))
    return build(spec, site_url, secrets["access_token"])
