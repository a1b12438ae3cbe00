"""Runs that people steer: pause, resume, cancel, one stage, certain items, so many credits, and what would be."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest
from ai_server import serving
from builder import ScriptedProvider, World, edited
from model_server import ModelServer, root

from cli.main import run as igny8
from reconciler.errors import ConflictError, ExitCode, LockedError, UsageError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations import run_orders
from reconciler.operations.records import follow_run
from reconciler.operations.run import Scope, run_wanted, wanted_due, wanted_now
from reconciler.operations.run_orders import order_run
from reconciler.pipeline.progress import StageEnded
from reconciler.providers.offline import make
from reconciler.store.ledger import balance_of, find_breaks

OFFLINE = make(ProviderSpec(type="ai", adapter="offline"), {})
PHRASES = "canvas tarp, water filter pump, trail running socks, bear spray holster, camp stove fuel, "


@pytest.fixture
def busy(world: World) -> World:
    """A world with some clusters to come."""
    world.write(edited("sites/blog.yaml", ("keywords: [", f"keywords: [{PHRASES}")))
    world.apply()
    return world


def order(world: World, what: str, run_id: int = 1):
    return order_run(world.database, world.clock, run_id, what, by="ann")


def scoped(world: World, scope: Scope):
    async def go():
        engine = world.engine()
        return await run_wanted(engine, wanted_now(engine, ["blog"], scope))

    return asyncio.run(go())


def ordering(world: World, at_call: int, what: str) -> list:
    """Let the provider give an order to its own run while it works on a call, as another process would."""
    given = []

    def script(request, asked):
        if asked == at_call:
            given.append(order(world, what))

    world.provider = ScriptedProvider(OFFLINE, script)
    return given


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert balance_of(connection, "acme").held == 0
    assert world.counts("attempt", "status").keys() <= {"success"}


def test_a_run_pauses_between_batches_keeps_what_it_has_and_goes_on_when_it_is_resumed(busy):
    given = ordering(busy, 2, "pause")
    (result,) = busy.run().results
    assert (given[0].state, given[0].asked) == ("running", "pause"), "shown until its worker obeys"
    assert (result.state, result.note) == ("paused", "paused by request")
    assert busy.rows("SELECT state, asked, owner FROM run") == [("paused", "", "")]
    assert busy.rows("SELECT count(*) FROM attempt WHERE status = 'success'") == [(3,)], "the call at hand was saved"
    assert "is paused" in busy.run().skipped[0].reason
    assert order(busy, "resume").state == "interrupted"
    busy.provider = None

    async def due():
        engine = busy.engine()
        return await run_wanted(engine, wanted_due(engine))

    assert [item.state for item in asyncio.run(due()).results] == ["completed"]
    assert busy.counts("run") == {"completed": 1}, "the same run"
    assert busy.rows("SELECT stage FROM stage_run WHERE total <> taken OR taken <> done") == []
    assert_books_are_right(busy)


def test_a_pause_that_is_taken_back_before_it_took_effect_changes_nothing(busy):
    def script(request, asked):
        if asked == 2:
            order(busy, "pause")
            order(busy, "resume")

    busy.provider = ScriptedProvider(OFFLINE, script)
    assert [result.state for result in busy.run().results] == ["completed"]


def test_a_cancelled_run_ends_between_batches_and_the_next_one_takes_what_it_left(busy):
    ordering(busy, 2, "cancel")
    (result,) = busy.run().results
    assert result.state == "cancelled"
    assert busy.rows("SELECT state FROM run") == [("cancelled",)]
    stopped = busy.rows("SELECT state, reason FROM stage_run WHERE stage = 'ideas'")
    assert stopped == [("stopped", "the run was cancelled")]
    assert busy.rows("SELECT count(*) FROM claim") == [(0,)]
    assert_books_are_right(busy)
    with pytest.raises(ConflictError, match="run 1 of blog has ended: cancelled"):
        order(busy, "pause")
    busy.provider = None
    busy.run()
    assert busy.counts("cluster") == {"ideas_generated": len(busy.rows("SELECT id FROM cluster"))}
    assert_books_are_right(busy)


def test_a_run_whose_worker_is_gone_is_cancelled_at_once_and_what_it_had_in_flight_is_lost(busy):
    def script(request, asked):
        if asked == 2:
            raise RuntimeError("a defect")

    busy.provider = ScriptedProvider(OFFLINE, script)
    with pytest.raises(RuntimeError):
        busy.run()
    assert order(busy, "cancel").state == "cancelled"
    assert busy.counts("attempt", "status") == {"success": 2, "lost": 1}
    assert busy.rows("SELECT held FROM credit_account") == [(0,)]
    with pytest.raises(UsageError, match="there is no run 9"):
        order(busy, "cancel", 9)


def test_one_stage_with_certain_items_takes_these_and_leaves_the_same_records(busy):
    busy.run()
    busy.write(
        edited(
            "sites/blog.yaml",
            ("keywords: [", f"keywords: [{PHRASES} red lamp, red lamp shade, chess board, chess board wood, "),
            ("automation:", "stages: {ideas: {enabled: false}}\nautomation:"),
        )
    )
    busy.apply()
    busy.run()
    busy.write(
        edited(
            "sites/blog.yaml",
            ("keywords: [", f"keywords: [{PHRASES} red lamp, red lamp shade, chess board, chess board wood, "),
        )
    )
    busy.apply()
    new = [item for (item,) in busy.rows("SELECT id FROM cluster WHERE state = 'new' ORDER BY id")]
    assert len(new) > 1
    (result,) = scoped(busy, Scope("ideas", (new[-1],))).results
    assert result.state == "completed"
    assert [item for (item,) in busy.rows("SELECT id FROM cluster WHERE state = 'new' ORDER BY id")] == new[:-1]
    run_id = result.run_id
    stages = busy.rows(f"SELECT stage, total, done, budget_credits > 0 FROM stage_run WHERE run_id = {run_id}")
    assert [row[:3] for row in stages] == [("ideas", 1, 1)] and stages[0][3]
    assert busy.rows(f"SELECT count(*) FROM notification WHERE run_id = {run_id} AND event = 'ai_ideas_success'") == [
        (1,)
    ]
    assert busy.rows(f"SELECT count(*) FROM usage WHERE run_id = {run_id}") == [(1,)]
    assert busy.rows(f"SELECT trigger FROM run WHERE id = {run_id}") == [("stage",)]
    with pytest.raises(UsageError, match=f"blog has no cluster {new[-1]} that the stage ideas could take"):
        scoped(busy, Scope("ideas", (new[-1],)))
    assert_books_are_right(busy)


def test_an_unknown_stage_is_named_with_those_that_there_are(busy):
    with pytest.raises(UsageError, match="there is no stage 'picture'") as raised:
        scoped(busy, Scope("picture"))
    assert "images" in (raised.value.hint or "")


def test_a_run_uses_at_most_what_it_was_given_and_says_so_once_a_stage(busy):
    scoped(busy, Scope(credits_max=12))
    (used,) = busy.rows("SELECT credits_used FROM run")[0]
    assert 0 < used <= 12
    reasons = busy.rows("SELECT DISTINCT stage, reason FROM stage_run WHERE state = 'stopped'")
    assert reasons and all("Insufficient credits. Required: " in reason for _, reason in reasons)
    failed = busy.rows(
        "SELECT event, count(*) FROM notification WHERE event IN ('ai_ideas_failed', 'ai_content_failed', 'ai_prompts_failed', 'ai_images_failed') GROUP BY event"
    )
    assert len(failed) == len(reasons) and {number for _, number in failed} == {1}
    assert_books_are_right(busy)


def command(world: World, capsys, *words: str):
    code = igny8(["-C", str(world.root), "--db", world.database.url.replace("***", ""), *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def contents(world: World) -> list:
    tables = ("run", "stage_run", "attempt", "claim", "hold", "transfer", "keyword", "notification", "budget_window")
    return [world.rows(f"SELECT count(*) FROM {table}") for table in tables]


def test_a_dry_run_tells_what_would_be_taken_and_cost_and_writes_nothing(small_world, capsys):
    small_world.apply()
    before = contents(small_world)
    code, out, _ = command(
        small_world, capsys, "run", "--now", "--dry-run", "--format", "json", "--at", "2026-11-18T10:30Z"
    )
    assert code == 0
    answer = json.loads(out)
    (run,) = answer["runs"]
    stages = {stage["stage"]: stage for stage in run["stages"]}
    assert (stages["clusters"]["items"], stages["clusters"]["calls"]) == (6, 1), "declared keywords count already"
    assert stages["clusters"]["worst_credits"] >= stages["clusters"]["expected_credits"] > 0
    assert stages["clusters"]["budget_credits"] == 150 and stages["clusters"]["basis"] == "typical"
    assert stages["images"]["items"] == 0
    assert answer["summary"]["worst_credits"] == run["worst_credits"] == stages["clusters"]["worst_credits"]
    assert contents(small_world) == before


def test_a_dry_run_of_pending_images_costs_what_they_cost(small_world, capsys):
    def script(request, asked):
        if request.function == "generate_images":
            raise RuntimeError("enough")

    small_world.provider = ScriptedProvider(OFFLINE, script)
    small_world.apply()
    with pytest.raises(RuntimeError):
        small_world.run()
    order(small_world, "cancel")
    (pending,) = small_world.rows("SELECT count(*) FROM image_prompt WHERE state = 'pending'")[0]
    code, out, _ = command(small_world, capsys, "run", "--site", "blog", "--stage", "images", "--dry-run")
    assert code == 0
    assert f"At worst {pending} credits, expected {pending}." in out
    ids = ",".join(
        str(item) for (item,) in small_world.rows("SELECT id FROM image_prompt WHERE state = 'pending' LIMIT 2")
    )
    code, out, _ = command(
        small_world, capsys, "run", "--site", "blog", "--stage", "images", "--ids", ids, "--dry-run", "--json"
    )
    assert json.loads(out)["summary"]["worst_credits"] == 2


def test_events_come_a_line_each_with_the_summary_last(small_world, capsys):
    small_world.apply()
    code, out, _ = command(small_world, capsys, "run", "--now", "--offline", "--no-delays", "--format", "ndjson")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    events = [line["event"] for line in lines]
    assert events[0] == "run_started" and events[-2:] == ["run_ended", "summary"]
    assert events.count("stage_ended") == 7
    held = [line["held"] for line in lines if line["event"] == "stage_advanced"]
    assert max(held) > 0 == held[-1]
    assert lines[-1]["credits"] == small_world.rows("SELECT credits_used FROM run")[0][0]


def test_orders_by_the_command_line_say_what_became_of_them(small_world, capsys):
    small_world.apply()
    ordering(small_world, 1, "pause")
    small_world.run()
    assert command(small_world, capsys, "runs", "pause", "1")[:2] == (0, "Run 1 of blog: paused\n")
    code, out, _ = command(small_world, capsys, "runs", "resume", "1", "--json")
    assert json.loads(out)["summary"] == {"run": 1, "site": "blog", "state": "interrupted", "asked": ""}
    assert command(small_world, capsys, "runs", "cancel", "1")[:2] == (0, "Run 1 of blog: cancelled\n")
    code, _, err = command(small_world, capsys, "runs", "cancel", "1")
    assert (code, "has ended: cancelled" in err) == (5, True)
    assert command(small_world, capsys, "runs", "pause", "7")[0] == 64


@pytest.mark.parametrize(("what", "state"), [("pause", "paused"), ("cancel", "cancelled")])
def test_a_run_that_does_as_it_is_told_by_somebody_else_has_not_failed(small_world, capsys, what, state):
    with serving() as server:
        model = ModelServer(server)

        def give_order(request, asked):
            if asked == 1:
                order(small_world, what)
            return model._answer(request)

        server.script = give_order
        small_world.write(root(server))
        small_world.apply()
        code, out, _ = command(small_world, capsys, "run", "--site", "blog", "--now", "--no-delays")
        assert f"blog: run 1 was {state} by request" in out
        assert (code, small_world.rows("SELECT state FROM run")) == (ExitCode.OK, [(state,)])
        code, out, _ = command(small_world, capsys, "run", "--site", "blog", "--now", "--no-delays")
    assert ("run 1 of blog is paused" in out, code) == (
        (True, ExitCode.LOCKED) if what == "pause" else (False, ExitCode.OK)
    )


def test_who_follows_a_run_is_told_each_change_until_it_ends(small_world):
    """The provider plays the watcher's pause: between two looks the run goes on."""
    small_world.apply()
    seen = []

    def script(request, asked):
        if asked == 0:
            changes = follow_run(small_world.database, 1, pause=lambda: order(small_world, "cancel"))
            for change in changes:
                seen.append(change)
                if change["event"] == "run" and change["asked"]:
                    break

    small_world.provider = ScriptedProvider(OFFLINE, script)
    small_world.run()
    states = [(change["state"], change["asked"]) for change in seen if change["event"] == "run"]
    assert states == [("running", ""), ("running", "cancel")]
    assert seen[0]["held_credits"] > 0
    last = list(follow_run(small_world.database, 1))
    assert last[0]["state"] == "cancelled", "an ended run is told once"


def test_a_worker_ends_when_nothing_is_left(small_world, capsys):
    small_world.apply()
    small_world.at(small_world.clock.now() + timedelta(days=1))
    code, out, _ = command(small_world, capsys, "worker", "--once", "--offline", "--no-delays")
    assert (code, out.splitlines()[-1].split(" ")[1]) in ((0, "runs"), (0, "run"))


def test_words_that_do_not_go_together_are_refused(small_world, capsys):
    small_world.apply()
    for words in (
        ("run",),
        ("run", "--due", "--now"),
        ("run", "--now", "--ids", "1"),
        ("run", "--stage", "images", "--ids", "one", "--site", "blog"),
        ("run", "--due", "--max-credits", "5"),
    ):
        assert command(small_world, capsys, *words)[0] == 64, words


def test_the_end_of_a_stage_tells_what_all_its_workers_did(busy):
    ordering(busy, 2, "pause")
    busy.run()
    order(busy, "resume")
    busy.provider = None
    busy.run()
    (ended,) = [e for e in busy.events if isinstance(e, StageEnded) and e.stage == "ideas"]
    assert (ended.done, ended.failed) == busy.rows("SELECT done, failed FROM stage_run WHERE stage = 'ideas'")[0]


def test_an_order_that_another_transaction_was_in_the_way_of_is_given_once_more(busy, monkeypatch):
    ordering(busy, 2, "pause")
    scoped(busy, Scope())
    tried = []

    def resume(*given):
        tried.append(given)
        if len(tried) == 1:
            raise LockedError("the database is busy: deadlock detected", hint="nothing was changed; try again")
        return real(*given)

    real = run_orders._resume
    monkeypatch.setattr(run_orders, "_resume", resume)
    assert (order(busy, "resume").state, len(tried)) == ("interrupted", 2)
