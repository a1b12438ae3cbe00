"""Answers that come late, cost more than was held, or find the clock moved and the database busy."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from builder import FILES, ScriptedProvider, World, edited, write_root

from reconciler.clock import FixedClock
from reconciler.errors import ConflictError
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.offline import make
from reconciler.providers.port import Completion
from reconciler.store.engine import open_database
from reconciler.store.ledger import Hold, Origin, balance_of, charge, expire_holds, find_breaks
from reconciler.usage import Usage

OFFLINE = make(ProviderSpec(type="ai", adapter="offline"), {})
CLUSTERS = json.dumps({"clusters": [{"name": "all", "keywords": ["best hiking boots", "lightweight tent"]}]})


def scripted(world: World, script) -> None:
    world.provider = ScriptedProvider(OFFLINE, script)


def assert_books_are_right(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        balance = balance_of(connection, "acme")
        assert balance.held == 0 <= balance.available
    assert world.counts("attempt", "status").keys() <= {"success"}


def test_an_answer_after_its_hold_was_released_by_time_is_saved_and_charged_once(world):
    def script(request, asked):
        if asked == 0:
            world.clock.advance(hours=2)
            with world.database.write() as connection:
                assert expire_holds(connection, Origin("sweep", world.clock.now(), 1))

    scripted(world, script)
    world.apply()
    (result,) = world.run().results
    assert result.state == "completed"
    assert world.rows("SELECT kind FROM hold_resolution WHERE kind = 'expire'") == [("expire",)]
    assert world.rows("SELECT count(*) FROM usage WHERE stage = 'clusters' AND credits > 0") == [(1,)]
    assert_books_are_right(world)


def test_what_a_call_used_beyond_its_hold_is_our_cost_and_never_the_accounts_credits(world):
    """A model may think for longer than max_tokens: we pay for it all, the account for what was held at most."""
    beyond = Usage(input_tokens=400, output_tokens=30_000, reasoning_tokens=25_000)

    def script(request, asked):
        return Completion(CLUSTERS, beyond) if request.function == "auto_cluster" else None

    scripted(world, script)
    world.apply()
    (result,) = world.run().results
    ((held, taken),) = world.rows(
        "SELECT credits_held, credits_taken FROM hold_resolution r JOIN hold h ON h.id = r.hold_id WHERE stage = 'clusters'"
    )
    assert taken == held == 9, "the prompt's tokens and max_tokens 8192, at 1,000 tokens a credit"
    line = world.rows(
        "SELECT credits, absorbed_credits, output_tokens, cost_basis, cost_nano, revenue_nano FROM usage"
        " WHERE stage = 'clusters'"
    )
    whole = 400 * 1250 + 30_000 * 10_000
    assert line == [(9, 31 - 9, 30_000, "computed", whole, 9 * 10_000_000)], "a margin below zero is shown"
    assert world.rows("SELECT cost_nano, status, phase FROM attempt WHERE stage = 'clusters'") == [
        (whole, "success", "DONE")
    ]
    assert world.rows("SELECT credits_used FROM stage_run WHERE stage = 'clusters'") == [(9,)]
    assert (
        world.rows("SELECT credits_used FROM run")
        == [(result.credits,)]
        == world.rows("SELECT spent FROM credit_account")
    )
    assert world.rows("SELECT absorbed FROM credit_account") == [(22,)]
    assert_books_are_right(world)


@pytest.mark.parametrize("settled", [3, 40])
def test_a_call_of_a_model_is_settled_once_whoever_settles_it_again(world, settled):
    """A second settlement of the same call, alike or for more, changes nothing."""
    world.provider = ScriptedProvider(OFFLINE, lambda *_: None)
    world.apply()
    world.run()
    with world.database.read() as connection:
        before = balance_of(connection, "acme")
    row = world.rows("SELECT id, credits, run_id FROM hold WHERE stage = 'clusters'")[0]
    hold = Hold(row[0], "acme", "blog", "clusters", row[2], row[1], world.clock.now())
    with pytest.raises(ConflictError), world.database.write() as connection:
        charge(connection, hold, settled, Origin("again", world.clock.now(), 1))
    ((taken,),) = world.rows(f"SELECT credits_taken FROM hold_resolution WHERE hold_id = '{row[0]}'")
    with world.database.write() as connection:
        assert charge(connection, hold, taken, Origin("again", world.clock.now(), 1)) == taken
    with world.database.read() as connection:
        assert balance_of(connection, "acme") == before
    assert_books_are_right(world)


@pytest.mark.parametrize("hours", [-3, 30])
def test_a_clock_that_jumps_during_a_call_loses_nothing_and_charges_once(world, hours):
    def script(request, asked):
        if asked in (0, 2):
            world.clock.advance(hours=hours)

    scripted(world, script)
    world.apply()
    (result,) = world.run().results
    assert result.state == "completed"
    assert world.counts("keyword") == {"clustered": 6}
    assert world.rows("SELECT count(*) FROM attempt") == world.rows("SELECT count(*) FROM usage")
    assert_books_are_right(world)


@pytest.mark.parametrize(
    ("day", "first", "next_"),
    [
        ("2027-03-28", "2027-03-28 01:00", "2027-03-29 00:30"),  # 02:30 does not exist in Berlin: the next valid minute
        ("2026-10-25", "2026-10-25 00:30", "2026-10-26 01:30"),  # 02:30 comes twice: the first counts
    ],
)
def test_a_daily_run_runs_once_on_the_days_that_the_clocks_change(tmp_path, sqlite, day, first, next_):
    site = FILES["sites/blog.yaml"].replace('time: "02:00"', 'time: "02:30"') + "timezone: Europe/Berlin\n"
    midnight = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=UTC) - timedelta(hours=4)
    world = World(write_root(tmp_path / "root", {"sites/blog.yaml": site}), sqlite, clock=FixedClock(midnight))
    world.apply()
    for quarter in range(4 * 36):
        world.at(midnight + timedelta(minutes=15 * quarter)).run(due=True)
    due = [str(at)[:16] for (at,) in world.rows("SELECT scheduled_for FROM run ORDER BY id")]
    assert due == [first, next_]


class Unlocking(FixedClock):
    """A clock on which another process gives the database back as soon as somebody waits for it."""

    lock: sqlite3.Connection | None = None

    async def sleep(self, seconds: float) -> None:
        if self.lock is not None:
            self.lock.rollback()
        await super().sleep(seconds)


def test_an_answer_waits_for_a_busy_database_and_is_saved(tmp_path):
    path = tmp_path / "state.db"
    database = open_database(f"sqlite:///{path}?timeout=0.05")
    clock = Unlocking(datetime(2026, 11, 18, 10, 30, tzinfo=UTC))
    world = World(write_root(tmp_path / "root", edited("sites/blog.yaml")), database, clock=clock)
    other = sqlite3.connect(path, isolation_level=None)

    def script(request, asked):
        if asked == 0:
            clock.lock = other
            other.execute("BEGIN IMMEDIATE")

    scripted(world, script)
    world.apply()
    assert [result.state for result in world.run().results] == ["completed"]
    assert 0.5 in clock.slept_seconds
    assert_books_are_right(world)
    other.close()
    database.close()
