"""Bria: images. An order is answered with a place to ask at, which is remembered before the first question."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.port import Provider
from reconciler.providers.requirements import need_extra, need_key

DECLARATION = AdapterDeclaration("bria", "ai")
PUBLIC_ENDPOINT = "https://engine.prod.bria-api.com"


def make(spec: ProviderSpec, secrets: Mapping[str, str]) -> Provider:
    """Return the adapter; UnreachableError without the extra `bria`, or without a key."""
    need_extra("bria", "httpx2")
    need_key("bria", secrets)
    # Imported here: only a run that is about to call pays for it.
    from reconciler.providers.bria.client import build

    return build(spec.endpoint or PUBLIC_ENDPOINT, secrets["api_key"], spec.limits.timeout_seconds)
