"""Providers that answer badly, over a socket: asked once more, then set aside; cost kept, nothing charged, the run goes on."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from ai_server import Reply, openai_chat, serving
from builder import World, edited, write_root
from model_server import GERMAN, PARAGRAPH, ModelServer, article, root

from reconciler.store.ledger import find_breaks

HTML_PAGE = Reply(raw=b"<!doctype html><title>502</title><h1>Bad gateway</h1>", headers={"content-type": "text/html"})
CUT = json.dumps(article("A long title"))[:200]
CASES = {
    "nonsense": ("I would rather not.", "bad_answer", "computed", "no JSON object; it begins with “I would rather not.”"),
    "truncated JSON": (CUT, "bad_answer", "computed", "the answer is no JSON"),
    "cut off at the limit": (
        Reply(body=openai_chat(CUT, choices=[{"index": 0, "finish_reason": "length",
              "message": {"role": "assistant", "content": CUT}}])), "bad_answer", "computed", "cut off at max_tokens",
    ),
    "empty": ("", "bad_answer", "computed", "the answer is empty"),
    "another shape": ('{"title": "", "html": "<p>"}', "bad_answer", "computed", "markdown: Field required"),
    "another language": (
        json.dumps(article("How to find boots", markdown=GERMAN * 9)), "bad_answer", "computed", "words are those of de",
    ),
    "too short": (json.dumps(article("A", markdown="Buy boots.")), "bad_answer", "computed", "2 words; 800 to 1600"),
    "raw Markdown": (
        json.dumps(article("A", markdown=f"{PARAGRAPH * 9}\n\n##Broken\n\nx** y")), "bad_answer", "computed", "##, **",
    ),
    "ten megabytes": (
        json.dumps(article("A", markdown="word " * 2_100_000)), "bad_answer", "computed", "far more than was asked for",
    ),
    "a page of HTML": (HTML_PAGE, "bad_answer", "estimated", "cannot be read"),
    "an error inside a 200": (
        Reply(body={"error": {"message": "the model is overloaded"}}), "bad_answer", "estimated", "cannot be read",
    ),
}  # fmt: skip


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with serving() as server:
        yield ModelServer(server)


@pytest.fixture
def calling(world: World, model: ModelServer) -> World:
    """The builder's root on both databases, its models called at the server."""
    world.write(root(model.server))
    world.apply()
    return world


@pytest.fixture
def calling_small(small_world: World, model: ModelServer) -> World:
    small_world.write(root(model.server))
    small_world.apply()
    return small_world


def attempts(world: World, stage: str = "content") -> list[tuple]:
    return world.rows(
        "SELECT status, error_class, cost_basis, error, cost_nano > 0 FROM attempt "
        f"WHERE stage = '{stage}' ORDER BY started_at, CAST(item_ids AS TEXT), number"
    )


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
    assert world.rows("SELECT count(*) FROM usage") == world.rows(
        "SELECT count(*) FROM attempt WHERE status = 'success'"
    )
    tables = ("attempt", "hold", "hold_resolution")
    assert len({world.rows(f"SELECT count(*) FROM {table}")[0] for table in tables}) == 1


@pytest.mark.parametrize("name", CASES)
def test_a_bad_answer_is_asked_for_once_more_and_the_second_one_is_taken(calling_small, model, name):
    fault, error_class, basis, reason = CASES[name]
    model.faults["article", 0] = fault
    assert calling_small.run().failed == 0
    first, second, *others = attempts(calling_small)
    assert (first[0], first[1], first[2], first[4]) == ("error", error_class, basis, 1)
    assert reason in first[3]
    assert second[0] == "success" and {row[0] for row in others} == {"success"}
    asked = [prompt for output, prompt in model.prompts if output == "article"]
    assert reason in asked[1] and asked[1].startswith(asked[0].rstrip()), "the second request says what was wrong"
    assert len(asked[1]) < len(asked[0]) + 14_000, "however long the answer was"
    assert calling_small.rows("SELECT DISTINCT attempts FROM task") == [(0,)]
    assert calling_small.rows("SELECT count(*) FROM usage WHERE stage = 'content'") == [(2,)], "one charge an article"
    assert_books_are_right(calling_small)


@pytest.mark.parametrize("output", ["article", "image"])
@pytest.mark.parametrize("fault", ["cut before it worked", "cut after it worked", "no answer in time"])
def test_a_call_whose_answer_is_lost_on_the_way_costs_its_estimate_and_is_made_again(
    calling_small, model, output, fault
):
    """Nobody knows whether the provider worked: we count it, the account is charged for the second call alone."""
    over = threading.Event()
    stage = {"article": "content", "image": "images"}[output]
    asked: list[str] = []

    def lose(request):
        is_image = request.path.endswith("/images/generations")
        is_wanted = is_image if output == "image" else '"name": "article"' in json.dumps(request.body)
        if asked or not is_wanted:
            return model._answer(request)
        asked.append(request.path)
        if fault == "no answer in time":
            over.wait(30)
        return replace(model._answer(request), cut_after=100) if fault == "cut after it worked" else Reply(hang_up=True)

    model.server.script = lambda request, _: lose(request)
    if fault == "no answer in time":
        provider = (calling_small.root / "providers.yaml").read_text()
        calling_small.write(
            {"providers.yaml": provider.replace("attempts_max: 2", "attempts_max: 2, timeout_seconds: 1")}
        )
        calling_small.apply()
    try:
        assert calling_small.run().failed == 0
    finally:
        over.set()
    first, *others = calling_small.rows(
        f"SELECT status, error_class, cost_basis, phase, cost_nano = estimated_cost_nano, cost_nano > 0, item_ids FROM attempt"
        f" WHERE stage = '{stage}' ORDER BY CASE status WHEN 'error' THEN 0 ELSE 1 END, started_at"
    )
    assert first[:6] == ("error", "transient", "estimated", "CALL", 1, 1)
    assert {row[0] for row in others} == {"success"} and first[6] in {row[6] for row in others}
    assert set(calling_small.counts("content")) == {"scheduled"}
    assert_books_are_right(calling_small)


def test_a_provider_that_nobody_answers_at_costs_nothing_and_blames_no_item_for_long(calling_small, model):
    """No connection stands, so nothing was sent: no cost, no charge, and later the same items are done."""
    provider = (calling_small.root / "providers.yaml").read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
    calling_small.write({"providers.yaml": provider.replace(f"{model.server.url}/v1", closed)})
    calling_small.apply()
    calling_small.run()
    ends = set(calling_small.rows("SELECT status, error_class, cost_basis, phase, cost_nano FROM attempt"))
    assert ends == {("error", "transient", "zero", "INIT", 0)}
    assert calling_small.rows("SELECT spent FROM credit_account") == [(0,)]
    calling_small.write({"providers.yaml": provider})
    calling_small.apply()
    later = calling_small.at(calling_small.clock.now() + timedelta(hours=1))
    assert later.run().failed == 0
    assert set(calling_small.counts("content")) == {"scheduled"}
    assert_books_are_right(calling_small)


def test_an_item_that_is_answered_badly_again_and_again_is_set_aside_and_the_run_goes_on(calling, model):
    def first_task_only(request):
        sent = json.dumps(request.body)
        if '"name": "article"' in sent and "best hiking boots" in sent:
            return Reply(body=openai_chat("no"))
        return model._answer(request)

    model.server.script = lambda request, _: first_task_only(request)
    failed = [calling.run().failed for _ in range(4)]
    assert failed == [1, 1, 1, 0], "it fails three runs and is not taken in the fourth"
    assert calling.rows("SELECT state, attempts FROM task ORDER BY id") == [("pending", 3), ("completed", 0)]
    ((error, is_aside),) = calling.rows("SELECT error, set_aside_at IS NOT NULL FROM task WHERE state = 'pending'")
    assert is_aside and "it begins with “no”" in error
    assert len(attempts(calling)) == 3 * 2 + 1, "two attempts a try, one of them the repair"
    assert calling.counts("content") == {"scheduled": 1}
    assert calling.rows("SELECT count(*) FROM usage WHERE stage = 'content'") == [(1,)], (
        "nothing is charged for nothing"
    )
    assert calling.rows("SELECT sum(cost_nano) > 0 FROM attempt WHERE status = 'error'") == [(True,)], (
        "we paid all the same"
    )
    assert_books_are_right(calling)


def test_a_repair_that_the_credits_do_not_cover_fails_the_item_and_says_both(tmp_path, sqlite, model):
    """The first call fits the stage's budget of 4 credits; with the bad answer in it the second one does not."""
    stages = "\nstages: {content: {budget_pct: 1}}\n"
    world = World(write_root(tmp_path / "root", root(model.server) | edited(
        "sites/blog.yaml", ("automation:", f"{stages.strip()}\nautomation:"))
        | edited("accounts/acme.yaml", ("credits: 1000", "credits: 400"))
    ), sqlite)  # fmt: skip
    world.apply()
    long = "rather not " * 1000
    model.faults |= {("article", number): long for number in range(9)}
    world.run()
    (error,) = world.rows("SELECT error FROM task ORDER BY id")[0]
    assert "it begins with “rather not" in error and "was not asked again: Insufficient credits" in error
    assert_books_are_right(world)


USAGES = {
    "missing": None,
    "zero": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    "negative": {"prompt_tokens": -5, "completion_tokens": 40, "total_tokens": 35},
    "beyond any model": {"prompt_tokens": 10**18, "completion_tokens": 10**18, "total_tokens": 2 * 10**18},
    "more cached than sent": {
        "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20, "prompt_tokens_details": {"cached_tokens": 900},
    },
}  # fmt: skip


@pytest.mark.parametrize("name", USAGES)
def test_usage_that_is_missing_or_cannot_be_true_is_estimated_and_said(calling_small, model, name):
    body = openai_chat(json.dumps(article("How to find best hiking boots")), usage=USAGES[name])
    if USAGES[name] is None:
        del body["usage"]
    model.faults["article", 0] = Reply(body=body)
    assert calling_small.run().failed == 0
    basis, notes, credits = calling_small.rows(
        "SELECT a.cost_basis, a.notes, u.credits FROM attempt a JOIN usage u ON u.attempt_id = a.id "
        "WHERE a.stage = 'content' ORDER BY a.started_at, CAST(a.item_ids AS TEXT) LIMIT 1"
    )[0]
    assert basis == "estimated" and "the tokens are an estimate" in notes
    assert 1 <= credits <= 3, "what was sent and answered, counted here"
    assert len(calling_small.rows("SELECT text FROM notification WHERE event = 'usage_missing'")) == 1
    assert_books_are_right(calling_small)


IMAGES = {
    "no base64": ({"b64_json": "%%%"}, "computed"),
    "no image": ({"b64_json": base64.b64encode(b"GIF89a, or so it says").decode()}, "computed"),
    "a page of HTML": ({"b64_json": base64.b64encode(b"<!doctype html>" * 40).decode()}, "computed"),
    "nothing": ({}, "estimated"),
}


@pytest.mark.parametrize("name", IMAGES)
def test_bytes_that_are_no_image_are_paid_for_by_us_and_not_charged(calling_small, model, name):
    data, basis = IMAGES[name]
    model.faults["image", 0] = Reply(body={"created": 1, "data": [data]})
    assert calling_small.run().failed == 1
    first, *others = attempts(calling_small, "images")
    assert first[:3] == ("error", "bad_answer", basis) and first[4] == 1
    assert {row[0] for row in others} == {"success"}, "the other images were made"
    assert calling_small.run().failed == 0, "and this one in the next run"
    assert set(calling_small.counts("content")) == {"scheduled"}
    images, credits = calling_small.rows("SELECT count(*), sum(credits) FROM usage WHERE stage = 'images'")[0]
    assert images == credits == len(calling_small.rows("SELECT id FROM image"))
    assert_books_are_right(calling_small)


def test_a_worker_killed_while_it_asks_once_more_loses_the_call_and_the_item_goes_again(calling_small, model):
    """The repair's attempt is lost at its estimate; the next worker begins with the question, not with the repair."""
    model.faults["article", 0] = "rather not"
    real = model._answer

    def die(request):
        if "## Once more" in json.dumps(request.body):
            raise_in_worker.append(1)
            model.server.script = lambda request, _: real(request)
            calling_small.clock.advance(minutes=30)
            with calling_small.database.write() as connection:
                connection.exec_driver_sql("UPDATE run SET fence = fence + 1, state = 'interrupted', owner = ''")
                # Another worker had taken the unit over, and was stopped in its turn.
                connection.exec_driver_sql("UPDATE claim SET fence = fence + 1, owner = '', attempt_id = NULL")
        return real(request)

    raise_in_worker: list[int] = []
    model.server.script = lambda request, _: die(request)
    assert [item.is_locked for item in calling_small.run().skipped] == [True]
    assert raise_in_worker
    assert calling_small.run().failed == 0
    statuses = [row[:3] for row in attempts(calling_small)]
    assert statuses.count(("lost", "", "estimated")) == 1 and statuses.count(("success", "", "computed")) == 2
    assert_books_are_right(calling_small)
