"""Images through OpenAI's, Gemini's and dall-e-style endpoints: settings in their words, every token counted."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace
from typing import Any

import pytest
from ai_server import AiServer, Reply, serving
from image_server import png

from reconciler.kinds.models import Model
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.ledger.pricing import cost_of, rates_of
from reconciler.providers import find_adapter
from reconciler.providers.drawing import NOT_COUNTED
from reconciler.providers.port import ImageAnswer, ImageRequest

PICTURE = png()
ENCODED = base64.b64encode(PICTURE).decode()
KEY = "sk-of-the-test"
USAGE = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 50, "image_tokens": 0},
    "output_tokens": 1056,
    "total_tokens": 1106,
}


@pytest.fixture
def server():
    with serving() as server:
        yield server


def draw(server: AiServer, adapter: str = "openai", **changes: Any) -> ImageAnswer:
    found = find_adapter(adapter)
    assert found is not None
    endpoint = f"{server.url}/v1" if adapter == "openai" else server.url
    base = ImageRequest(
        "5c1d6a0e-6a4f-5f0b-9a57-1f7f3c8e1a90", "gpt-image-2", "generate_images", "a boot", "1024x1024", "standard",
        "photorealistic", timeout_seconds=20,
    )  # fmt: skip

    async def go() -> ImageAnswer:
        provider = found.make(ProviderSpec(type="ai", adapter=adapter, endpoint=endpoint), {"api_key": KEY})
        try:
            return await provider.draw(replace(base, **changes))
        finally:
            await provider.close()

    return asyncio.run(go())


def answering(server: AiServer, reply: Reply) -> None:
    server.script = lambda request, number: reply if "images/gen" in request.path or ":gen" in request.path else None


def images(**changes: Any) -> Reply:
    return Reply(body={"created": 1, "data": [{"b64_json": ENCODED}], "usage": USAGE} | changes)


def gemini(**changes: Any) -> Reply:
    part = {"inlineData": {"mimeType": "image/png", "data": ENCODED}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    usage = {
        "promptTokenCount": 8, "candidatesTokenCount": 1120, "totalTokenCount": 1128,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
    }  # fmt: skip
    return Reply(body={"candidates": [candidate], "usageMetadata": usage, "responseId": "r-1"} | changes)


def test_a_gpt_image_is_asked_for_in_its_own_words(server):
    answering(server, images())
    answer = draw(server, quality="hd", output_format="webp", background="transparent")
    assert answer.failure is None and answer.data == PICTURE and answer.media_type == "image/png"
    (request,) = server.requests
    assert request.body == {
        "model": "gpt-image-2", "prompt": "a boot", "n": 1, "size": "1024x1024", "quality": "high",
        "output_format": "webp", "background": "transparent",
    }  # fmt: skip
    assert answer.notes == (
        "image_style photorealistic is asked for by the prompt alone: gpt-image-2 has no such setting",
    )


def test_a_transparent_ground_is_not_asked_of_a_jpeg(server):
    answering(server, images())
    answer = draw(server, output_format="jpeg", background="transparent")
    assert "background" not in server.requests[0].body
    assert answer.notes[-1] == "background transparent was dropped: gpt-image-2 does not take it"


def test_all_output_counts_as_the_image_when_openai_does_not_tell_its_parts(server):
    answering(server, images())
    usage = draw(server).usage
    assert (usage.input_tokens, usage.output_tokens, usage.image_output_tokens, usage.images) == (50, 1056, 1056, 1)
    assert not usage.is_estimated
    parts = {"output_tokens_details": {"text_tokens": 56, "image_tokens": 1000}}
    answering(server, images(usage=USAGE | parts))
    assert draw(server).usage.image_output_tokens == 1000


def test_usage_that_nobody_told_is_an_estimate_at_the_price_of_an_image_and_said_so(server):
    answering(server, images(usage=None))
    answer = draw(server)
    assert answer.usage.is_estimated and answer.usage.images == 1 and answer.notes[-1] == NOT_COUNTED
    model = Model(
        type="image", provider="openai", cost_per_image={"1024x1024/standard": "0.053"}, cost_per_1k_input="0.005",
        cost_per_1k_output="0.03", credits_per_image=8,
    )  # fmt: skip
    rates = rates_of("gpt-image-2", model, size="1024x1024", quality="standard")
    assert cost_of(answer.usage, rates).total_nano == 53_000_000
    answering(server, images())
    told = draw(server).usage
    assert cost_of(told, rates).total_nano == 50 * 5_000 + 1056 * 30_000, "what is told decides"


def test_a_dall_e_style_server_is_asked_in_the_old_words(server):
    answering(server, images(usage=None))
    answer = draw(server, model="sdxl-turbo", quality="hd", style="vivid")
    assert answer.data == PICTURE and answer.notes == (NOT_COUNTED,)
    assert server.requests[0].body == {
        "model": "sdxl-turbo", "prompt": "a boot", "n": 1, "size": "1024x1024", "response_format": "b64_json",
        "quality": "hd", "style": "vivid",
    }  # fmt: skip


def test_an_image_that_comes_as_an_address_is_fetched_without_the_key(server):
    def script(request: Any, number: int) -> Reply | None:
        if request.path == "/store/x.png":
            assert "authorization" not in request.headers
            return Reply(raw=PICTURE, headers={"content-type": "image/png"})
        return Reply(body={"created": 1, "data": [{"url": f"{server.url}/store/x.png"}]})

    server.script = script
    assert draw(server, model="dall-e-3").data == PICTURE


def test_gemini_takes_shapes_and_sizes_and_counts_tokens(server):
    answering(server, gemini())
    answer = draw(server, "google", model="gemini-3.1-flash-image", size="1920x1080", quality="hd")
    assert answer.failure is None and answer.data == PICTURE
    (request,) = server.requests
    assert request.path.endswith("/models/gemini-3.1-flash-image:generateContent")
    config = request.body["generationConfig"]
    assert config["responseModalities"] == ["IMAGE"]
    assert config["imageConfig"] == {"aspectRatio": "16:9", "imageSize": "2K"}
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.image_output_tokens) == (8, 1120, 1120)
    assert answer.notes == (
        "image_style photorealistic is asked for by the prompt alone: gemini-3.1-flash-image has no such setting",
        "image_quality hd was dropped: gemini-3.1-flash-image does not take it",
    )


def test_gemini_without_usage_is_an_estimate(server):
    answering(server, gemini(usageMetadata={}))
    answer = draw(server, "google", model="gemini-3.1-flash-image")
    assert answer.usage.is_estimated and answer.notes[-1] == NOT_COUNTED


def error(status: int, code: str, message: str = "no") -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, "type": "x", "status": code}})


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-3"])
@pytest.mark.parametrize(
    ("reply", "error_class", "in_doubt"),
    [
        (error(429, "rate_limit_exceeded"), "rate_limited", False),
        (error(429, "insufficient_quota", "You exceeded your current quota"), "quota", False),
        (error(401, "invalid_api_key", f"Incorrect API key provided: {KEY}"), "auth", False),
        (error(400, "moderation_blocked", "refused by our safety system"), "refused", False),
        (error(503, "overloaded"), "transient", False),
        (Reply(hang_up=True), "transient", True),
        (Reply(body={"created": 1, "data": []}), "bad_answer", True),
        (Reply(raw=b"<html>"), "bad_answer", True),
    ],
)
def test_what_goes_wrong_at_openai_has_a_class_and_no_key_in_it(server, model, reply, error_class, in_doubt):
    answering(server, reply)
    answer = draw(server, model=model)
    assert answer.failure is not None
    assert (answer.failure.error_class, answer.failure.is_in_doubt) == (error_class, in_doubt)
    assert KEY not in repr(answer)
    assert len(server.requests) == 1, "one attempt is one request"


@pytest.mark.parametrize(
    ("reply", "error_class"),
    [
        (error(429, "RESOURCE_EXHAUSTED"), "rate_limited"),
        (error(403, "PERMISSION_DENIED"), "auth"),
        (gemini(candidates=[{"finishReason": "IMAGE_SAFETY", "index": 0}]), "refused"),
        (gemini(candidates=[{"finishReason": "NO_IMAGE", "index": 0}]), "bad_answer"),
    ],
)
def test_what_goes_wrong_at_gemini_has_a_class(server, reply, error_class):
    answering(server, reply)
    answer = draw(server, "google", model="gemini-3.1-flash-image")
    assert answer.failure is not None and answer.failure.error_class == error_class
    assert len(server.requests) == 1


@pytest.mark.parametrize("model", ["gpt-image-2", "dall-e-3"])
def test_a_closed_port_is_not_in_doubt(model):
    class Nowhere:
        url = "http://127.0.0.1:1"

    failure = draw(Nowhere(), model=model).failure  # type: ignore[arg-type]
    assert failure is not None and (failure.error_class, failure.is_in_doubt) == ("transient", False)
