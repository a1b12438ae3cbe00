"""Runware and Bria as this program drives them, against servers on loopback that speak their protocols."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ai_server import Reply, serving
from image_server import KEY, Bria, Runware, png

from reconciler.errors import UnreachableError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers import find_adapter
from reconciler.providers.port import ImageAnswer, ImageRequest, TextRequest

ATTEMPT = "5c1d6a0e-6a4f-5f0b-9a57-1f7f3c8e1a90"


def make(adapter: str, endpoint: str, key: str = KEY) -> Any:
    found = find_adapter(adapter)
    assert found is not None
    provider: Any = found.make(ProviderSpec(type="ai", adapter=adapter, endpoint=endpoint), {"api_key": key})
    provider.pauses = (0.001,)
    return provider


def draw(adapter: str, endpoint: str, request: ImageRequest, key: str = KEY) -> ImageAnswer:
    async def go() -> ImageAnswer:
        provider = make(adapter, endpoint, key)
        try:
            answer = await provider.draw(request)
            assert isinstance(answer, ImageAnswer)
            return answer
        finally:
            await provider.close()

    return asyncio.run(go())


def wanted(**changes: Any) -> ImageRequest:
    base = ImageRequest(
        ATTEMPT,
        "runware:97@1",
        "generate_images",
        "a boot",
        "1024x1024",
        "standard",
        "illustration",
        timeout_seconds=20,
    )
    return replace(base, **changes)


@pytest.fixture
def server():
    with serving() as server:
        yield server


class TestRunware:
    def test_an_image_costs_what_runware_says_and_carries_our_own_id(self, server):
        runware, tasks = Runware(server, looks_needed=3), []
        answer = draw("runware", server.url, wanted(remember_task=tasks.append))
        assert answer.failure is None and answer.data == runware.image and answer.media_type == "image/png"
        assert (answer.usage.images, answer.reported_cost) == (1, 3_800_000)
        (order,) = runware.orders
        assert order["taskUUID"] == "5c1d6a0e-6a4f-4f0b-9a57-1f7f3c8e1a90", "the attempt's id, as a version 4"
        assert tasks == [order["taskUUID"]] and not answer.was_recovered
        assert (order["width"], order["height"], order["includeCost"]) == (1024, 1024, True)
        assert answer.notes == (
            "image_style illustration is asked for by the prompt alone: runware:97@1 has no such setting",
        )

    def test_what_runware_does_not_take_is_left_out_with_a_note(self, server):
        runware = Runware(server)
        answer = draw("runware", server.url, wanted(quality="hd", size="1000x520", background="transparent"))
        assert answer.notes[1:] == (
            "image_quality hd was dropped: runware:97@1 does not take it",
            "image_size 1000x520 was sent as 1024x512: edges are multiples of 64",
            "background transparent was dropped: runware:97@1 does not take it",
        )
        assert not {"quality", "style", "background"} & set(runware.orders[0])

    def test_a_cost_that_is_not_told_is_left_to_the_catalogue_and_said_so(self, server):
        Runware(server, cost=None)
        answer = draw("runware", server.url, wanted())
        assert answer.reported_cost is None and answer.usage.images == 1
        assert answer.notes[-1] == "runware did not tell the cost: it is reckoned from the catalogue"

    @pytest.mark.parametrize("cost", ["oops", True, -1, "NaN", "1e30", 1e18])
    def test_a_cost_that_is_no_amount_counts_as_not_told(self, server, cost):
        Runware(server, cost=cost)
        assert draw("runware", server.url, wanted()).reported_cost is None

    def test_an_image_within_the_reply_needs_no_fetching(self, server):
        runware = Runware(server)
        runware.inline = True
        assert draw("runware", server.url, wanted()).data == runware.image
        assert runware.images_fetched == 0

    def test_the_order_of_a_worker_that_died_is_brought_and_not_made_again(self, server):
        runware = Runware(server)
        task = draw_and_die(server, runware)
        answer = draw("runware", server.url, wanted(attempt_id=ATTEMPT.replace("5c", "77"), task=task))
        assert answer.data == runware.image and answer.was_recovered
        assert len(runware.orders) == 1

    def test_an_order_that_never_arrived_goes_out_under_the_same_id(self, server):
        runware, tasks = Runware(server), []
        lost = "11111111-1111-4111-8111-111111111111"
        answer = draw("runware", server.url, wanted(task=lost, remember_task=tasks.append))
        assert answer.data and not answer.was_recovered
        assert [order["taskUUID"] for order in runware.orders] == [lost] == tasks

    def test_an_id_that_was_used_before_brings_what_was_made_under_it(self, server):
        runware = Runware(server)
        draw("runware", server.url, wanted())
        answer = draw("runware", server.url, wanted())
        assert answer.data == runware.image and answer.was_recovered
        assert len(runware.orders) == 1, "nothing was ordered twice"

    def test_an_unanswered_order_is_in_doubt_and_found_again(self, server):
        runware, tasks = Runware(server), []
        runware.faults[0] = lambda: Reply(hang_up=True)
        answer = draw("runware", server.url, wanted(remember_task=tasks.append))
        assert answer.failure is not None and answer.failure.is_in_doubt and answer.failure.error_class == "transient"
        again = draw("runware", server.url, wanted(task=tasks[0]))
        assert again.was_recovered and len(runware.orders) == 1

    def test_an_image_that_does_not_come_in_time_is_in_doubt(self, server):
        Runware(server, looks_needed=10**9)
        failure = draw("runware", server.url, wanted(timeout_seconds=0.3)).failure
        assert failure is not None and failure.is_in_doubt and failure.message == "no image within 0.3 s"

    @pytest.mark.parametrize(
        ("status", "code", "message", "error_class"),
        [
            (401, "invalidApiKey", "Invalid API key", "auth"),
            (402, "insufficientCredits", "no balance left", "quota"),
            (400, "invalidPositivePrompt", "content moderation refused this prompt", "refused"),
            (400, "unsupportedModel", "this model does not exist", "unsupported"),
            (429, "rateLimitExceeded", "slow down", "rate_limited"),
            (503, "providerUnavailable", "later", "transient"),
            (500, "internalServerError", "oops", "transient"),
        ],
    )
    def test_a_refused_order_has_a_class_and_is_not_in_doubt(self, server, status, code, message, error_class):
        runware = Runware(server)
        error = {"code": code, "message": message, "taskType": "imageInference"}
        runware.faults[0] = Reply(status, {"errors": [error]}, {"retry-after": "7"})
        failure = draw("runware", server.url, wanted()).failure
        assert failure is not None
        assert (failure.error_class, failure.status, failure.is_in_doubt) == (error_class, status, False)
        assert message in failure.message and failure.retry_after_seconds == 7
        assert len(server.requests) == 1, "one attempt is one order"

    def test_an_error_beside_somebody_elses_result_is_ours_alone(self, server):
        runware = Runware(server)
        other = {"taskType": "imageInference", "taskUUID": "else", "imageURL": "http://127.0.0.1/x.png"}
        error = {"code": "providerTimeout", "message": "late", "taskUUID": "5c1d6a0e-6a4f-4f0b-9a57-1f7f3c8e1a90"}
        runware.faults[0] = Reply(200, {"data": [other], "errors": [error]})
        failure = draw("runware", server.url, wanted()).failure
        assert failure is not None and failure.error_class == "transient"

    @pytest.mark.parametrize("raw", [b"<html>Bad gateway</html>", b'{"data": [', b"[]" * 1])
    def test_a_reply_that_cannot_be_read_leaves_the_order_in_doubt(self, server, raw):
        runware = Runware(server, looks_needed=10**9)
        runware.faults |= {number: Reply(raw=raw) for number in range(50)}
        failure = draw("runware", server.url, wanted()).failure
        assert failure is not None and failure.is_in_doubt

    def test_it_writes_no_text(self, server):
        request = TextRequest(ATTEMPT, "m", "f", "o", "p", 10, 0.5)
        answer = asyncio.run(make("runware", server.url).complete(request))
        assert answer.failure.error_class == "unsupported"


def draw_and_die(server: Any, runware: Runware) -> str:
    """Order an image and lose every reply."""
    tasks: list[str] = []
    runware.faults |= {number: (lambda: Reply(hang_up=True)) for number in range(3)}
    draw("runware", server.url, wanted(remember_task=tasks.append))
    runware.faults.clear()
    return tasks[0]


class TestBria:
    def test_an_order_is_remembered_by_the_place_to_ask_at(self, server):
        bria, tasks = Bria(server, looks_needed=3), []
        answer = draw("bria", server.url, wanted(model="fibo", remember_task=tasks.append))
        assert answer.data == bria.image and answer.usage.images == 1 and answer.reported_cost is None
        assert tasks == [f"{server.url}/v2/status/order-0"] and answer.provider_request_id == "order-0"
        assert bria.orders == [
            {"prompt": "a boot", "aspect_ratio": "1:1", "resolution": "1MP", "output_type": "png", "sync": False}
        ]

    def test_the_order_of_a_worker_that_died_is_brought_and_not_made_again(self, server):
        bria, tasks = Bria(server), []
        bria.faults[1] = Reply(500, {})
        draw("bria", server.url, wanted(model="fibo", remember_task=tasks.append, timeout_seconds=0.2))
        answer = draw("bria", server.url, wanted(model="fibo", task=tasks[0]))
        assert answer.was_recovered and answer.data == bria.image and len(bria.orders) == 1

    def test_an_order_that_bria_forgot_is_made_anew(self, server):
        bria = Bria(server)
        answer = draw("bria", server.url, wanted(model="fibo", task=f"{server.url}/v2/status/gone"))
        assert not answer.was_recovered and answer.data and len(bria.orders) == 1

    def test_an_order_without_an_answer_is_in_doubt_and_not_repeated(self, server):
        bria, tasks = Bria(server), []
        bria.faults[0] = lambda: Reply(hang_up=True)
        failure = draw("bria", server.url, wanted(model="fibo", remember_task=tasks.append)).failure
        assert failure is not None and failure.is_in_doubt
        assert len(bria.orders) == 1 and tasks == []

    @pytest.mark.parametrize("trouble", [Reply(429, {}, {"retry-after": "0"}), Reply(503, {}), Reply(raw=b"<html>")])
    def test_a_question_that_fails_is_asked_again_and_nothing_ordered(self, server, trouble):
        bria = Bria(server)
        bria.faults |= {1: trouble, 2: trouble}
        assert draw("bria", server.url, wanted(model="fibo")).data == bria.image
        assert len(bria.orders) == 1

    def test_the_key_goes_to_the_endpoint_alone_whatever_the_reply_says(self, server):
        bria, tasks = Bria(server), []
        bria.status_host = "https://elsewhere.example"
        answer = draw("bria", server.url, wanted(model="fibo", remember_task=tasks.append))
        assert answer.data and tasks == [f"{server.url}/v2/status/order-0"]

    @pytest.mark.parametrize(
        ("final", "error_class"),
        [
            ({"status": "ERROR", "error": {"code": 422, "message": "content moderation"}}, "refused"),
            ({"status": "ERROR", "error": {"code": 500, "message": "worker lost"}}, "transient"),
            ({"status": "UNKNOWN"}, "transient"),
            ({"status": "COMPLETED", "result": {}}, "bad_answer"),
        ],
    )
    def test_an_order_that_failed_says_why(self, server, final, error_class):
        Bria(server).final = final
        failure = draw("bria", server.url, wanted(model="fibo")).failure
        assert failure is not None and failure.error_class == error_class

    def test_settings_become_what_each_generation_of_models_takes(self, server):
        bria = Bria(server)
        draw("bria", server.url, wanted(model="fibo", quality="hd", size="1536x1024"))
        answer = draw("bria", server.url, wanted(model="bria-2.3-fast", quality="hd"))
        assert (bria.orders[0]["resolution"], bria.orders[0]["aspect_ratio"]) == ("4MP", "3:2")
        assert bria.orders[1]["path"] == "/v1/text-to-image/fast/2.3" and bria.orders[1]["medium"] == "art"
        assert answer.notes == ("image_quality hd was dropped: bria-2.3-fast does not take it",)


ORDERS: tuple[tuple[str, Callable[..., Any], str], ...] = (("runware", Runware, "runware:97@1"), ("bria", Bria, "fibo"))


@pytest.mark.parametrize(("adapter", "kind", "model"), ORDERS)
class TestBoth:
    def test_the_key_is_in_no_message(self, server, adapter, kind, model):
        kind(server)
        answer = draw(adapter, server.url, wanted(model=model), key="sk-very-secret")
        assert answer.failure is not None and answer.failure.error_class == "auth"
        assert "sk-very-secret" not in repr(answer)

    def test_a_check_tells_a_good_key_from_a_bad_one_and_orders_nothing(self, server, adapter, kind, model):
        store = kind(server)
        good, bad = (asyncio.run(make(adapter, server.url, key).list_models()) for key in (KEY, "another"))
        assert (good.error_class, bad.error_class) == ("unsupported", "auth")
        assert "takes the key" in good.message and store.orders == []

    def test_no_key_is_said_before_anything_begins(self, server, adapter, kind, model):
        with pytest.raises(UnreachableError, match="needs an API key"):
            make(adapter, server.url, key="")

    def test_a_closed_port_is_transient_and_not_in_doubt(self, adapter, kind, model, server):
        failure = draw(adapter, "http://127.0.0.1:1", wanted(model=model)).failure
        assert failure is not None and (failure.error_class, failure.is_in_doubt) == ("transient", False)

    def test_a_redirect_leads_to_the_image(self, server, adapter, kind, model):
        store = kind(server)
        number = 2 if adapter == "runware" else 3
        store.faults[number] = Reply(302, {}, {"location": "/images/moved.png"})
        assert draw(adapter, server.url, wanted(model=model)).data == store.image

    @pytest.mark.parametrize(
        ("reply", "message"),
        [
            (Reply(302, {}, {"location": "/images/round.png"}), "redirects more than 3 times"),
            (Reply(302, {}, {"location": "file:///etc/passwd"}), "is no https address"),
            (Reply(302, {}, {"location": "http://images.example/x.png"}), "is no https address"),
            (Reply(raw=b"<html>gone</html>", headers={"content-type": "text/html; charset=utf-8"}), "text/html"),
            (Reply(404, {}), "HTTP 404"),
        ],
    )
    def test_what_is_no_image_is_told_by_its_address(self, server, adapter, kind, model, reply, message):
        store = kind(server)
        store.image_reply = reply
        answer = draw(adapter, server.url, wanted(model=model))
        assert answer.failure is not None and message in answer.failure.message
        assert answer.data == b"" and len(store.orders) == 1

    def test_an_image_that_is_too_large_is_not_taken_into_memory(self, server, adapter, kind, model, monkeypatch):
        monkeypatch.setattr("reconciler.providers.wire.IMAGE_BYTES_MAX", 1000)
        kind(server, image=png(400, 400) + b"\0" * 2000)
        failure = draw(adapter, server.url, wanted(model=model)).failure
        assert failure is not None and "larger than" in failure.message


def test_a_provider_outside_cannot_point_into_our_network():
    from reconciler.providers.wire import Wire, WireError

    wire = Wire("https://api.example", {}, (), 5)
    for url in ("http://169.254.169.254/meta", "https://10.0.0.8/x.png", "https://localhost/x", "https://[::1]/x"):
        with pytest.raises(WireError, match="inside our network"):
            asyncio.run(wire.fetch_image(url))


def test_the_adapters_load_no_http_library_until_they_are_made():
    import subprocess
    import sys

    code = inspect.cleandoc("""
        import sys
        import reconciler.providers
        loaded = {"httpx2", "httpx", "PIL", "openai", "google.genai", "pydantic_ai"} & set(sys.modules)
        sys.exit(f"loaded: {loaded}" if loaded else 0)
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
