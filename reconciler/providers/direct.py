"""Text and embeddings through pydantic-ai's direct requests: what the adapters of OpenAI, Anthropic and Google share.

One attempt is one HTTP request: SDK retries are off, `max_tokens` is always sent, and a deadline covers it all. Only
a worker that is about to call imports this module.
"""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2
from pydantic_ai.direct import model_request
from pydantic_ai.embeddings import EmbeddingModel
from pydantic_ai.embeddings.settings import EmbeddingSettings
from pydantic_ai.exceptions import AgentRunError, UserError
from pydantic_ai.images import ImageGenerationResult
from pydantic_ai.messages import ModelRequest, ModelResponse, ToolCallPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from reconciler.providers.drawing import failed, image_usage
from reconciler.providers.failures import classify
from reconciler.providers.headers import read_window
from reconciler.providers.port import (
    Completion,
    EmbeddingRequest,
    Embeddings,
    Failure,
    ImageAnswer,
    ImageRequest,
    Structured,
    TextRequest,
)
from reconciler.providers.tokens import count_tokens
from reconciler.providers.wire import Wire, WireError
from reconciler.usage import Usage

_CONNECT_SECONDS = 10.0
# What it drops is noted in the task log, by what really went out.
warnings.filterwarnings("ignore", message="Sampling parameters", category=UserWarning)
# Usage that cannot be true is told as none; what becomes of that is decided above, and noted.
warnings.filterwarnings("ignore", message="Failed to extract usage")


@dataclass(slots=True)
class _Exchange:
    """What went over the wire in one attempt, as far as we look at it."""

    requests: int = 0
    sent_temperature: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


async def _note_request(request: httpx2.Request) -> None:
    exchange = _exchange.get(None)
    if exchange is not None:
        exchange.requests += 1
        # Inside a string the quotes would be escaped, so this finds the key alone.
        exchange.sent_temperature = b'"temperature":' in request.content


async def _note_response(response: httpx2.Response) -> None:
    exchange = _exchange.get(None)
    if exchange is not None:
        exchange.headers = response.headers


def make_client(timeout_seconds: float) -> httpx2.AsyncClient:
    """Return the HTTP client of an adapter; how many calls are in flight is decided above, not by its pool."""
    return httpx2.AsyncClient(
        timeout=make_timeout(timeout_seconds),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
        event_hooks={"request": [_note_request], "response": [_note_response]},
    )


def make_timeout(timeout_seconds: float) -> httpx2.Timeout:
    """Return the time limits of a request: the whole for an answer, less for a connection."""
    return httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds))


@dataclass(slots=True)
class DirectProvider:
    """A provider that pydantic-ai can speak to.

    `secrets` are values that no message may show. `relearn` tells whether a refusal taught it to ask in another way.
    `shape_body` says what a request's body gets beside the rest to ask for an answer of a shape; the library's own way
    works the schema over for every request.
    """

    make_model: Callable[[str], Model]
    client: httpx2.AsyncClient
    fetch_models: Callable[[], Awaitable[frozenset[str]]]
    make_embedder: Callable[[str], EmbeddingModel] | None = None
    draw_with: Callable[[ImageRequest], Awaitable[ImageAnswer]] | None = None
    wire: Wire | None = None
    secrets: tuple[str, ...] = ()
    relearn: Callable[[Failure], bool] = lambda failure: False
    shape_body: Callable[[Model, OutputObjectDefinition], Mapping[str, Any]] | None = None
    _shapes: dict[tuple[str, str], tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    _models: dict[str, Model] = field(default_factory=dict)
    _embedders: dict[str, EmbeddingModel] = field(default_factory=dict)

    async def complete(self, request: TextRequest) -> Completion:
        """Make one completion request."""
        exchange = _Exchange()
        token = _exchange.set(exchange)
        try:
            model = self._models.get(request.model) or self._models.setdefault(
                request.model, self.make_model(request.model)
            )
            structured = _within(model, request)
            settings, parameters = _settings(request), ModelRequestParameters()
            if structured == "native" and self.shape_body is not None:
                settings["extra_body"] = self._shape(model, request)
            else:
                parameters = _parameters(request, structured)
            response = await model_request(
                model,
                [ModelRequest(parts=[UserPromptPart(_prompt(request, structured))])],
                model_settings=settings,
                model_request_parameters=parameters,
            )
        except (AgentRunError, UserError, httpx2.HTTPError, ValueError) as error:
            failure = classify(error, self.secrets)
            if failure.error_class == "unsupported" and self.relearn(failure):
                # The server taught us how it wants to be asked; the same request will do now.
                self._models.pop(request.model, None)
                failure = Failure("transient", failure.message, 0.0, status=failure.status)
            return Completion("", Usage(), failure=failure, window=read_window(exchange.headers))
        finally:
            _exchange.reset(token)
        return _completion(request, response, exchange, _notes(request, structured, exchange))

    def _shape(self, model: Model, request: TextRequest) -> Mapping[str, Any]:
        assert self.shape_body is not None and request.schema is not None
        known = self._shapes.get((request.model, request.output))
        if known is None or known[0] is not request.schema:
            known = request.schema, self.shape_body(model, _native_shape(request))
            self._shapes[request.model, request.output] = known
        return known[1]

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Make one embedding request."""
        if self.make_embedder is None:
            return Embeddings((), Usage(), failure=Failure("unsupported", "this provider makes no embeddings"))
        exchange = _Exchange()
        token = _exchange.set(exchange)
        try:
            model = self._embedders.get(request.model) or self._embedders.setdefault(
                request.model, self.make_embedder(request.model)
            )
            settings = EmbeddingSettings() if request.dimensions is None else {"dimensions": request.dimensions}
            result = await model.embed(list(request.texts), input_type="document", settings=settings)
        except (AgentRunError, UserError, httpx2.HTTPError, ValueError) as error:
            return Embeddings((), Usage(), failure=classify(error, self.secrets), window=read_window(exchange.headers))
        finally:
            _exchange.reset(token)
        told = result.usage.input_tokens
        usage = Usage(told) if told else Usage(sum(map(count_tokens, request.texts)), is_estimated=True)
        return Embeddings(
            tuple(tuple(vector) for vector in result.embeddings),
            usage,
            provider_request_id=result.provider_response_id or exchange.headers.get("x-request-id", ""),
            notes=() if told else ("the provider told no usage: the tokens are an estimate",),
            window=read_window(exchange.headers),
        )

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Make one image request, where the provider draws."""
        if self.draw_with is None:
            return failed(Failure("unsupported", "this adapter makes no images"))
        exchange = _Exchange()
        token = _exchange.set(exchange)
        try:
            async with asyncio.timeout(request.timeout_seconds):
                answer = await self.draw_with(request)
        except TimeoutError:
            answer = failed(Failure("transient", f"no image within {request.timeout_seconds:g} s", is_in_doubt=True))
        except WireError as error:
            answer = failed(error.failure if self.wire is None else self.wire.clean(error.failure))
        except Exception as error:
            # pydantic-ai wraps most errors of the SDKs, the bare SDK none: all of them mean that no image came.
            answer = failed(classify(error, self.secrets))
        finally:
            _exchange.reset(token)
        name = exchange.headers.get("x-request-id") or answer.provider_request_id
        return replace(answer, provider_request_id=name, window=read_window(exchange.headers))

    async def list_models(self) -> frozenset[str] | Failure:
        """Ask which models there are."""
        try:
            return await self.fetch_models()
        except Exception as error:
            # Each SDK raises its own errors here; all of them mean that the provider did not tell.
            return classify(error, self.secrets)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        if self.wire is not None:
            await self.wire.close()


def _within(model: Model, request: TextRequest) -> Structured:
    """Return how the answer's shape is asked for: as wished, or the next way that the model knows."""
    if request.schema is None:
        return "prompt"
    if request.structured == "native" and model.profile.get("supports_json_schema_output", False):
        return "native"
    if request.structured != "prompt" and model.profile.get("supports_tools", True):
        return "tool"
    return "prompt"


def _prompt(request: TextRequest, structured: Structured) -> str:
    if structured != "prompt" or request.schema is None:
        return request.prompt
    schema = json.dumps(request.schema, ensure_ascii=False, separators=(",", ":"))
    return (
        f"{request.prompt}\n\nAnswer with one JSON object, and nothing else, that follows this JSON Schema:\n{schema}"
    )


def _settings(request: TextRequest) -> ModelSettings:
    settings = ModelSettings(
        max_tokens=request.max_tokens, timeout=request.timeout_seconds, request_timeout=request.timeout_seconds
    )
    if request.takes_temperature:
        settings["temperature"] = request.temperature
    return settings


def _native_shape(request: TextRequest) -> OutputObjectDefinition:
    return OutputObjectDefinition(json_schema=dict(request.schema or {}), name=request.output, strict=True)


def _parameters(request: TextRequest, structured: Structured) -> ModelRequestParameters:
    if structured == "native":
        return ModelRequestParameters(output_mode="native", output_object=_native_shape(request))
    if structured == "tool":
        schema = dict(request.schema or {})
        tool = ToolDefinition(
            name=request.output, parameters_json_schema=schema, description="The answer, complete.", kind="output"
        )
        return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
    return ModelRequestParameters()


def _notes(request: TextRequest, structured: Structured, exchange: _Exchange) -> tuple[str, ...]:
    notes = []
    if exchange.requests and not exchange.sent_temperature:
        notes.append(f"temperature {request.temperature:g} was dropped: {request.model} does not take it")
    if request.schema is not None and structured != request.structured:
        notes.append(f"the answer's shape was asked for by {structured}, not {request.structured}")
    return tuple(notes)


def _completion(
    request: TextRequest, response: ModelResponse, exchange: _Exchange, notes: tuple[str, ...]
) -> Completion:
    calls = [part for part in response.parts if isinstance(part, ToolCallPart) and part.tool_name == request.output]
    text = calls[0].args_as_json_str() if calls else response.text or ""
    failure = None
    if response.finish_reason == "content_filter":
        details = response.provider_details or {}
        reason = details.get("refusal") or details.get("block_reason") or "no reason given"
        failure = Failure("refused", f"the content policy of the provider refused it: {reason}")
    elif response.finish_reason == "length":
        failure = Failure("bad_answer", f"the answer was cut off at max_tokens {request.max_tokens}")
    elif not text.strip():
        failure = Failure("bad_answer", "the answer is empty")
    return Completion(
        text,
        read_usage(response.usage),
        provider_request_id=exchange.headers.get("x-request-id")
        or exchange.headers.get("request-id")
        or response.provider_response_id
        or "",
        failure=failure,
        notes=notes,
        window=read_window(exchange.headers),
    )


def read_usage(usage: RequestUsage) -> Usage:
    """Return pydantic-ai's usage in our words: input with all cached tokens, output with all reasoning."""
    details: Mapping[str, Any] = usage.details
    reasoning = usage.output_reasoning_tokens or details.get("reasoning_tokens") or details.get("thoughts_tokens") or 0
    return Usage(
        input_tokens=usage.input_tokens,
        cached_input_tokens=usage.cache_read_tokens,
        output_tokens=usage.output_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        reasoning_tokens=int(reasoning),
    )


def read_image(result: ImageGenerationResult, notes: tuple[str, ...]) -> ImageAnswer:
    """Return pydantic-ai's image in our words."""
    usage, details = result.usage, result.usage.details
    counted, estimated = image_usage(
        usage.input_tokens,
        usage.output_tokens,
        image_input_tokens=int(details.get("input_image_tokens") or details.get("image_prompt_tokens") or 0),
        image_output_tokens=int(details.get("output_image_tokens") or details.get("image_candidates_tokens") or 0),
    )
    content = result.images[0].content
    return ImageAnswer(
        content.data, content.media_type, counted, provider_request_id=result.provider_response_id or "",
        notes=(*notes, *estimated),
    )  # fmt: skip
