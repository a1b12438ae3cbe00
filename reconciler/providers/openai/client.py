"""The OpenAI client and what is made with it: chat completions, embeddings, images, the list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openai import AsyncOpenAI
from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers.openai import OpenAIProvider

from reconciler.providers.direct import DirectProvider, make_client, make_timeout
from reconciler.providers.openai.images import make_draw
from reconciler.providers.port import Failure
from reconciler.providers.wire import Wire

# A server of one's own often wants no key, but the client refuses to start without one.
_NO_KEY = "none"


def build(endpoint: str, api_key: str, timeout_seconds: float, *, is_openai: bool) -> DirectProvider:
    """Return the adapter for an endpoint; the SDK's own retries are off."""
    http = make_client(timeout_seconds)
    client = AsyncOpenAI(
        api_key=api_key or _NO_KEY, base_url=endpoint, max_retries=0, timeout=make_timeout(timeout_seconds),
        http_client=http,
    )  # fmt: skip
    provider = OpenAIProvider(openai_client=client)

    # OpenAI wants the one name for the limit of an answer, many servers know only the other and ignore what they do not
    # know, which would leave the answer without a limit. A server that refuses the old name says so, once.
    names = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=is_openai)

    def relearn(failure: Failure) -> bool:
        if "max_completion_tokens" not in failure.message or names["openai_chat_supports_max_completion_tokens"]:
            return False
        names["openai_chat_supports_max_completion_tokens"] = True
        return True

    async def fetch_models() -> frozenset[str]:
        return frozenset([model.id async for model in client.models.list()])

    wire = Wire(endpoint, {}, (api_key,), timeout_seconds)
    return DirectProvider(
        make_model=lambda name: OpenAIChatModel(name, provider=provider, profile=_profile(name, names)),
        make_embedder=lambda name: OpenAIEmbeddingModel(name, provider=provider),
        draw_with=make_draw(client, provider, wire, is_openai=is_openai),
        wire=wire,
        client=http,
        fetch_models=fetch_models,
        secrets=(api_key,),
        relearn=relearn,
        shape_body=_shape_body,
    )


def _shape_body(model: Model, shape: OutputObjectDefinition) -> Mapping[str, Any]:
    """Return how a chat completion is asked for an answer of a shape, the schema in the strict form that OpenAI wants."""
    parameters = ModelRequestParameters(output_mode="native", output_object=shape)
    strict = model.customize_request_parameters(parameters).output_object
    assert strict is not None
    asked = {"name": strict.name, "schema": strict.json_schema, "strict": strict.strict}
    return {"response_format": {"type": "json_schema", "json_schema": asked}}


def _profile(name: str, names: OpenAIModelProfile) -> ModelProfile:
    return merge_profile(OpenAIProvider.model_profile(name), names)
