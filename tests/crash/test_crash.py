"""SIGKILL of the real process at any step, then again from the start: nothing is lost, nothing is charged twice.

The steps are spread evenly over the whole command, with an offset, so that together they cover all of its phases.
"""

from __future__ import annotations

import signal
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from builder import WEDNESDAY, World, edited

from reconciler.store.ledger import balance_of, find_breaks, open_hold_credits

KILLS = 10
RUN = ("run", "--now", "--offline", "--no-delays")
A_WEEK_LATER = ("--at", (WEDNESDAY + timedelta(days=7)).isoformat())
PUBLISH = ("publish", "--due", *A_WEEK_LATER)


def spread(total: int, kills: int = KILLS) -> list[int]:
    """Return steps over the whole of a command, not a multiple of anything in it."""
    return [max(1, (2 * number + 1) * total // (2 * kills)) for number in range(kills)]


def declared(world: World) -> None:
    """Prepare a root with half of the keywords, not applied yet."""
    few = ("best hiking boots, hiking boots for women, winter hiking boots, ", "")
    world.write(edited("sites/blog.yaml", few))


def applied(world: World) -> None:
    declared(world)
    world.apply()


def written(world: World) -> None:
    """Prepare articles that wait for their slots."""
    applied(world)
    world.run()


@pytest.fixture
def new_world(databases, tmp_path):
    """Makes worlds after a preparation."""

    def make(prepare):
        return databases.world(prepare, Path(tempfile.mkdtemp(dir=tmp_path)))

    return make


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


@pytest.mark.parametrize("part", range(2))
def test_a_run_killed_anywhere_and_run_again_loses_nothing_and_charges_nothing_twice(new_world, processes, part):
    whole = new_world(applied)
    done = processes.on(whole, *RUN)
    assert done.code == 0, done.stderr
    expected, spent = outcome(whole), whole.rows("SELECT spent FROM credit_account")
    for kill_at in spread(done.steps)[part::2]:
        world = new_world(applied)
        assert processes.on(world, *RUN, kill_at=kill_at).code == -signal.SIGKILL
        again = processes.on(world, *RUN)
        assert again.code == 0, again.stderr
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        assert world.rows("SELECT spent FROM credit_account") == spent
        assert world.counts("run") == {"completed": 1} or kill_at < 30, "the same run went on"
        assert_laws(world)


@pytest.mark.parametrize(("update", "in_flight"), [(1, 1), (5, 1), (9, 3)])
def test_calls_in_flight_when_the_worker_dies_are_lost_at_their_estimated_cost_and_made_again(
    new_world, processes, update, in_flight
):
    world = new_world(applied)
    assert processes.on(world, *RUN, kill_at=update, begins_with="UPDATE attempt").code == -signal.SIGKILL
    assert world.rows("SELECT count(*) FROM attempt WHERE status = 'pending'") == [(in_flight,)]
    assert world.rows("SELECT held > 0 FROM credit_account")[0][0], "its credits are held until somebody takes over"
    assert processes.on(world, *RUN).code == 0
    assert world.counts("attempt", "status")["lost"] == in_flight
    assert_laws(world)


def test_an_apply_killed_anywhere_is_wholly_there_or_not_at_all(new_world, processes):
    whole = new_world(declared)
    done = processes.on(whole, "apply", "--yes")
    assert done.code == 0, done.stderr
    for kill_at in spread(done.steps, 6):
        world = new_world(declared)
        assert processes.on(world, "apply", "--yes", kill_at=kill_at).code == -signal.SIGKILL
        resources = world.rows("SELECT count(*) FROM resource")[0][0]
        applies = world.rows("SELECT count(*) FROM history")[0][0]
        assert (resources, applies) in ((0, 0), (len(whole.rows("SELECT name FROM resource")), 1)), "old or new"
        assert processes.on(world, "apply", "--yes").code == 0
        assert world.rows("SELECT available FROM credit_account") == [(1000,)], "granted once"


def test_publishing_killed_anywhere_and_run_again_leaves_one_whole_public_article_each(new_world, processes):
    done = processes.on(new_world(written), *PUBLISH)
    assert done.code == 0, done.stderr
    for kill_at in spread(done.steps, 8):
        world = new_world(written)
        assert processes.on(world, *PUBLISH, kill_at=kill_at).code == -signal.SIGKILL
        again = processes.on(world, *PUBLISH)
        assert again.code == 0, again.stderr
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
