"""Killed between two places and within each, and run again, an article is at every place once."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest
from builder import World, edited, write_root

from reconciler.store.engine import open_database

PUBLISH = ("publish", "--due", "--at", "+7d")
STATIC = "publisher: {type: static, path: published/blog}\n"
PLACES = """syndication:
  - {name: one, url: https://one.example, publisher: {type: static, path: published/one}}
  - {name: two, url: https://two.example, publisher: {type: static, path: published/two, generator: jekyll}}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    """A folder with a world whose articles wait for their slots."""
    folder = tmp_path_factory.mktemp("copies")
    site = edited("sites/blog.yaml", (STATIC, STATIC + PLACES))
    world = World(write_root(folder / "root", site), open_database(f"sqlite:///{folder / 'state.db'}"))
    world.apply()
    world.run()
    world.database.close()
    return folder


def copied(template: Path, folder: Path) -> World:
    shutil.copytree(template, folder)
    return World(folder / "root", open_database(f"sqlite:///{folder / 'state.db'}"))


def outcome(world: World) -> dict[str, object]:
    """Return what readers and the database have, however it came about."""
    published = world.root / "published"
    return {
        "articles": world.rows("SELECT key, state, url, remote_id FROM publication ORDER BY key"),
        "copies": world.rows("SELECT target_name, key, state, url, remote_id FROM publication_copy ORDER BY key"),
        "pages": {str(page.relative_to(published)): page.read_bytes() for page in published.rglob("*.md")},
    }


@pytest.mark.parametrize(("outside", "kills"), [(True, 5), (False, 6)], ids=["outside", "statements"])
def test_killed_at_any_step_and_run_again_each_place_has_each_article_once(
    template, processes, tmp_path, outside, kills
):
    whole = copied(template, tmp_path / "whole")
    done = processes.on(whole, *PUBLISH, outside=outside)
    assert done.code == 0
    expected = outcome(whole)
    assert [row[2] for row in expected["copies"]] == ["published"] * 4
    for kill_at in [(2 * number + 1) * done.steps // (2 * kills) for number in range(kills)]:
        world = copied(template, tmp_path / f"killed-{kill_at}")
        assert processes.on(world, *PUBLISH, kill_at=kill_at, outside=outside).code == -signal.SIGKILL
        assert processes.on(world, *PUBLISH).code == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        world.database.close()
        shutil.rmtree(tmp_path / f"killed-{kill_at}")


def test_killed_while_it_is_taken_back_it_is_gone_everywhere_once_that_is_repeated(template, processes, tmp_path):
    """What was begun is finished by the same words; until then no copy goes out that was taken back."""
    start = copied(template, tmp_path / "start")
    assert processes.on(start, *PUBLISH).code == 0
    start.database.close()
    whole = copied(tmp_path / "start", tmp_path / "whole")
    done = processes.on(whole, "unpublish", "1", outside=True)
    assert done.code == 0
    expected = outcome(whole)
    for kill_at in range(1, done.steps + 1, max(1, done.steps // 4)):
        world = copied(tmp_path / "start", tmp_path / f"killed-{kill_at}")
        assert processes.on(world, "unpublish", "1", kill_at=kill_at, outside=True).code == -signal.SIGKILL
        assert processes.on(world, "unpublish", "1").code == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        assert processes.on(world, *PUBLISH).code == 0
        assert outcome(world) == expected
        world.database.close()
        shutil.rmtree(tmp_path / f"killed-{kill_at}")
