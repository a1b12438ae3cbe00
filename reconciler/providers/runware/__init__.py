"""Runware: images. Each order carries our own id, so that after a crash it is looked up and not paid for again."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.port import Provider
from reconciler.providers.requirements import need_extra, need_key

DECLARATION = AdapterDeclaration("runware", "ai", takes_image_quality=False)
PUBLIC_ENDPOINT = "https://api.runware.ai/v1"


def make(spec: ProviderSpec, secrets: Mapping[str, str]) -> Provider:
    """Return the adapter; UnreachableError without the extra `runware`, or without a key."""
    need_extra("runware", "httpx2")
    need_key("runware", secrets)
    # Imported here: only a run that is about to call pays for it.
    from reconciler.providers.runware.client import build

    return build(spec.endpoint or PUBLIC_ENDPOINT, secrets["api_key"], spec.limits.timeout_seconds)
