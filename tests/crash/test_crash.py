"""SIGKILL of the real process at any step, then again from the start: nothing is lost, nothing is charged twice.

The steps are spread evenly over the whole command, with an offset, so that together they cover all of its phases.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builder import World, edited, write_root

from reconciler.store.engine import open_database
from reconciler.store.ledger import balance_of, find_breaks, open_hold_credits

KILLED = Path(__file__).with_name("killed.py")
KILLS = 10


def command(world: World, kill_at: int | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [
        sys.executable,
        str(KILLED),
        str(kill_at),
        "--",
        "-C",
        str(world.root),
        "--db",
        world.database.url,
        *arguments,
    ]
    environment = os.environ | {"HOME": str(world.root), "IGNY8_ACTOR": "tester"}
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=False, timeout=120)


def steps_of(world: World, *arguments: str) -> int:
    done = command(world, 0, *arguments)
    assert done.returncode == 0, done.stderr
    found = re.search(r"steps: (\d+)", done.stderr)
    assert found
    return int(found[1])


def spread(total: int, kills: int = KILLS) -> list[int]:
    """Return steps over the whole of a command, not a multiple of anything in it."""
    return [max(1, (2 * number + 1) * total // (2 * kills)) for number in range(kills)]


def make_world(folder: Path, url: str) -> World:
    few = edited("sites/blog.yaml", ("best hiking boots, hiking boots for women, winter hiking boots, ", ""))
    return World(write_root(folder, few), open_database(url, upgrade=True))


def applied(folder: Path, url: str) -> World:
    world = make_world(folder, url)
    world.apply()
    return world


def outcome(world: World) -> dict[str, object]:
    """Return what a run leaves, whatever happened on the way."""
    tables = ("keyword", "cluster", "idea", "task", "content", "image_prompt", "image", "publication")
    return {table: world.counts(table) for table in tables}


def assert_laws(world: World) -> None:
    with world.database.read() as connection:
        assert find_breaks(connection) == ()
        assert open_hold_credits(connection, account="acme") == balance_of(connection, "acme").held == 0
    attempts = world.counts("attempt", "status")
    assert attempts.get("pending", 0) == 0
    assert attempts["success"] == world.rows("SELECT count(*) FROM usage")[0][0], "one charge a success"
    twice = world.rows("SELECT stage, item_ids, count(*) FROM (SELECT stage, CAST(item_ids AS text) AS item_ids FROM usage) AS u"
                       " GROUP BY stage, item_ids HAVING count(*) > 1")  # fmt: skip
    assert twice == [], "nothing was charged twice"
    unpriced = world.rows(
        "SELECT id FROM attempt WHERE status = 'lost' AND (cost_nano = 0 OR cost_basis <> 'estimated')"
    )
    assert unpriced == [], "a lost call is visible at its estimated cost"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_url(request, tmp_path):
    """Makes URLs of new, empty databases."""
    if request.param == "postgresql":
        return request.getfixturevalue("new_postgres")
    numbers = iter(range(1000))
    return lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}"


@pytest.mark.parametrize("part", range(2))
def test_a_run_killed_anywhere_and_run_again_loses_nothing_and_charges_nothing_twice(tmp_path, new_url, part):
    words = ("run", "--now", "--offline", "--no-delays")
    whole = applied(tmp_path / "whole", new_url())
    total = steps_of(whole, *words)
    expected, spent = outcome(whole), whole.rows("SELECT spent FROM credit_account")
    for kill_at in spread(total)[part::2]:
        world = applied(tmp_path / f"killed-{kill_at}", new_url())
        assert command(world, kill_at, *words).returncode == -signal.SIGKILL
        again = command(world, 0, *words)
        assert again.returncode == 0, again.stderr
        assert outcome(world) == expected, f"killed at step {kill_at} of {total}"
        assert world.rows("SELECT spent FROM credit_account") == spent
        assert world.counts("run") == {"completed": 1} or kill_at < 30, "the same run went on"
        assert_laws(world)
        world.database.close()


@pytest.mark.parametrize(("update", "in_flight"), [(1, 1), (5, 1), (9, 3)])
def test_calls_in_flight_when_the_worker_dies_are_lost_at_their_estimated_cost_and_made_again(
    tmp_path, new_url, update, in_flight
):
    words = ("run", "--now", "--offline", "--no-delays")
    world = applied(tmp_path / "world", new_url())
    assert command(world, f"{update}:UPDATE attempt", *words).returncode == -signal.SIGKILL
    assert world.rows("SELECT count(*) FROM attempt WHERE status = 'pending'") == [(in_flight,)]
    assert world.rows("SELECT held > 0 FROM credit_account")[0][0], "its credits are held until somebody takes over"
    assert command(world, 0, *words).returncode == 0
    assert world.counts("attempt", "status")["lost"] == in_flight
    assert_laws(world)


def test_an_apply_killed_anywhere_is_wholly_there_or_not_at_all(tmp_path, new_url):
    whole = make_world(tmp_path / "whole", new_url())
    total = steps_of(whole, "apply", "--yes")
    for kill_at in spread(total, 6):
        world = make_world(tmp_path / f"killed-{kill_at}", new_url())
        assert command(world, kill_at, "apply", "--yes").returncode == -signal.SIGKILL
        resources = world.rows("SELECT count(*) FROM resource")[0][0]
        applies = world.rows("SELECT count(*) FROM history")[0][0]
        assert (resources, applies) in ((0, 0), (len(whole.rows("SELECT name FROM resource")), 1)), "old or new"
        assert command(world, 0, "apply", "--yes").returncode == 0
        assert world.rows("SELECT available FROM credit_account") == [(1000,)], "granted once"
        world.database.close()


def test_publishing_killed_anywhere_and_run_again_leaves_one_whole_public_article_each(tmp_path, new_url):
    run, publish = ("run", "--now", "--offline", "--no-delays"), ("publish", "--due", "--at", "+7d")
    whole = applied(tmp_path / "whole", new_url())
    assert command(whole, 0, *run).returncode == 0
    total = steps_of(whole, *publish)
    for kill_at in spread(total, 8):
        world = applied(tmp_path / f"killed-{kill_at}", new_url())
        assert command(world, 0, *run).returncode == 0
        assert command(world, kill_at, *publish).returncode == -signal.SIGKILL
        again = command(world, 0, *publish)
        assert again.returncode == 0, again.stderr
        rows = world.rows("SELECT key, state, url FROM publication")
        assert {state for _, state, _ in rows} == {"published"}
        pages = {
            page.parent: page.read_text() for page in (world.root / "published/blog/content/posts").glob("*/index.md")
        }
        assert len(pages) == len(rows)
        for key, _, url in rows:
            (folder,) = [folder for folder, text in pages.items() if f'igny8: "{key}"' in text]
            assert url.endswith(f"/{folder.name}/")
            assert len(list(folder.glob("*.png"))) == 3
        assert not [
            path for path in (world.root / "published").rglob(".igny8-*") if path.suffix != ".png" and kill_at == 0
        ]
        world.database.close()
