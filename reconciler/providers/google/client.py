"""The Gemini client and what is made with it: content, embeddings, images, the list of models."""

from __future__ import annotations

from google.genai.types import HttpRetryOptions
from pydantic_ai.embeddings.google import GoogleEmbeddingModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider

from reconciler.providers.direct import DirectProvider, make_client
from reconciler.providers.google.images import make_draw


def build(endpoint: str, api_key: str, timeout_seconds: float) -> DirectProvider:
    """Return the adapter for an endpoint; the SDK's own retries are off."""
    http = make_client(timeout_seconds)
    provider = GoogleProvider(
        api_key=api_key, base_url=endpoint, http_client=http, retry_options=HttpRetryOptions(attempts=1)
    )

    async def fetch_models() -> frozenset[str]:
        names = [model.name async for model in await provider.client.aio.models.list()]
        return frozenset(name.removeprefix("models/") for name in names if name)

    return DirectProvider(
        make_model=lambda name: GoogleModel(name, provider=provider),
        make_embedder=lambda name: GoogleEmbeddingModel(name, provider=provider),
        draw_with=make_draw(provider),
        client=http,
        fetch_models=fetch_models,
        secrets=(api_key,),
    )
