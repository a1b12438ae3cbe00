"""OpenAI, and whatever speaks like it: vLLM, Ollama, a gateway. Text, embeddings and images.

The catalogue's `endpoint` is the base URL, with its /v1; without one it is OpenAI's own, and a key is needed.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.port import Provider
from reconciler.providers.requirements import need_extra, need_key

DECLARATION = AdapterDeclaration("openai", "ai")
PUBLIC_ENDPOINT = "https://api.openai.com/v1"


def make(spec: ProviderSpec, secrets: Mapping[str, str]) -> Provider:
    """Return the adapter; UnreachableError without the extra `openai`, or without a key where OpenAI wants one."""
    need_extra("openai", "pydantic_ai", "openai")
    if spec.endpoint is None:
        need_key("openai", secrets)
    # Imported here: only a run that is about to call pays for it.
    from reconciler.providers.openai.client import build

    endpoint = spec.endpoint or PUBLIC_ENDPOINT
    return build(
        endpoint, secrets.get("api_key", ""), spec.limits.timeout_seconds, is_openai=endpoint == PUBLIC_ENDPOINT
    )
