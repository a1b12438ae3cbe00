"""OpenAI, Anthropic, Google over a socket: one request an attempt, every token counted, every failure in its class."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from ai_server import AiServer, Reply, anthropic_message, google_content, openai_chat, serving

from reconciler.errors import UnreachableError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.pipeline.answers import schema_of
from reconciler.providers import find_adapter
from reconciler.providers.headers import read_window
from reconciler.providers.port import EmbeddingRequest, RateWindow, TextRequest

ADAPTERS = {"openai": "/v1", "anthropic": "", "google": ""}
KEY = "sk-canary-8f3a"


@pytest.fixture
def server() -> Iterator[AiServer]:
    with serving() as running:
        yield running


def spec(server: AiServer, adapter: str, **changes) -> ProviderSpec:
    return ProviderSpec(type="ai", adapter=adapter, endpoint=server.url + ADAPTERS[adapter], **changes)


def made(server: AiServer, adapter: str, **changes):
    return find_adapter(adapter).make(spec(server, adapter, **changes), {"api_key": KEY})


def request(**changes) -> TextRequest:
    values = {
        "attempt_id": "a-1", "model": "writer", "function": "generate_content", "output": "article",
        "prompt": "Write about boots.", "max_tokens": 321, "temperature": 0.3, "schema": schema_of("article"),
        "structured": "native", "timeout_seconds": 20,
    }  # fmt: skip
    return TextRequest(**(values | changes))


def complete(server: AiServer, adapter: str, **changes):
    async def go():
        provider = made(server, adapter)
        try:
            return await provider.complete(request(**changes))
        finally:
            await provider.close()

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("adapter", "expected"),
    [("openai", (120, 64, 0, 45, 20)), ("anthropic", (150, 30, 64, 45, 0)), ("google", (120, 64, 0, 45, 20))],
)
def test_the_same_tokens_are_the_same_in_all_three_shapes(server, adapter, expected):
    answer = complete(server, adapter)
    usage = answer.usage
    assert answer.failure is None and answer.text == '{"ok": true}' and answer.provider_request_id
    assert expected == (
        usage.input_tokens, usage.cached_input_tokens, usage.cache_write_tokens, usage.output_tokens,
        usage.reasoning_tokens,
    )  # fmt: skip


def sent(server: AiServer) -> str:
    return json.dumps(server.requests[-1].body)


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("structured", ["native", "tool", "prompt"])
def test_limit_temperature_and_shape_are_always_sent(server, adapter, structured):
    complete(server, adapter, structured=structured)
    (only,) = server.requests
    assert "321" in sent(server) and "0.3" in sent(server)
    assert "meta_description" in sent(server), "the shape is asked for, one way or another"
    words = {
        "native": ("json_schema", "responseJsonSchema", "input_schema"),
        "tool": ("tools",),
        "prompt": ("Schema:",),
    }
    assert any(word in sent(server) for word in words[structured])
    assert KEY in str(only.headers) and KEY not in sent(server)


@pytest.mark.parametrize(
    ("adapter", "status", "body", "headers", "expected"),
    [
        ("openai", 429, {"error": {"message": f"slow, {KEY}", "code": "rate_limit_exceeded"}}, {"retry-after": "3"}, "rate_limited"),
        ("openai", 429, {"error": {"message": "no", "code": "insufficient_quota", "type": "insufficient_quota"}}, {}, "quota"),
        ("openai", 400, {"error": {"message": "no", "code": "context_length_exceeded"}}, {}, "too_long"),
        ("openai", 400, {"error": {"message": "no", "code": "content_policy_violation"}}, {}, "refused"),
        ("openai", 401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}, {}, "auth"),
        ("openai", 403, {"error": {"message": "not for you"}}, {}, "auth"),
        ("openai", 404, {"error": {"message": "no such model", "code": "model_not_found"}}, {}, "unsupported"),
        ("openai", 408, {}, {}, "transient"),
        ("openai", 500, {"error": {"message": "oops"}}, {}, "transient"),
        ("openai", 503, {"error": {"message": "busy"}}, {}, "transient"),
        ("anthropic", 429, {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}, {"retry-after": "3"}, "rate_limited"),
        ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "Your credit balance is too low to access the API"}}, {}, "quota"),
        ("anthropic", 400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long: 250000 tokens > 200000 maximum"}}, {}, "too_long"),
        ("anthropic", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, {}, "transient"),
        ("anthropic", 401, {"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}, {}, "auth"),
        ("google", 429, {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}, {"retry-after": "3"}, "rate_limited"),
        ("google", 403, {"error": {"code": 403, "message": "API key leaked", "status": "PERMISSION_DENIED"}}, {}, "auth"),
        ("google", 503, {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}, {}, "transient"),
    ],
)  # fmt: skip
def test_every_refusal_has_its_class_takes_one_request_and_shows_no_key(
    server, adapter, status, body, headers, expected
):
    server.script = lambda *_: Reply(status, body, headers)
    failure = complete(server, adapter).failure
    assert failure.error_class == expected
    assert failure.retry_after_seconds == (3.0 if headers else None)
    assert (failure.status, failure.is_in_doubt) == (status, False)
    assert KEY not in repr(failure)
    assert len(server.requests) == 1, "the SDK retries nothing by itself"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_connection_that_breaks_leaves_doubt_and_garbage_is_no_answer(server, adapter):
    server.script = lambda *_: Reply(hang_up=True)
    broken = complete(server, adapter).failure
    assert (broken.error_class, broken.is_in_doubt, len(server.requests)) == ("transient", True, 1)
    server.script = lambda *_: Reply(raw=b"{no JSON")
    garbage = complete(server, adapter).failure
    assert (garbage.error_class, garbage.is_in_doubt, len(server.requests)) == ("bad_answer", True, 2)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_nobody_listening_leaves_no_doubt(server, adapter):
    server.close()
    failure = complete(server, adapter).failure
    assert (failure.error_class, failure.is_in_doubt) == ("transient", False)


@pytest.mark.parametrize(
    ("adapter", "cut", "refused"),
    [
        ("openai", openai_chat(choices=[{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": '{"a'}}]),
         openai_chat(choices=[{"index": 0, "finish_reason": "content_filter", "message": {"role": "assistant", "content": ""}}])),
        ("anthropic", anthropic_message('{"a', stop_reason="max_tokens"), anthropic_message("", stop_reason="refusal")),
        ("google", google_content(candidates=[{"content": {"role": "model", "parts": [{"text": '{"a'}]}, "finishReason": "MAX_TOKENS"}]),
         google_content(candidates=[], promptFeedback={"blockReason": "SAFETY"})),
    ],
)  # fmt: skip
def test_an_answer_that_was_cut_off_or_refused_is_said_so_and_still_costs(server, adapter, cut, refused):
    server.script = lambda *_: Reply(body=cut)
    answer = complete(server, adapter)
    assert answer.failure.error_class == "bad_answer" and "max_tokens 321" in answer.failure.message
    assert answer.usage.output_tokens == 45
    server.script = lambda *_: Reply(body=refused)
    assert complete(server, adapter).failure.error_class == "refused"


def test_what_a_model_does_not_take_is_left_out_with_a_note(server):
    answer = complete(server, "openai", takes_temperature=False)
    assert answer.notes == ("temperature 0.3 was dropped: writer does not take it",)
    assert "temperature" not in server.requests[-1].body
    assert complete(server, "openai", model="o3-mini").notes, "pydantic-ai knows of some models itself"


def test_a_tools_arguments_are_the_answer(server):
    call = {"id": "c", "type": "function", "function": {"name": "article", "arguments": '{"title": "T"}'}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    server.script = lambda *_: Reply(
        body=openai_chat(choices=[{"index": 0, "finish_reason": "tool_calls", "message": message}])
    )
    assert json.loads(complete(server, "openai", structured="tool").text) == {"title": "T"}


def test_a_server_that_wants_the_new_name_of_the_limit_is_asked_with_it_the_next_time(server):
    body = {"error": {"message": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."}}
    server.script = lambda asked, _: Reply(400, body) if "max_tokens" in asked.body else None

    async def go():
        provider = made(server, "openai")
        first, second = await provider.complete(request()), await provider.complete(request())
        await provider.close()
        return first, second

    first, second = asyncio.run(go())
    assert (first.failure.error_class, first.failure.retry_after_seconds) == ("transient", 0.0)
    assert second.failure is None and "max_completion_tokens" in server.requests[-1].body


@pytest.mark.parametrize("adapter", ["openai", "google"])
def test_embeddings_come_in_order(server, adapter):
    async def go():
        provider = made(server, adapter)
        made_of = await provider.embed(EmbeddingRequest("e", "embedder", ("a", "bbb")))
        await provider.close()
        return made_of

    answer = asyncio.run(go())
    assert len(answer.vectors) == 2 and answer.failure is None
    # Google does not say, so it is an estimate: a token for each of the two short texts.
    assert (answer.usage.input_tokens, answer.usage.is_estimated) == ((7, False) if adapter == "openai" else (2, True))


def test_a_key_is_needed_and_a_server_of_ones_own_may_do_without(server):
    for adapter in ADAPTERS:
        with pytest.raises(UnreachableError, match="needs an API key"):
            find_adapter(adapter).make(ProviderSpec(type="ai", adapter=adapter), {})
    asyncio.run(find_adapter("openai").make(spec(server, "openai"), {}).complete(request()))
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "6m0s", "x-ratelimit-remaining-tokens": "0",
          "x-ratelimit-reset-tokens": "120ms"}, RateWindow(9, 360.0, 0, 0.12)),
        ({"anthropic-ratelimit-requests-remaining": "1", "anthropic-ratelimit-requests-reset": "2026-11-18T10:31:00Z",
          "date": "Wed, 18 Nov 2026 10:30:00 GMT"}, RateWindow(1, 60.0)),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "soon"}, RateWindow(9)),
        ({"content-type": "application/json"}, None),
    ],
)  # fmt: skip
def test_rate_limit_headers_are_read_alike(headers, expected):
    assert read_window(headers) == expected


def test_validate_plan_and_apply_import_no_sdk(small_world):
    code = (
        "import sys; from cli.main import run; codes = [run(['-C', sys.argv[1], *w.split()]) for w in"
        " ('validate', 'plan', 'apply --yes', 'status')];"
        " print(codes, [m for m in ('pydantic_ai', 'openai', 'anthropic', 'google.genai', 'httpx2', 'opentelemetry',"
        " 'genai_prices') if m in sys.modules])"
    )
    small_world.write(
        {
            "providers.yaml": "apiVersion: igny8/v1\nkind: ProviderCatalog\nproviders:\n  samples: {type: ai, adapter: openai}\n"
        }
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(small_world.root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[0, 0, 0, 0] []"), done.stdout + done.stderr
