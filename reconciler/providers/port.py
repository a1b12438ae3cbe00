"""The port that every AI provider fills: one attempt is one request, and every outcome is a value.

A request says what is wanted in our words; the adapter turns it into the provider's. `inputs` are the structured
values that the prompt was rendered from: adapters that call a model ignore them, the offline adapter works from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from reconciler.money import NanoUsd
from reconciler.usage import Usage

ErrorClass = Literal["rate_limited", "quota", "transient", "auth", "refused", "too_long", "bad_answer", "unsupported"]


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One completion. The answer is asked for as a JSON object of the named output shape."""

    attempt_id: str
    model: str
    function: str
    output: str
    prompt: str
    max_tokens: int
    temperature: float
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One image. `size` is WIDTHxHEIGHT in pixels."""

    attempt_id: str
    model: str
    function: str
    prompt: str
    size: str
    quality: str
    style: str
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt brought nothing; `retry_after_seconds` is the provider's own word, if any."""

    error_class: ErrorClass
    message: str
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The raw answer to a TextRequest. `simulated` marks what no model has written."""

    text: str
    usage: Usage
    reported_cost: NanoUsd | None = None
    provider_request_id: str = ""
    simulated: bool = False
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ImageAnswer:
    """The raw answer to an ImageRequest: encoded image bytes and their media type."""

    data: bytes
    media_type: str
    usage: Usage
    reported_cost: NanoUsd | None = None
    provider_request_id: str = ""
    simulated: bool = False
    failure: Failure | None = None


class Provider(Protocol):
    """An AI provider behind one account. It never raises for what a provider can do wrong: that is a Failure."""

    async def complete(self, request: TextRequest) -> Completion:
        """Make exactly one completion request."""
        ...

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Make exactly one image request."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
