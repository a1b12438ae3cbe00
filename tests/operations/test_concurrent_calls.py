"""Calls of a stage beside each other: how many, in which order they are saved, and what the credits say meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from builder import World, edited

from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.operations.providers import ProviderPool
from reconciler.operations.run import run_wanted, wanted_now
from reconciler.operations.run_orders import order_run
from reconciler.operations.sharing import share_work
from reconciler.operations.stopping import StopSignal
from reconciler.providers.offline import make
from reconciler.providers.port import Completion, Failure, TextRequest
from reconciler.store.ledger import balance_of, find_breaks
from reconciler.usage import Usage

OFFLINE = make(ProviderSpec(type="ai", adapter="offline"), {})
KEYWORDS = [f"{thing} {word}" for thing in ("boots", "tent", "stove", "rope") for word in ("red", "blue", "light")]
MANY = edited("sites/blog.yaml", ("keywords: [", f"keywords: [{', '.join(KEYWORDS)}, "))
SWIFT = edited(
    "sites/blog.yaml",
    ("keywords: [", f"keywords: [{', '.join(KEYWORDS)}, "),
    ("automation:", "delays: {within_stage: 0, between_stage: 0}\nstages: {content: {per_run_limit: 0}}\nautomation:"),
)


class Crowd:
    """A provider whose answers take a while: each waits for so many turns of the loop, told by its number."""

    def __init__(self, turns=lambda number: 20, answer=lambda request, number: None):
        self.turns, self.answer = turns, answer
        self.in_flight = self.most = 0
        self.asked: list[str] = []

    async def _wait(self, request):
        number = len(self.asked)
        self.asked.append(request.function)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        for _ in range(self.turns(number)):
            await asyncio.sleep(0)
        self.in_flight -= 1
        return self.answer(request, number)

    async def complete(self, request):
        return await self._wait(request) or await OFFLINE.complete(request)

    async def draw(self, request):
        return await self._wait(request) or await OFFLINE.draw(request)

    async def close(self):
        await OFFLINE.close()


def run(world: World, provider: Crowd, at_once: int = 8):
    world.provider = provider

    async def go():
        engine = replace(world.engine(), calls_per_site_max=at_once)
        return await run_wanted(engine, wanted_now(engine, []))

    return asyncio.run(go())


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert balance_of(connection, "acme").held == 0
    holds, ends, tries = (
        world.rows(f"SELECT count(*) FROM {name}")[0][0] for name in ("hold", "hold_resolution", "attempt")
    )
    assert holds == ends == tries
    assert world.rows("SELECT count(*) FROM claim") == [(0,)]


def stage_totals(world: World) -> list[tuple]:
    return world.rows("SELECT stage, state, total, taken, done, failed FROM stage_run ORDER BY number")


def test_calls_of_a_stage_go_beside_each_other_up_to_the_bounds_of_site_and_provider(world):
    world.write(SWIFT)
    world.apply()
    provider = Crowd()
    assert run(world, provider, at_once=5).failed == 0
    assert provider.most == 5
    assert_books_are_right(world)


def test_a_providers_concurrency_bounds_all_sites_of_a_process(small_world):
    small_world.write(
        SWIFT | edited("providers.yaml", ("adapter: offline", "adapter: offline, limits: {concurrency: 3}"))
    )
    small_world.apply()
    provider = Crowd()
    run(small_world, provider, at_once=8)
    assert provider.most == 3


def test_who_waits_for_room_when_somebody_asks_to_stop_does_not_go_out_any_more(small_world):
    """The process has room for two calls; others are admitted already, and give back what they hold."""
    small_world.write(SWIFT)
    small_world.apply()
    stop = StopSignal()

    def stop_while_writing(request: TextRequest, _number: int) -> None:
        if request.function == "generate_content":
            stop.request()

    provider = Crowd(answer=stop_while_writing)
    pool = ProviderPool(small_world.root, offline=False, calls_max=2)
    pool._made["samples"] = provider

    async def go():
        engine = replace(small_world.engine(stop), calls_per_site_max=8, pool=pool)
        return await run_wanted(engine, wanted_now(engine, []))

    asyncio.run(go())
    with small_world.database.read() as connection:
        assert (find_breaks(connection), balance_of(connection, "acme").held) == ((), 0)
    assert provider.asked.count("generate_content") == provider.most == 2
    unsent = small_world.rows("SELECT phase, status, cost_nano FROM attempt WHERE error = 'stopped before it was sent'")
    assert set(unsent) == {("INIT", "error", 0)}
    run(small_world, Crowd())
    assert_books_are_right(small_world)
    assert small_world.rows("SELECT count(*), count(DISTINCT task_id) FROM content") == [(len(unsent) + 2,) * 2]


def test_with_delays_one_batch_ends_before_the_next_begins(small_world):
    small_world.write(MANY)
    small_world.apply()
    provider = Crowd()
    run(small_world, provider)
    assert provider.most == 1, "batches of one item, and a delay between them"


def test_the_items_of_a_batch_go_beside_each_other_between_delays(small_world):
    small_world.write(
        edited(
            "sites/blog.yaml",
            ("keywords: [", f"keywords: [{', '.join(KEYWORDS)}, "),
            ("automation:", "stages: {content: {batch_size: 2}}\nautomation:"),
        )
    )
    small_world.apply()
    provider = Crowd()
    run(small_world, provider)
    assert provider.most == 2


def test_results_are_saved_in_the_order_of_the_items_whatever_answers_first(world):
    world.write(SWIFT)
    world.apply()
    run(world, Crowd(turns=lambda number: max(1, 60 - 7 * (number % 8))))
    made = [cluster for (cluster,) in world.rows("SELECT cluster_id FROM idea ORDER BY id")]
    assert made == sorted(made) and len(set(made)) > 3
    tasks = [task for (task,) in world.rows("SELECT task_id FROM content ORDER BY id")]
    assert tasks == sorted(tasks) and len(tasks) > 5
    assert_books_are_right(world)


def test_one_that_has_to_wait_for_another_try_holds_nobody_up(small_world):
    failure = Completion("", Usage(), failure=Failure("rate_limited", "slow", 30.0))
    first = []

    def answer(request, number):
        if request.function == "generate_content" and not first:
            first.append(number)
            return failure
        return None

    small_world.write(SWIFT)
    small_world.apply()
    assert run(small_world, Crowd(answer=answer)).failed == 0
    tasks = [task for (task,) in small_world.rows("SELECT task_id FROM content ORDER BY id")]
    assert tasks[0] != min(tasks), "those behind it were saved while it waited"
    assert sorted(tasks) == sorted(set(tasks))
    assert_books_are_right(small_world)


def test_an_answer_that_is_asked_for_once_more_holds_nobody_up_and_is_charged_once(world):
    """Of the calls beside each other one brings nothing of use; its unit stays its own until the second answer."""
    spoiled = []

    def answer(request, number):
        if request.function == "generate_content" and not spoiled:
            spoiled.append(number)
            return Completion("rather not", Usage(input_tokens=1000, output_tokens=1000))
        return None

    world.write(SWIFT)
    world.apply()
    provider = Crowd(answer=answer)
    assert run(world, provider).failed == 0
    assert world.rows("SELECT stage, error_class FROM attempt WHERE status <> 'success'") == [("content", "bad_answer")]
    total, taken, done, failed = stage_totals(world)[3][2:]
    assert total == taken == done and not failed, "an item is counted once, however often it was asked for"
    assert provider.asked.count("generate_content") == done + 1
    tasks = [task for (task,) in world.rows("SELECT task_id FROM content ORDER BY id")]
    assert tasks[0] != min(tasks) and sorted(tasks) == sorted(set(tasks))
    (of_run,) = world.rows("SELECT credits_used FROM run")[0]
    assert world.rows("SELECT sum(credits) FROM usage") == [(of_run,)]
    assert_books_are_right(world)


@pytest.mark.parametrize("credits", [14, 30, 60])
def test_few_credits_make_as_much_at_once_as_one_after_the_other(tmp_path, credits, request):
    """A call that finds too few credits waits for those that the calls beside it return."""
    made = []
    for at_once in (1, 8):
        world = new_world(request, tmp_path / str(at_once))
        world.write(SWIFT | edited("accounts/acme.yaml", ("credits: 1000", f"credits: {credits}")))
        world.apply()
        run(world, Crowd(), at_once=at_once)
        with world.database.read() as connection:
            assert balance_of(connection, "acme").available >= 0
        for budget, used in world.rows(
            "SELECT budget_credits, credits_used FROM stage_run WHERE budget_credits IS NOT NULL"
        ):
            assert used <= budget
        assert_books_are_right(world)
        made.append(stage_totals(world))
    assert made[0] == made[1]


def new_world(request, folder):
    from builder import write_root

    from reconciler.store.engine import open_database

    folder.mkdir()
    database = open_database(f"sqlite:///{folder / 'state.db'}")
    request.addfinalizer(database.close)
    return World(write_root(folder / "root"), database)


def test_three_failures_in_a_row_stop_the_stage_and_what_is_in_flight_is_saved(small_world):
    bad = Completion("no", Usage(input_tokens=1, output_tokens=1))
    small_world.write(SWIFT)
    small_world.apply()

    def answer(request, number):
        return bad if request.function == "generate_ideas" else None

    run(small_world, Crowd(answer=answer), at_once=4)
    state, reason, failed = small_world.rows("SELECT state, reason, failed FROM stage_run WHERE stage = 'ideas'")[0]
    assert state == "stopped" and reason.startswith("3 failures in a row")
    assert 3 <= failed <= 6, "those that were in flight beside the third"
    assert_books_are_right(small_world)


def test_processes_share_the_calls_of_one_site_and_each_is_made_once(world):
    """One leads the run, the other finds it at work and helps; each call is made by one of them."""
    world.write(SWIFT)
    world.apply()
    leader, helper = Crowd(), Crowd()
    helped = []

    async def go():
        world.provider = leader
        leading = replace(world.engine(), calls_per_site_max=2)
        world.provider = helper
        run_ = asyncio.ensure_future(run_wanted(leading, wanted_now(leading, [])))
        while not run_.done():
            helped.append(await share_work(replace(world.engine(), calls_per_site_max=2), once=True))
            await asyncio.sleep(0)
        return await run_

    report = asyncio.run(go())
    assert [result.state for result in report.results] == ["completed"]
    assert leader.asked and helper.asked
    made = len(leader.asked) + len(helper.asked)
    assert world.rows("SELECT count(*), count(DISTINCT hold_id) FROM attempt") == [(made, made)]
    assert world.rows("SELECT count(*) FROM attempt WHERE status <> 'success'") == [(0,)]
    assert all(total == taken == done for _, _, total, taken, done, _ in stage_totals(world))
    (of_run,) = world.rows("SELECT credits_used FROM run")[0]
    assert world.rows("SELECT sum(credits) FROM usage") == [(of_run,)]
    credits = sum(result.credits for part in helped for result in part.results)
    assert credits > 0 and credits + report.results[0].credits == of_run
    assert_books_are_right(world)


def test_who_helps_with_a_run_that_is_cancelled_writes_nothing_and_goes_on_to_other_work(small_world):
    small_world.write(SWIFT)
    small_world.apply()
    ended = asyncio.Event()

    class Slow(Crowd):
        async def complete(self, request):
            order_run(small_world.database, small_world.clock, 1, "cancel", by="ann")
            await ended.wait()
            return await super().complete(request)

    helper = Slow()

    async def go():
        small_world.provider = Crowd()
        leading = replace(small_world.engine(), calls_per_site_max=2)
        small_world.provider = helper
        helping = replace(small_world.engine(), calls_per_site_max=1)
        leader = asyncio.ensure_future(run_wanted(leading, wanted_now(leading, [])))
        while not small_world.rows("SELECT unit FROM claim WHERE owner = '' LIMIT 1"):
            await asyncio.sleep(0)
        sharing = asyncio.ensure_future(share_work(helping, once=True))
        led = await leader
        ended.set()
        return led, await sharing

    led, shared = asyncio.run(go())
    assert [result.state for result in led.results] == ["cancelled"]
    assert shared.results == () and len(helper.asked) == 1
    assert small_world.rows("SELECT count(*) FROM attempt WHERE status = 'lost'") == [(1,)]
    assert_books_are_right(small_world)
