"""The crash matrix of the static publisher: killed at any file, any git command, in the middle of a push; then again.

Whatever died where, there is one commit an article with the right bytes, on top of what others pushed meanwhile. The
suite kills at steps spread over the whole; `make crash` kills at every step, 20 times. An update is killed likewise.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from builder import World, edited, write_root
from igny8_process import command_line

from reconciler.publishers.static import make
from reconciler.store.engine import open_database

PUBLISH = ("publish", "--due", "--at", "+7d")
REPEATS = int(os.environ.get("IGNY8_CRASH_REPEATS", "0"))
REMOTE = "../../../remote.git"  # from the site's folder, so that a copied world has a remote of its own
SETTINGS = {
    "git": f"{{type: static, path: published/blog, git: {{remote: {REMOTE}}}}}",
    "jekyll": "{type: static, path: published/blog, generator: jekyll}",
}


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ("git", "-C", folder, "-c", "user.name=Pat", "-c", "user.email=pat@blog.example", *words),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture
def outside(processes):
    """Runs commands in processes of their own, whose steps are those that the world sees."""
    return partial(processes.on, outside=True)


@pytest.fixture(scope="module", params=SETTINGS)
def template(request, tmp_path_factory) -> Path:
    """A folder with a world whose articles wait for their slots, and with `git` a remote and our clone of it."""
    folder = tmp_path_factory.mktemp(request.param)
    site = edited(
        "sites/blog.yaml",
        ("{type: static, path: published/blog}", SETTINGS[request.param]),
    )
    world = World(write_root(folder / "root", site), open_database(f"sqlite:///{folder / 'state.db'}"))
    world.apply()
    world.run()
    world.database.close()
    if request.param == "git":
        make_remote(folder)
    return folder


def make_remote(folder: Path) -> None:
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(folder, "clone", "--quiet", str(folder / "remote.git"), "colleague")
    (folder / "colleague/hugo.toml").write_text("title = 'mine'\n")
    git(folder / "colleague", "add", "--all")
    git(folder / "colleague", "commit", "--quiet", "--message", "Begin")
    git(folder / "colleague", "push", "--quiet", "origin", "HEAD:main")
    git(folder / "colleague", "remote", "set-url", "origin", "../remote.git")
    settings = {"path": "published/blog", "git": {"remote": REMOTE}}
    make(settings, "https://blog.example", folder / "root", {}).check()
    # The first push of ours is overtaken by a colleague's: each crash leaves a rejected push behind as well.
    add_hook(folder / "root/published/blog/.git", "pre-push", (
        "colleague=../../../colleague; [ -e $colleague/done ] && exit 0; touch $colleague/done; unset GIT_DIR;"
        "cd $colleague && git -c user.name=Pat -c user.email=p@x.example commit -q --allow-empty -m Faster"
        " && git push -q origin HEAD:main"))  # fmt: skip


def add_hook(repository: Path, name: str, script: str) -> None:
    (repository / "hooks").mkdir(exist_ok=True)
    (repository / "hooks" / name).write_text(f"#!/bin/sh\n{script}\n")
    (repository / "hooks" / name).chmod(0o755)


def copied(template: Path, folder: Path) -> World:
    shutil.copytree(template, folder, symlinks=True)
    return World(folder / "root", open_database(f"sqlite:///{folder / 'state.db'}"))


def outcome(world: World) -> dict[str, object]:
    """Return what readers and the database have, byte for byte, however it came about."""
    rows = world.rows("SELECT key, state, url, remote_id FROM publication ORDER BY key")
    remote = world.root.parent / "remote.git"
    if remote.exists():
        trailers = git(remote, "log", "--format=%(trailers:key=Igny8-Key,valueonly,separator=)", "main").split()
        assert git(world.root / "published/blog", "status", "--porcelain") == ""
        assert [path.name for path in (world.root / "published/blog/.git").glob("igny8-*")] == []
        files = git(remote, "ls-tree", "-r", "main")
        return {
            "rows": rows,
            "commits": sorted(trailers),
            "files": files,
            "all": git(remote, "rev-list", "--count", "main"),
        }
    site = world.root / "published/blog"
    return {
        "rows": rows,
        "files": {str(file.relative_to(site)): file.read_bytes() for file in site.rglob("*") if file.is_file()},
    }


def test_killed_at_any_step_and_run_again_every_article_is_out_once_and_whole(template, outside, tmp_path):
    whole = copied(template, tmp_path / "whole")
    done = outside(whole, *PUBLISH)
    assert done.code == 0
    expected = outcome(whole)
    assert {row[1] for row in expected["rows"]} == {"published"}
    assert len(expected["rows"]) == 2
    assert len(expected.get("commits", expected["rows"])) == 2
    for repeat, kill_at in kills(done.steps, "publication"):
        world = copied(template, tmp_path / f"{repeat}-{kill_at}")
        assert outside(world, *PUBLISH, kill_at=kill_at).code == -signal.SIGKILL
        assert outside(world, *PUBLISH).code == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        world.database.close()
        shutil.rmtree(tmp_path / f"{repeat}-{kill_at}")


def kills(total: int, what: str) -> list[tuple[int, int]]:
    """Return at which steps to kill, each with the number of its repetition."""
    sys.stdout.write(f"a {what} has {total} steps; each is killed {REPEATS or 'at most one'} times\n")
    if REPEATS:
        return [(repeat, step) for repeat in range(REPEATS) for step in range(1, total + 1)]
    return [(0, step) for step in sorted({max(1, (2 * number + 1) * total // 12) for number in range(6)})]


def test_an_update_killed_at_any_step_and_run_again_leaves_the_new_text_once(template, outside, tmp_path):
    public = copied(template, tmp_path / "public")
    assert outside(public, *PUBLISH).code == 0
    (edited_id,) = public.rows("SELECT min(content_id) FROM publication")[0]
    with public.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE content SET approved_hash = NULL, title = 'Edited \U0001f600 {{x}}',"
            f" html = '<p>New.</p>', markdown = 'New \\ {{{{ text }}}}.' WHERE id = {edited_id}"
        )
    before = outcome(public)
    public.database.close()
    whole = copied(tmp_path / "public", tmp_path / "whole")
    update = ("publish", str(edited_id), "--at", "+7d")
    done = outside(whole, *update)
    assert done.code == 0
    expected = outcome(whole)
    assert expected["rows"] == before["rows"]
    assert expected["files"] != before["files"]
    assert len(expected.get("commits", (1, 2, 3))) == 3
    for repeat, kill_at in kills(done.steps, "update"):
        world = copied(tmp_path / "public", tmp_path / f"{repeat}-{kill_at}")
        assert outside(world, *update, kill_at=kill_at).code == -signal.SIGKILL
        assert outside(world, *update).code == 0
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        world.database.close()
        shutil.rmtree(tmp_path / f"{repeat}-{kill_at}")


def test_a_withdrawal_killed_at_any_step_and_run_again_leaves_neither_page_nor_image(template, outside, tmp_path):
    public = copied(template, tmp_path / "public")
    assert outside(public, *PUBLISH).code == 0
    (article,) = public.rows("SELECT min(content_id) FROM publication")[0]
    before = outcome(public)
    public.database.close()
    whole = copied(tmp_path / "public", tmp_path / "whole")
    unpublish = ("unpublish", str(article))
    done = outside(whole, *unpublish)
    assert done.code == 0
    expected = outcome(whole)
    assert len(expected["files"]) < len(before["files"])
    assert sorted(row[1] for row in expected["rows"]) == ["published", "withdrawn"]
    for repeat, kill_at in kills(done.steps, "withdrawal"):
        world = copied(tmp_path / "public", tmp_path / f"{repeat}-{kill_at}")
        assert outside(world, *unpublish, kill_at=kill_at).code == -signal.SIGKILL
        assert outside(world, *unpublish).code in (0, 6), "6: it was recorded already"
        assert outcome(world) == expected, f"killed at step {kill_at} of {done.steps}"
        world.database.close()
        shutil.rmtree(tmp_path / f"{repeat}-{kill_at}")


# From the hook up to the process of ours, whose name is Python's.
_KILL_US = (
    "p=$$; while [ $p -gt 1 ]; do p=$(awk '{print $4}' /proc/$p/stat);"
    " case $(cat /proc/$p/comm) in python*|pytest*) kill -9 $p; break;; esac; done"
)
_ONCE = "[ -e killed ] && exit 0; touch killed;"


@pytest.mark.parametrize(
    ("hook", "script"),
    [
        pytest.param("pre-receive", _KILL_US, id="we die while the remote takes the commit; git goes on alone"),
        pytest.param("pre-receive", f"{_KILL_US}; kill -9 0", id="we and git die before the remote has taken it"),
        pytest.param("post-receive", f"{_KILL_US}; kill -9 0", id="we and git die before we hear that it was taken"),
    ],
)
@pytest.mark.parametrize("template", ["git"], indirect=True)
def test_killed_in_the_middle_of_a_push_the_commit_is_there_once(template, outside, tmp_path, hook, script):
    alone = tmp_path / "alone"
    shutil.copytree(template, alone, symlinks=True)
    (alone / "colleague/done").touch()
    template = alone
    whole = copied(template, tmp_path / "whole")
    assert outside(whole, *PUBLISH).code == 0
    for repeat in range(max(1, REPEATS)):
        world = copied(template, tmp_path / f"killed-{repeat}")
        add_hook(tmp_path / f"killed-{repeat}/remote.git", hook, _ONCE + script)
        assert outside(world, *PUBLISH).code == -signal.SIGKILL
        assert outside(world, *PUBLISH).code == 0
        assert outcome(world) == outcome(whole)
        world.database.close()


@pytest.mark.parametrize("template", ["git"], indirect=True)
def test_two_daemons_at_one_site_publish_every_article_once(template, tmp_path):
    """Two real processes with one database: the second finds the site busy, or nothing left to do."""
    world = copied(template, tmp_path / "both")
    root = Path(__file__).parents[2]

    def publish(_: int) -> int:
        return subprocess.run(command_line(world, *PUBLISH), cwd=root, capture_output=True, check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(publish, range(2)))
    if world.counts("publication") != {"published": 2}:
        codes.append(publish(0))
    assert set(codes) <= {0, 6}, codes
    found = outcome(world)
    assert len(found["commits"]) == 2
    assert sorted(found["commits"]) == sorted(row[0] for row in found["rows"])
    world.database.close()
