"""The Anthropic client and what is made with it: messages, the list of models."""

from __future__ import annotations

from anthropic import AsyncAnthropic
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider

from reconciler.providers.direct import DirectProvider, make_client, make_timeout


def build(endpoint: str, api_key: str, timeout_seconds: float) -> DirectProvider:
    """Return the adapter for an endpoint; the SDK's own retries are off."""
    http = make_client(timeout_seconds)
    client = AsyncAnthropic(
        api_key=api_key, base_url=endpoint, max_retries=0, timeout=make_timeout(timeout_seconds), http_client=http
    )
    provider = AnthropicProvider(anthropic_client=client)

    async def fetch_models() -> frozenset[str]:
        return frozenset([model.id async for model in client.models.list()])

    return DirectProvider(
        make_model=lambda name: AnthropicModel(name, provider=provider),
        client=http,
        fetch_models=fetch_models,
        secrets=(api_key,),
    )
