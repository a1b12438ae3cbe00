"""Runs against providers that fail: what is tried again, what is not, who answers instead, and what the books say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from builder import FILES, ScriptedProvider, World, edited, write_root

from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.telemetry import OtelTraces
from reconciler.providers.offline import make
from reconciler.providers.port import Completion, Failure, ImageAnswer, RateWindow
from reconciler.store import claims
from reconciler.store.ledger import Origin, expire_holds, find_breaks
from reconciler.store.runs import lose_attempts
from reconciler.usage import Usage

FALLBACK = edited("models.yaml", ("    tokens_per_credit: 1000\n    default: true", """    tokens_per_credit: 1000
    default: true
    fallbacks: [understudy]
  understudy:
    type: text
    provider: others
    cost_per_1k_input: "0.002"
    cost_per_1k_output: "0.02"
    tokens_per_credit: 500""")) | {"providers.yaml": FILES["providers.yaml"] + "  others: {type: ai, adapter: offline}\n"}  # fmt: skip


def scripted(world: World, script) -> ScriptedProvider:
    provider = ScriptedProvider(make(ProviderSpec(type="ai", adapter="offline"), {}), script)
    world.provider = provider
    return provider


def failing(*failures: Failure | None, function: str = "auto_cluster"):
    """Return a script that fails the first requests of a function as given."""
    left = list(failures)

    def script(request, _):
        if request.function != function or not left:
            return None
        failure = left.pop(0)
        return failure and Completion("", Usage(), failure=failure)

    return script


def attempts(world: World, stage: str = "clusters") -> list[tuple]:
    return world.rows(
        f"SELECT number, model, status, error_class, cost_basis FROM attempt WHERE stage = '{stage}' ORDER BY number"
    )


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
    holds, resolutions, tries = (
        world.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("hold", "hold_resolution", "attempt")
    )
    assert holds == resolutions == tries, "each attempt has one hold and each hold one end"


def test_an_attempt_is_made_again_when_the_provider_said_and_charged_once(world):
    provider = scripted(world, failing(Failure("rate_limited", "slow", 7.0), Failure("transient", "HTTP 503")))
    world.apply()
    report = world.run()
    assert report.failed == 0
    assert [row[:4] for row in attempts(world)] == [
        (1, "writer", "error", "rate_limited"), (2, "writer", "error", "transient"), (3, "writer", "success", ""),
    ]  # fmt: skip
    ids = [request.attempt_id for request in provider.requests]
    assert len(set(ids)) == len(ids), "each attempt has an id of its own"
    assert any(7.0 <= seconds <= 8.0 for seconds in world.clock.slept_seconds)
    assert world.rows("SELECT count(*) FROM usage WHERE stage = 'clusters'") == [(1,)]
    assert world.rows("SELECT DISTINCT attempts FROM keyword") == [(0,)], "the items have no part in it"
    assert_books_are_right(world)


def test_no_more_attempts_than_allowed_then_the_items_fail(small_world):
    small_world.write(edited("providers.yaml", ("adapter: offline", "adapter: offline, limits: {attempts_max: 2}")))
    scripted(small_world, failing(*[Failure("transient", "HTTP 500")] * 9))
    small_world.apply()
    assert small_world.run().failed == 6
    assert len(attempts(small_world)) == 2
    assert_books_are_right(small_world)


def test_a_wrong_key_stops_the_provider_with_one_message_and_no_item_is_to_blame(small_world):
    provider = scripted(
        small_world, lambda *_: Completion("", Usage(), failure=Failure("auth", "HTTP 401: no such key"))
    )
    small_world.apply()
    small_world.run()
    assert len(provider.requests) == 1, "nobody asks a second time"
    reasons = {reason for (reason,) in small_world.rows("SELECT reason FROM stage_run WHERE state = 'stopped'")}
    assert reasons == {"samples was stopped: HTTP 401: no such key"}
    assert small_world.rows("SELECT DISTINCT attempts, error FROM keyword") == [(0, "")]
    assert_books_are_right(small_world)


def test_a_refused_prompt_is_not_sent_again(small_world):
    provider = scripted(small_world, failing(*[Failure("refused", "content policy")] * 9))
    small_world.apply()
    assert small_world.run().failed == 6
    assert [request.function for request in provider.requests].count("auto_cluster") == 1
    assert_books_are_right(small_world)


def test_a_prompt_that_is_too_long_is_shortened_once(small_world):
    provider = scripted(small_world, failing(Failure("too_long", "context"), function="generate_content"))
    small_world.apply()
    assert small_world.run().failed == 0
    first, second = [request for request in provider.requests if request.function == "generate_content"][:2]
    assert second.max_tokens == first.max_tokens // 2
    assert small_world.clock.slept_seconds.count(0) == 0
    assert_books_are_right(small_world)


def test_another_model_answers_and_the_usage_line_names_it(world):
    world.write(FALLBACK)
    scripted(world, failing(*[Failure("quota", "no credit")] * 99))
    world.apply()
    assert world.run().failed == 0
    assert [row[1:4] for row in attempts(world)] == [("writer", "error", "quota"), ("understudy", "success", "")]
    assert world.rows("SELECT DISTINCT provider, model FROM usage WHERE stage = 'clusters'") == [
        ("others", "understudy")
    ]
    assert_books_are_right(world)


def test_an_outage_opens_the_breaker_for_every_process_and_a_probe_closes_it(small_world):
    small_world.write(edited("providers.yaml", ("adapter: offline", "adapter: offline, limits: {attempts_max: 20}")))
    script, asked_at = failing(*[Failure("transient", "HTTP 503")] * 6), []

    def timed(request, number):
        asked_at.append(small_world.clock.now())
        return script(request, number)

    scripted(small_world, timed)
    small_world.apply()
    assert small_world.run().failed == 0
    gaps = [(later - early).total_seconds() for early, later in pairwise(asked_at)]
    assert max(gaps[:4]) < 30 <= gaps[4] < 60 <= gaps[5] < 120, "open for half a minute, then for longer"
    assert small_world.rows("SELECT failures, open_until FROM provider_gate WHERE model = 'writer'") == [(0, None)]
    assert_books_are_right(small_world)


def test_requests_keep_to_the_limits_over_processes(small_world):
    small_world.write(
        edited("providers.yaml", ("adapter: offline", "adapter: offline, limits: {requests_per_minute: 3}"))
    )
    offline = make(ProviderSpec(type="ai", adapter="offline"), {})

    class Real:
        close = offline.close

        async def complete(self, request):
            return replace(await offline.complete(request), simulated=False)

        async def draw(self, request):
            return replace(await offline.draw(request), simulated=False)

    small_world.provider = Real()
    small_world.apply()
    small_world.run()
    starts = [at for (at,) in small_world.rows("SELECT strftime('%s', started_at) FROM attempt ORDER BY started_at")]
    seconds = [int(at) for at in starts]
    assert len(seconds) > 6
    assert all(later - early >= 60 for early, later in zip(seconds, seconds[3:], strict=False)), "no 4 within a minute"


def test_what_headers_say_is_shared(small_world):
    bad = Completion("", Usage(), failure=Failure("refused", "content policy"), window=RateWindow(0, 45.0))
    scripted(small_world, lambda request, number: bad if number == 0 else None)
    small_world.apply()
    small_world.run()
    assert small_world.rows("SELECT requests_left FROM provider_gate WHERE model = 'writer'") == [(0,)]
    again = small_world.at(small_world.clock.now())
    again.provider = small_world.provider
    again.run()
    assert any(30 < seconds <= 45 for seconds in again.clock.slept_seconds)


@pytest.mark.parametrize(
    ("answer", "phase"),
    [
        (Completion("", Usage(), failure=Failure("transient", "no connection", is_unsent=True)), "INIT"),
        (Completion("", Usage(), failure=Failure("transient", "no answer in time", is_in_doubt=True)), "CALL"),
        (Completion("", Usage(), failure=Failure("transient", "HTTP 503", status=503)), "CALL"),
        (Completion("", Usage(9, 0, 9), failure=Failure("bad_answer", "it was cut off")), "SAVE"),
        (Completion("no JSON", Usage(9, 0, 9)), "SAVE"),
    ],
)
def test_the_phase_of_an_attempt_says_how_far_it_came(small_world, answer, phase):
    """Not sent; sent, perhaps, without an answer; answered and not saved; saved."""
    seen = []

    def script(request, number):
        seen.extend(small_world.rows(f"SELECT phase, status FROM attempt WHERE id = '{request.attempt_id}'"))
        return answer if number == 0 else None

    scripted(small_world, script)
    small_world.apply()
    small_world.run()
    assert set(seen) == {("CALL", "pending")}, "from the moment on that it is recorded it may have been sent"
    ends = small_world.rows("SELECT status, phase FROM attempt WHERE stage = 'clusters' ORDER BY number")
    assert ends == [("error", phase), ("success", "DONE")]


def test_what_may_have_been_billed_is_booked_at_its_estimate(small_world):
    scripted(small_world, failing(Failure("transient", "no answer within 120 s", is_in_doubt=True)))
    small_world.apply()
    small_world.run()
    assert attempts(small_world)[0][2:] == ("error", "transient", "estimated")
    assert small_world.rows(
        "SELECT cost_nano = estimated_cost_nano FROM attempt WHERE number = 1 AND status = 'error'"
    ) == [(1,)]


def test_an_answer_without_usage_is_estimated_marked_and_told_once(small_world):
    offline = make(ProviderSpec(type="ai", adapter="offline"), {})

    class Silent:
        async def complete(self, request):
            answer = await offline.complete(request)
            return Completion(answer.text, Usage())

        draw, close = offline.draw, offline.close

    small_world.provider = Silent()
    small_world.apply()
    small_world.run()
    lines = small_world.rows("SELECT DISTINCT cost_basis, cost_nano > 0, credits > 0 FROM usage WHERE images = 0")
    assert lines == [("estimated", 1, 1)]
    assert len(small_world.rows("SELECT text FROM notification WHERE event = 'usage_missing'")) == 1


@pytest.mark.parametrize("keeps", [True, False])
def test_prompts_and_answers_are_kept_only_where_the_account_says_so_and_only_so_long(tmp_path, sqlite, keeps):
    settings = "settings: {logs: {keep_prompts: true, retention_days: 5}}\n" if keeps else ""
    account = FILES["accounts/acme.yaml"]
    world = World(write_root(tmp_path / "root", {"accounts/acme.yaml": account + settings}), sqlite)
    scripted(world, lambda *_: None)
    world.apply()
    world.run()
    kept = "SELECT count(*) FROM attempt WHERE prompt IS NOT NULL AND answer IS NOT NULL"
    assert (world.rows(kept)[0][0] > 0) is keeps
    world.clock.advance(days=5, minutes=10)
    world.run()
    old = kept + " AND started_at < '2026-11-19'"
    assert world.rows(old) == [(0,)]


def test_a_stop_while_waiting_leaves_the_items_as_they_are(small_world):
    import asyncio

    from reconciler.operations.run import run_wanted, wanted_now
    from reconciler.operations.stopping import StopSignal

    small_world.apply()

    async def go():
        stop = StopSignal()

        def script(request, _):
            stop.request()
            return Completion("", Usage(), failure=Failure("rate_limited", "slow", 60.0))

        scripted(small_world, script)
        engine = small_world.engine(stop)
        return await run_wanted(engine, wanted_now(engine, ()))

    report = asyncio.run(go())
    assert report.interrupted
    assert small_world.rows("SELECT DISTINCT attempts FROM keyword") == [(0,)]
    assert_books_are_right(small_world)


def test_spans_name_model_and_usage_but_no_prompt(small_world):
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    scripted(small_world, failing(Failure("transient", "HTTP 500")))
    small_world.traces = OtelTraces(tracers.get_tracer("test"))
    small_world.apply()
    small_world.run()
    spans = exporter.get_finished_spans()
    assert len(spans) == small_world.rows("SELECT count(*) FROM attempt")[0][0]
    first, second = spans[:2]
    assert (first.name, first.attributes["error.type"], first.status.is_ok) == ("chat writer", "transient", False)
    assert second.attributes["gen_ai.usage.output_tokens"] > 0
    assert not any("hiking" in str(value) for span in spans for value in span.attributes.values())


def test_a_task_in_the_background_is_looked_up_after_a_crash_and_billed_once(small_world):
    """A worker dies while the provider draws; the next one fetches the picture under the task's own name."""
    offline = make(ProviderSpec(type="ai", adapter="offline"), {})
    asked = []

    class Background:
        complete, close = offline.complete, offline.close

        async def draw(self, request):
            asked.append(request.task)
            request.remember_task(f"task-{len(asked)}")
            if len(asked) == 1:
                raise RuntimeError("the machine died")
            answer = await offline.draw(request)
            return ImageAnswer(answer.data, answer.media_type, answer.usage, was_recovered=bool(request.task))

    small_world.provider = Background()
    small_world.apply()
    with pytest.raises(RuntimeError):
        small_world.run()
    assert small_world.run().failed == 0
    assert asked[:2] == ["", "task-1"] and not any(asked[2:])
    assert small_world.rows("SELECT cost_nano, cost_basis FROM attempt WHERE status = 'lost'") == [(0, "zero")]
    assert_books_are_right(small_world)


def taken_over(world: World, *, begins_anew: bool) -> None:
    """Do what another worker does that finds this one dead: free its calls, and perhaps take them itself."""
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE run SET fence = fence + 1")
        claims.release_dead(connection, 1, world.clock.now(), lambda owner: True)
        lose_attempts(connection, 1, world.clock.now())
        expire_holds(connection, Origin("other", world.clock.now(), 1), run_id=1)
        if begins_anew:
            until = world.clock.now() + timedelta(minutes=5)
            assert claims.take_units(connection, 1, owner="elsewhere:1:1", until=until, limit=99)


@pytest.mark.parametrize("failure", [None, Failure("transient", "HTTP 503")])
def test_a_worker_whose_call_was_begun_anew_by_another_writes_nothing(world, failure):
    def script(request, number):
        taken_over(world, begins_anew=True)
        return failure and Completion("", Usage(), failure=failure)

    scripted(world, script)
    world.apply()
    report = world.run()
    assert [skipped.is_locked for skipped in report.skipped] == [True]
    assert world.counts("attempt", "status") == {"lost": 1}
    assert_books_are_right(world)


def test_the_late_answer_of_a_worker_given_up_for_dead_is_saved_and_charged_once(world):
    """Its hold was released and its call counted as lost; nobody began anew, so what was paid for is not thrown away."""

    def script(request, number):
        if number == 0:
            taken_over(world, begins_anew=False)

    scripted(world, script)
    world.apply()
    report = world.run()
    assert [skipped.is_locked for skipped in report.skipped] == [True], "the run itself is another's now"
    assert world.counts("attempt", "status") == {"success": 1}
    assert world.counts("keyword") == {"clustered": 6}
    assert len(world.rows("SELECT id FROM usage WHERE credits > 0")) == 1
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
    assert world.rows("SELECT held FROM credit_account") == [(0,)]
