"""Locks: one apply at a time, a lease that runs out by itself, and no write of one who lost it; on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from builder import WEDNESDAY, edited

from cli.main import run
from reconciler.clock import FixedClock
from reconciler.errors import ConflictError, LockedError
from reconciler.operations.apply import apply
from reconciler.operations.locking import LEASE, locked
from reconciler.operations.plan import plan
from reconciler.store.engine import open_database
from reconciler.store.locks import LockLostError, acquire, force_release, hold_fence, release

MINUTE = timedelta(minutes=1)


def take(database, owner, now=WEDNESDAY):
    with database.write() as connection:
        return acquire(connection, "apply", owner=owner, now=now, length=MINUTE)


def write_under(database, lease, now):
    with database.write() as connection:
        hold_fence(connection, lease, now=now, length=MINUTE)


def test_one_has_it_until_it_is_given_back(database):
    first = take(database, "elsewhere:1:1")
    assert take(database, "elsewhere:2:2") is None
    with database.write() as connection:
        release(connection, first)
    assert take(database, "elsewhere:2:2").fence == first.fence + 1


def test_a_lease_of_a_killed_holder_runs_out_by_itself(database):
    take(database, "elsewhere:1:1")
    assert take(database, "elsewhere:2:2", WEDNESDAY + MINUTE / 2) is None
    assert take(database, "elsewhere:2:2", WEDNESDAY + MINUTE) is not None


def test_every_write_renews_it(database):
    lease = take(database, "elsewhere:1:1")
    write_under(database, lease, WEDNESDAY + MINUTE / 2)
    assert take(database, "elsewhere:2:2", WEDNESDAY + MINUTE) is None


def test_a_zombie_that_wakes_later_writes_nothing(database):
    zombie = take(database, "elsewhere:1:1")
    take(database, "elsewhere:2:2", WEDNESDAY + 2 * MINUTE)
    with pytest.raises(LockLostError, match="elsewhere:2:2 has it now"):
        write_under(database, zombie, WEDNESDAY + 2 * MINUTE)


def test_a_forced_release_fences_the_holder_off(database):
    lease = take(database, "elsewhere:1:1")
    with database.write() as connection:
        force_release(connection, "apply")
    with pytest.raises(LockLostError, match="was released"):
        write_under(database, lease, WEDNESDAY)


def test_waiting_ends_when_the_lock_is_free_or_the_time_is_up(database):
    take(database, "elsewhere:1:1")
    told = []
    waiting = locked(database, FixedClock(WEDNESDAY), purpose="test", timeout_seconds=30, tell=told.append)
    with pytest.raises(LockedError, match=r"elsewhere:1:1 has the lock apply until 2026"), waiting:
        raise AssertionError("nobody gets here")
    assert len(told) == 1
    clock = FixedClock(WEDNESDAY)
    with locked(database, clock, purpose="test", timeout_seconds=90):
        assert clock.now() >= WEDNESDAY + MINUTE


def test_the_lock_of_a_process_that_ended_here_is_taken_at_once(database):
    import socket

    take(database, f"{socket.gethostname()}:999999999:1")
    with locked(database, FixedClock(WEDNESDAY), purpose="test") as lease:
        assert lease.fence > 1


def test_an_apply_says_who_has_the_lock_and_writes_nothing(world):
    take(world.database, "elsewhere:1:1")
    with pytest.raises(LockedError, match="elsewhere:1:1 has the lock"):
        world.apply()
    assert world.rows("SELECT * FROM resource") == []
    world.at(WEDNESDAY + LEASE).apply()


@pytest.mark.parametrize("appliers", [2, 8])
def test_of_many_appliers_at_once_one_wins(world, appliers):
    world.apply()
    world.write(edited("platform.yaml", ('"0.01"', '"0.02"')))
    compilation = world.compile()
    reviewed = plan(world.database, compilation, world.clock).plan

    def go(_):
        database = open_database(world.database.url)
        try:
            return apply(database, compilation, reviewed, clock=world.clock, actor="one").generation
        except (LockedError, ConflictError) as error:
            return error.exit_code
        finally:
            database.close()

    with ThreadPoolExecutor(appliers) as threads:
        ends = sorted(threads.map(go, range(appliers)))
    assert ends.count(2) == 1, "one made generation 2"
    assert set(ends) <= {2, 5, 6}
    assert world.rows("SELECT count(*) FROM history") == [(2,)]


def test_the_locks_are_listed_and_released(small_world, capsys):
    words = ["-C", str(small_world.root), "--db", small_world.database.url]
    assert run([*words, "lock", "list"]) == 0
    assert "No lock is held." in capsys.readouterr().out
    from reconciler.clock import SystemClock

    take(small_world.database, "elsewhere:1:1", SystemClock().now())
    assert run([*words, "lock", "list"]) == 0
    assert "elsewhere:1:1" in capsys.readouterr().out
    assert run([*words, "apply", "--yes"]) == 6
    assert run([*words, "lock", "release", "aply", "--yes"]) == 64
    assert "did you mean `apply`?" in capsys.readouterr().err
    assert run([*words, "lock", "release", "apply", "--yes"]) == 0
    assert run([*words, "apply", "--yes"]) == 0
