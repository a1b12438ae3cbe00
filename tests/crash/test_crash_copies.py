"""Killed between two places and within each, and run again, an article is at every place once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builder import World, edited, write_root

from reconciler.store.engine import open_database

FORKED = Path(__file__).with_name("forked.py")
PUBLISH = ("publish", "--due", "--at", "+7d")
STATIC = "publisher: {type: static, path: published/blog}\n"
PLACES = """syndication:
  - {name: one, url: https://one.example, publisher: {type: static, path: published/one}}
  - {name: two, url: https://two.example, publisher: {type: static, path: published/two, generator: jekyll}}
"""


@pytest.fixture(scope="module")
def forked(tmp_path_factory):
    """Runs commands in processes of their own, killed at a step if asked; returns exit code and steps."""
    home = tmp_path_factory.mktemp("home")
    server = subprocess.Popen(
        (sys.executable, str(FORKED)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, env=os.environ | {"HOME": str(home), "IGNY8_ACTOR": "tester"},
    )  # fmt: skip

    def call(world: World, kill_at: int, kind: str, *words: str) -> tuple[int, int]:
        arguments = ["-C", str(world.root), "--db", world.database.url, *words]
        server.stdin.write(json.dumps([kill_at, arguments, kind]) + "\n")
        server.stdin.flush()
        return tuple(json.loads(server.stdout.readline()))

    yield call
    server.stdin.close()
    server.wait(timeout=30)


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


@pytest.mark.parametrize(("kind", "kills"), [("outside", 5), ("statements", 6)])
def test_killed_at_any_step_and_run_again_each_place_has_each_article_once(template, forked, tmp_path, kind, kills):
    whole = copied(template, tmp_path / "whole")
    code, total = forked(whole, 0, kind, *PUBLISH)
    assert code == 0
    expected = outcome(whole)
    assert [row[2] for row in expected["copies"]] == ["published"] * 4
    for kill_at in [(2 * number + 1) * total // (2 * kills) for number in range(kills)]:
        world = copied(template, tmp_path / f"{kind}-{kill_at}")
        assert forked(world, kill_at, kind, *PUBLISH)[0] == -signal.SIGKILL
        assert forked(world, 0, kind, *PUBLISH)[0] == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {total}"
        world.database.close()
        shutil.rmtree(tmp_path / f"{kind}-{kill_at}")


def test_killed_while_it_is_taken_back_it_is_gone_everywhere_once_that_is_repeated(template, forked, tmp_path):
    """What was begun is finished by the same words; until then no copy goes out that was taken back."""
    start = copied(template, tmp_path / "start")
    assert forked(start, 0, "statements", *PUBLISH)[0] == 0
    start.database.close()
    whole = copied(tmp_path / "start", tmp_path / "whole")
    code, total = forked(whole, 0, "outside", "unpublish", "1")
    assert code == 0
    expected = outcome(whole)
    for kill_at in range(1, total + 1, max(1, total // 4)):
        world = copied(tmp_path / "start", tmp_path / f"killed-{kill_at}")
        assert forked(world, kill_at, "outside", "unpublish", "1")[0] == -signal.SIGKILL
        assert forked(world, 0, "outside", "unpublish", "1")[0] == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {total}"
        assert forked(world, 0, "outside", *PUBLISH)[0] == 0
        assert outcome(world) == expected
        world.database.close()
        shutil.rmtree(tmp_path / f"killed-{kill_at}")
