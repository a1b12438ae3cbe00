"""Images by OpenAI and by servers that speak like it.

The GPT image models go through pydantic-ai. Everything else is asked as the dall-e models were, through the bare SDK:
other words for quality, a style, and an image that may come as an address.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal, cast

import httpx2
from openai import APIConnectionError, AsyncOpenAI
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.images.openai import OpenAIImageGenerationModel, OpenAIImageGenerationSettings
from pydantic_ai.providers.openai import OpenAIProvider

from reconciler.providers.direct import read_image
from reconciler.providers.drawing import decoded, dropped, image_usage, media_type_of, styled
from reconciler.providers.port import Failure, ImageAnswer, ImageRequest
from reconciler.providers.wire import Wire, WireError

_QUALITY: dict[str, Literal["medium", "high"]] = {"standard": "medium", "hd": "high"}
_DALL_E_STYLES = ("vivid", "natural")
_FORMATS = ("png", "webp", "jpeg")
_BACKGROUNDS = ("transparent", "opaque", "auto")
_PAUSE_SECONDS = 0.5
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)


def make_draw(
    client: AsyncOpenAI, provider: OpenAIProvider, wire: Wire, *, is_openai: bool
) -> Callable[[ImageRequest], Awaitable[ImageAnswer]]:
    """Return the function that makes one image request; `wire` fetches images that come as an address."""

    async def draw(request: ImageRequest) -> ImageAnswer:
        try:
            if speaks_gpt_image(request.model, is_openai=is_openai):
                return await _draw_gpt_image(provider, request)
            return await _draw_as_dall_e(client, wire, request)
        except (APIConnectionError, ModelAPIError) as error:
            causes = list(_causes(error))
            if not any(isinstance(cause, APIConnectionError) for cause in causes):
                raise
            # Until a connection stands nothing has gone out; later nobody knows how far it came.
            never_sent = any(isinstance(cause, _NEVER_SENT) for cause in causes)
            text = f"no answer: {type(causes[-1]).__name__}"
            raise WireError(Failure("transient", text, is_in_doubt=not never_sent, is_unsent=never_sent)) from error

    return draw


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def speaks_gpt_image(model: str, *, is_openai: bool) -> bool:
    """Tell whether a model is asked in the GPT image models' words."""
    if model.startswith("dall-e"):
        return False
    return is_openai or model.startswith(("gpt-image", "chatgpt-image"))


async def _draw_gpt_image(provider: OpenAIProvider, request: ImageRequest) -> ImageAnswer:
    settings, notes = gpt_image_settings(request)
    model = OpenAIImageGenerationModel(request.model, provider=provider)
    return read_image(await model.generate(request.prompt, settings=settings), notes)


def gpt_image_settings(request: ImageRequest) -> tuple[OpenAIImageGenerationSettings, tuple[str, ...]]:
    """Return a request's settings in the words of the GPT image models, and what was not passed on."""
    notes = [styled(request.style, request.model)]
    settings = OpenAIImageGenerationSettings(openai_n=1, openai_size=request.size)
    settings["openai_quality"] = _QUALITY.get(request.quality, "medium")
    wanted: Any = request.output_format
    if wanted in _FORMATS:
        settings["openai_output_format"] = wanted
    ground: Any = request.background
    if ground in _BACKGROUNDS and not (ground == "transparent" and wanted == "jpeg"):
        settings["openai_background"] = ground
    elif ground:
        notes.append(dropped("background", ground, request.model))
    return settings, tuple(notes)


def dall_e_body(request: ImageRequest) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a request in the words of the dall-e models, and what was not passed on.

    What is the default there is left out: many servers refuse a word that they do not know.
    """
    notes = []
    body: dict[str, Any] = {
        "model": request.model, "prompt": request.prompt, "n": 1, "size": request.size, "response_format": "b64_json",
    }  # fmt: skip
    if request.quality == "hd":
        body["quality"] = "hd"
    if request.style in _DALL_E_STYLES:
        body["style"] = request.style
    else:
        notes.append(styled(request.style, request.model))
    notes += [dropped("background", request.background, request.model)] if request.background else []
    return body, tuple(notes)


async def _draw_as_dall_e(client: AsyncOpenAI, wire: Wire, request: ImageRequest) -> ImageAnswer:
    body, notes = dall_e_body(request)
    reply = await cast(Any, client.images).generate(**body)
    image = (reply.data or [None])[0]
    if image is None or not (image.b64_json or image.url):
        raise WireError(Failure("bad_answer", "the reply holds no image", is_in_doubt=True))
    data = decoded(image.b64_json) if image.b64_json else await wire.bring_image(image.url, _PAUSE_SECONDS)
    told = reply.usage
    usage, estimated = image_usage(told.input_tokens if told else 0, told.output_tokens if told else 0)
    return ImageAnswer(data, media_type_of(data), usage, notes=(*notes, *estimated))
