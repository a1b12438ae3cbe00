"""An apply that is killed at any of its statements, or cut off from its database, is wholly there or not at all."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import pytest
import sqlalchemy as sa
from builder import World, edited, write_root
from cut_proxy import CutProxy

from reconciler.errors import LockedError, UnreachableError
from reconciler.operations.locking import LEASE
from reconciler.store.engine import open_database

SECOND = (
    edited("platform.yaml", ('"0.01"', '"0.02"'))
    | edited("sites/blog.yaml", ('"02:00"', '"03:00"'))
    | edited("accounts/acme.yaml", ("grants:\n", "grants:\n  - {id: more, credits: 50, reason: a gift}\n"))
    | {"authors/ann.yaml": "apiVersion: igny8/v1\nkind: Author\nname: ann\ndisplay_name: Ann\n"}
)


def with_a_second_config(world):
    world.apply()
    world.write(SECOND)


@pytest.fixture
def new_world(databases, tmp_path):
    """Makes worlds whose first config is applied and whose second one waits."""
    return lambda: databases.world(with_a_second_config, Path(tempfile.mkdtemp(dir=tmp_path)))


def state_of(world):
    """Return all that an apply writes, but the clock and the lock."""
    resources = world.rows("SELECT kind, name, generation, spec, applied_spec, protected FROM resource ORDER BY 1, 2")
    history = world.rows("SELECT generation, config_digest FROM history ORDER BY 1")
    ledger = world.rows("SELECT key, credits, available_after FROM transfer ORDER BY 1")
    return resources, history, ledger, world.rows("SELECT count(*) FROM used_plan")


@pytest.mark.parametrize("saved", [False, True])
def test_killed_at_any_statement_it_is_old_or_new_and_never_between(new_world, processes, tmp_path, saved):
    def words(world):
        if not saved:
            return ("apply", "--yes")
        assert processes.on(world, "plan", "-o", world.root / "reviewed.plan").code == 0
        return ("apply", world.root / "reviewed.plan")

    whole = new_world()
    order = words(whole)
    old = state_of(whole)
    done = processes.on(whole, *order)
    assert done.code == 0
    new = state_of(whole)
    assert old != new
    # One world serves as long as it is killed before its commit; then it is the new one, and another begins.
    world = new_world()
    order = words(world)
    seen = []
    for kill_at in itertools.count(1):
        ended = processes.on(world, *order, kill_at=kill_at)
        if ended.code != -9:
            break
        found = state_of(world)
        assert found in (old, new), f"killed at step {kill_at}"
        seen.append(found == new)
        if found == new:
            assert processes.on(world, "plan", "--detailed-exitcode").code == 0, "and then there is nothing to do"
            world = new_world()
            order = words(world)
    assert ended.code == 0
    assert state_of(world) == new
    assert len(seen) >= done.steps, "killed at every step"
    assert set(seen) == {False, True}


def test_killed_on_the_way_each_part_is_old_or_new(new_world, processes):
    whole = new_world()
    states = [state_of(whole)]
    done = processes.on(whole, "apply", "--yes", "--keep-going")
    assert done.code == 0
    last = state_of(whole)
    world = new_world()
    for kill_at in range(done.steps, 0, -4):
        processes.on(world, "apply", "--yes", "--keep-going", kill_at=kill_at)
        found = state_of(world)
        if found not in states:  # one part more, or all; what follows continues from there
            states.append(found)
        if found[1][-1][0] == last[1][-1][0]:
            world = new_world()
    generations = [state[1][-1][0] for state in states]
    assert sorted(generations) == [1, 2, 3], "before, with what is shared, with the account, and nothing between"
    assert last in states


@pytest.mark.parametrize("answers_lost", [False, True])
def test_cut_off_from_the_server_at_any_message_it_is_old_or_new(tmp_path, new_postgres, answers_lost):
    url = sa.make_url(new_postgres())

    def through(proxy):
        return url.set(host="127.0.0.1", port=proxy.own_port).render_as_string(hide_password=False)

    direct = World(
        write_root(tmp_path / "root"), open_database(url.render_as_string(hide_password=False), upgrade=True)
    )
    direct.apply()
    old = state_of(direct)
    direct.write(SECOND)
    seen = set()
    for cut_after in itertools.count(1):
        proxy = CutProxy(str(url.host), url.port or 5432, cut_after, answers_lost)
        try:
            database = open_database(through(proxy))
            World(direct.root, database, direct.clock).apply()
        except (UnreachableError, LockedError):
            pass
        else:
            break
        finally:
            proxy.close()
        found = state_of(direct)
        seen.add(found == old)
        if found != old:
            assert [row[:1] for row in found[1]] == [(1,), (2,)], "one new generation"
            break
        # What the cut apply held is free at once: its own process, this one, is still there, but a minute goes by.
        direct = direct.at(direct.clock.now() + 2 * LEASE)
    assert cut_after > 20
    assert True in seen
    direct.at(direct.clock.now() + 2 * LEASE).apply()
    assert direct.rows("SELECT max(generation) FROM history") == [(2,)]
    direct.database.close()
