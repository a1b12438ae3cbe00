"""The port that every AI provider fills: one attempt is one request, and every outcome is a value.

A request says what is wanted in our words; the adapter turns it into the provider's. `inputs` are the structured
values that the prompt was rendered from: adapters that call a model ignore them, the offline adapter works from them.
What a provider does wrong is a Failure with a class; whether to try again is decided above, from the class alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from reconciler.money import NanoUsd
from reconciler.usage import Usage

ErrorClass = Literal[
    "rate_limited",  # too many requests or tokens just now: the same request will do later
    "quota",  # no credit, or a quota that waiting does not bring back
    "transient",  # 408, 5xx, overload, no connection, no answer in time
    "auth",  # 401, 403: the key is wrong, or may not do this
    "refused",  # the content policy refused this prompt or its answer
    "too_long",  # the prompt and the answer do not fit into the model's context
    "bad_answer",  # an answer that cannot be read
    "unsupported",  # the provider does not know the model, or the adapter cannot do this
]
Structured = Literal["native", "tool", "prompt"]


def forget_task(_task: str) -> None:
    """Store nothing: where nobody would look a task up again."""


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One completion. The answer is asked for as a JSON object of the named output shape.

    `schema` is the shape's JSON Schema and `structured` how the model is held to it: by the provider, by a tool's
    arguments, or by words in the prompt alone. Without an answer after `timeout_seconds` the attempt has failed.
    """

    attempt_id: str
    model: str
    function: str
    output: str
    prompt: str
    max_tokens: int
    temperature: float
    inputs: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    structured: Structured = "prompt"
    takes_temperature: bool = True
    timeout_seconds: float = 120


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One image. `size` is WIDTHxHEIGHT in pixels.

    A provider that works on a task in the background gets it remembered by `remember_task`, called with the task's
    own name as soon as it is known (before the request goes out, where we name it). After a crash the next attempt
    brings it as `task`: the adapter then fetches what became of it, and orders nothing anew unless it is unknown.
    """

    attempt_id: str
    model: str
    function: str
    prompt: str
    size: str
    quality: str
    style: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    timeout_seconds: float = 120
    task: str = ""
    remember_task: Callable[[str], None] = forget_task
    output_format: str = ""
    background: str = ""


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Vectors for texts, one each, in order."""

    attempt_id: str
    model: str
    texts: Sequence[str]
    dimensions: int | None = None
    timeout_seconds: float = 120


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought nothing.

    `retry_after_seconds` is the provider's own word, if any. `is_in_doubt`: the request went out and nobody knows what
    became of it, so it may be billed. `is_unsent`: nothing has left this machine, for sure. `status` is the HTTP status,
    None when there was none.
    """

    error_class: ErrorClass
    message: str
    retry_after_seconds: float | None = None
    is_in_doubt: bool = False
    status: int | None = None
    is_unsent: bool = False


@dataclass(frozen=True, slots=True)
class RateWindow:
    """What the provider's headers say is left of its own limits, and in how many seconds each is whole again."""

    requests_left: int | None = None
    requests_reset_seconds: float | None = None
    tokens_left: int | None = None
    tokens_reset_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The raw answer to a TextRequest. `simulated` marks what no model has written, `notes` what was not passed on."""

    text: str
    usage: Usage
    reported_cost: NanoUsd | None = None
    provider_request_id: str = ""
    simulated: bool = False
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    window: RateWindow | None = None


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The raw answer to an ImageRequest: encoded image bytes and their media type.

    `was_recovered` says that the request's `task` brought them, and nothing was ordered anew.
    """

    data: bytes
    media_type: str
    usage: Usage
    reported_cost: NanoUsd | None = None
    provider_request_id: str = ""
    simulated: bool = False
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    window: RateWindow | None = None
    was_recovered: bool = False


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The raw answer to an EmbeddingRequest: a vector a text, in order."""

    vectors: tuple[tuple[float, ...], ...]
    usage: Usage
    provider_request_id: str = ""
    simulated: bool = False
    failure: Failure | None = None
    notes: tuple[str, ...] = ()
    window: RateWindow | None = None


class Provider(Protocol):
    """An AI provider behind one account. It never raises for what a provider can do wrong: that is a Failure."""

    async def complete(self, request: TextRequest) -> Completion:
        """Make exactly one completion request."""
        ...

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Make exactly one image request; polling for what it brought belongs to it."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """A provider that makes embeddings, too."""

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        """Make exactly one embedding request."""
        ...


@runtime_checkable
class ModelLister(Protocol):
    """A provider that tells which models the account may use: free of charge, and proof of reach and key."""

    async def list_models(self) -> frozenset[str] | Failure:
        """Return the provider's names of its models."""
        ...
