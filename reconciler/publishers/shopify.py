"""Shopify blog articles through the Admin API: the settings of the declaration."""

from __future__ import annotations

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Text


class ShopifySettings(Spec):
    """A shop, the handle of its blog, and a token with write_content."""

    shop: Text
    blog: Text
    access_token: SecretRef


DECLARATION = PublisherDeclaration("shopify", ShopifySettings)
