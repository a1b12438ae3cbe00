"""Google's Gemini API: text, embeddings and images."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.port import Provider
from reconciler.providers.requirements import need_extra, need_key

DECLARATION = AdapterDeclaration("google", "ai", takes_image_quality=False)
PUBLIC_ENDPOINT = "https://generativelanguage.googleapis.com"


def make(spec: ProviderSpec, secrets: Mapping[str, str]) -> Provider:
    """Return the adapter; UnreachableError without the extra `google`, or without a key."""
    need_extra("google", "pydantic_ai", "google.genai")
    need_key("google", secrets)
    # Imported here: only a run that is about to call pays for it.
    from reconciler.providers.google.client import build

    return build(spec.endpoint or PUBLIC_ENDPOINT, secrets["api_key"], spec.limits.timeout_seconds)
