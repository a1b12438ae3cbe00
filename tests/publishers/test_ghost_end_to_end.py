"""From config to articles on Ghost: published in their slots, checked, and killed on the way.

With IGNY8_TEST_GHOST=1 the Ghost is a real one, and the process is killed after each of its requests; with
IGNY8_CRASH_REPEATS=N, N times after each, and each answer is lost N times.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from builder import World, edited
from igny8_process import Igny8Processes
from losing_proxy import LosingProxy, proxied
from stand_in_ghost import standing_in

from cli.main import run
from reconciler.errors import ExitCode
from reconciler.operations.article import article_of
from reconciler.operations.context import load_contexts
from reconciler.operations.publish_article import publish_article
from reconciler.operations.sync import sync_sites
from reconciler.publishers.ghost_post import article_fields, differing
from reconciler.store.engine import open_database
from reconciler.store.publications import publications_of
from reconciler.store.tables import content

IS_REAL = os.environ.get("IGNY8_TEST_GHOST") == "1"
REPEATS = int(os.environ.get("IGNY8_CRASH_REPEATS") or 1)
_PUBLISHER = "publisher: {type: ghost, admin_api_key: {env: GHOST_KEY}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if IS_REAL:
        from real_ghost import running

        with running(tmp_path_factory.mktemp("ghost")) as real:
            yield real
    else:
        with standing_in() as stand_in:
            yield stand_in


@dataclass
class Scene:
    """A world whose one site is a Ghost behind a proxy, with two articles that wait for their slots."""

    world: World
    ghost: Any
    proxy: LosingProxy

    def later(self, root: Path | None = None) -> World:
        """Return the world, or a copy of it in another folder, a week later."""
        world = replace(self.world)
        if root is not None:
            shutil.copytree(self.world.root, root)
            url = f"sqlite:///{root / '.igny8/state.db'}"
            world = replace(self.world, root=root, database=open_database(url))
        return world.at(world.clock.now() + timedelta(days=7))


@pytest.fixture
def proxy(small_world: World, server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[LosingProxy]:
    """A proxy to an empty Ghost, and the config of a site that publishes there."""
    server.empty()
    monkeypatch.setenv("GHOST_KEY", server.admin_api_key)
    with proxied(server.url) as opened:
        small_world.write(site_at(opened.url))
        yield opened


def site_at(url: str) -> dict[str, str | None]:
    """Return the file of a site that is the Ghost at a URL."""
    static = "publisher: {type: static, path: published/blog}"
    return edited("sites/blog.yaml", ("https://blog.example", url), (static, _PUBLISHER))


@pytest.fixture
def scene(small_world: World, server: Any, proxy: LosingProxy) -> Iterator[Scene]:
    (small_world.root / ".igny8").mkdir(exist_ok=True)
    database = open_database(f"sqlite:///{small_world.root / '.igny8/state.db'}")
    world = replace(small_world, database=database)
    world.apply()
    world.run()
    yield Scene(world, server, proxy)
    database.close()


@pytest.fixture
def cli(small_world: World, proxy: LosingProxy, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command line on that config; returns exit code and stdout."""

    def call(*words: str) -> tuple[int, str]:
        code = run(["-C", str(small_world.root), "--color", "never", "publishers", *words])
        return code, capsys.readouterr().out

    return call


def expect_both_once(scene: Scene, world: World) -> None:
    """Two articles are public, each once, in its slot, to the byte, with one set of images; igny8 knows where they are."""
    found = scene.ghost.posts()
    posts = {post["slug"]: post for post in found}
    assert len(posts) == len(found) == 2, [(post["slug"], post["status"]) for post in found]
    assert {post["status"] for post in found} == {"published"}
    urls = dict(world.rows("SELECT sha256, url FROM remote_media"))
    with world.database.read() as connection:
        rows = publications_of(connection, "blog", ["published"])
        context = load_contexts(connection)["blog"]
        articles = [article_of(world.installation, connection, context, row) for row in rows]
    for row, article in zip(rows, articles, strict=True):
        post = posts[article.slug]
        assert differing(post, article_fields(article, urls, tags=(), author=None)) == []
        assert (post["url"], datetime.fromisoformat(post["published_at"])) == (row["url"], row["slot_at"])
    assert len(rows) == 2
    images = {sha for (sha,) in world.rows("SELECT sha256 FROM image")}
    assert len(scene.ghost.image_names()) == len(images) == len(urls)


def test_articles_go_out_once_and_the_site_is_told_apart(scene):
    world = scene.later()
    assert [item.error for item in world.publish().articles] == ["", ""]
    expect_both_once(scene, world)
    assert world.publish().articles == ()


def test_an_update_of_what_a_person_took_out_of_sight_is_no_success(scene):
    world = scene.later()
    world.publish()
    (post_id,) = (str(number) for (number,) in world.rows("SELECT remote_id FROM publication WHERE content_id = 1"))
    scene.ghost.change(post_id, status="draft")
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET approved_hash = NULL, title = 'Edited' WHERE id = 1")
    for _ in range(2):
        end = publish_article(world.installation, world.database, 1, force=False)
        assert (end.what, "unpublished-by-hand" in end.error) == ("failed", True)
        assert "igny8 unpublish" in end.hint
    assert {post["id"]: post["title"] for post in scene.ghost.posts()}[post_id] == "Edited"
    scene.ghost.change(post_id, status="published")
    (synced,) = sync_sites(world.installation, world.database)
    assert (synced.sync_status, synced.findings) == ("ok", ())


def kinds_of_writes(seen: list[str]) -> list[int]:
    """Return the numbers of the first request of each kind that changes something."""
    first: dict[str, int] = {}
    for number, request in enumerate(seen, start=1):
        method, path = request.split()
        if method in ("POST", "PUT"):
            first.setdefault(f"{method} {path.split('/')[4]}", number)
    return list(first.values())


def publish_killed(scene: Scene, world: World, processes: Igny8Processes, number: int, *words: str) -> None:
    """Publish in another process, which is killed once Ghost has done what its N-th request asks for."""
    scene.proxy.again(number)
    scene.proxy.on_loss = lambda: os.kill(int(processes.pid_file.read_text()), signal.SIGKILL)
    ended = processes.on(world, "publish", *words, "--at", world.clock.now().isoformat())
    assert ended.code == -signal.SIGKILL, ended.said
    scene.proxy.again()
    scene.proxy.on_loss = None


def new_world(scene: Scene, folder: Path) -> World:
    """Return a copy of the world in this folder, a week later, with an empty Ghost."""
    scene.ghost.empty()
    scene.proxy.again()
    shutil.rmtree(folder, ignore_errors=True)
    return scene.later(folder)


@pytest.mark.timeout(0)
def test_killed_after_any_request_and_run_again_each_article_is_public_once(scene, processes, tmp_path):
    world = new_world(scene, tmp_path / "whole")
    world.publish()
    world.database.close()
    half = next(number for number, request in enumerate(scene.proxy.seen) if request.startswith("PUT")) + 3
    numbers = list(range(1, half)) if IS_REAL else kinds_of_writes(scene.proxy.seen)
    assert len(numbers) >= 3
    sys.stdout.write(f"after each of {len(numbers)} requests, {REPEATS} times: {scene.proxy.seen[: half - 1]}\n")
    for number in numbers * REPEATS:
        world = new_world(scene, tmp_path / "killed")
        publish_killed(scene, world, processes, number, "--due")
        world = later(world, minutes=30)
        report = world.publish()
        assert [item.error for item in report.articles] == ["", ""], number
        expect_both_once(scene, world)
        world.database.close()
        tell_progress()


STEPS = {"media": "POST /ghost/api/admin/images/upload/", "draft": "POST /ghost/api/admin/posts/", "publish": "PUT"}


@pytest.mark.timeout(0)
def test_a_lost_answer_is_tried_again_later_and_makes_nothing_twice(scene, tmp_path):
    world = new_world(scene, tmp_path / "whole")
    world.publish()
    world.database.close()
    requests = list(scene.proxy.seen)
    for step, before in list(product(STEPS.values(), (False, True))) * REPEATS:
        number = next(number for number, request in enumerate(requests, start=1) if request.startswith(step))
        world = new_world(scene, tmp_path / "lost")
        scene.proxy.again(number, before=before)
        assert "" not in [item.error for item in world.publish().articles[:1]], (step, before)
        scene.proxy.again()
        world = later(world, minutes=120)
        world.publish()
        expect_both_once(scene, world)
        world.database.close()
        tell_progress()


@pytest.mark.timeout(0)
def test_an_update_killed_or_unanswered_and_run_again_leaves_the_new_text(scene, processes, tmp_path):
    world = new_world(scene, tmp_path / "updated")
    world.publish()
    edit_article(world, "Edited")
    scene.proxy.again()
    assert publish_article(world.installation, world.database, 1, force=False).what == "updated"
    requests = list(scene.proxy.seen)
    put = next(number for number, request in enumerate(requests, start=1) if request.startswith("PUT"))
    for repeat in range(REPEATS):
        for number in range(1, len(requests) + 1) if IS_REAL else [put]:
            edit_article(world, f"Killed {repeat}-{number} 😀 \\ {{{{x}}}}")
            publish_killed(scene, world, processes, number, "1")
            assert publish_article(world.installation, world.database, 1, force=False).what == "updated"
            expect_both_once(scene, world)
            tell_progress()
        for before in (False, True):
            edit_article(world, f"Lost {repeat} {before}")
            scene.proxy.again(put, before=before)
            assert publish_article(world.installation, world.database, 1, force=False).what == "failed"
            scene.proxy.again()
            assert publish_article(world.installation, world.database, 1, force=False).what == "updated"
            expect_both_once(scene, world)
            tell_progress()
    world.database.close()


def edit_article(world: World, title: str) -> None:
    """Give an article another text, as a person would who is asked about nothing."""
    values = {"title": title, "html": f"<p>{title} مرحبا</p>"}
    with world.database.write() as connection:
        connection.execute(content.update().where(content.c.id == 1).values(approved_hash=None, **values))


def later(world: World, *, minutes: int) -> World:
    return world.at(world.clock.now() + timedelta(minutes=minutes))


def tell_progress() -> None:
    if REPEATS > 1:
        sys.stdout.write(".")
        sys.stdout.flush()


def test_publishers_check_tells_who_we_are(cli):
    code, out = cli("check", "blog", "--json")
    answer = json.loads(out)
    assert (code, answer["summary"]) == (ExitCode.OK, {"sites": 1, "failed": 0})
    (check,) = answer["checks"]
    assert check["verdict"] == "ok" and check["who"].startswith("integration ")
    code, out = cli("check", "blog")
    assert code == ExitCode.OK and "we may    find and make drafts, publish" in out


def test_publishers_check_ends_with_8_and_names_what_to_do(cli, monkeypatch):
    monkeypatch.setenv("GHOST_KEY", f"{'0' * 24}:{'0' * 64}")
    code, out = cli("check", "--all")
    assert code == ExitCode.UNREACHABLE
    assert "blog (ghost): failed" in out and "refuses the admin_api_key" in out and "Settings, Integrations" in out
    monkeypatch.delenv("GHOST_KEY")
    code, out = cli("check", "--all")
    assert code == ExitCode.UNREACHABLE and "GHOST_KEY is not set" in out


def test_publishers_check_names_the_role_that_is_enough(cli, small_world, monkeypatch):
    """At a stand-in in any case: the real Ghost has one user, its owner."""
    with standing_in() as ghost:
        ghost.role = "Contributor"
        monkeypatch.setenv("GHOST_KEY", ghost.admin_api_key)
        small_world.write(site_at(ghost.url))
        code, out = cli("check", "blog")
    assert code == ExitCode.UNREACHABLE
    assert "missing   publish and change every post" in out
    assert "enough is a custom integration, or a staff token of an Editor" in out


@pytest.mark.parametrize("words", [[], ["blog", "--all"], ["nowhere"]])
def test_publishers_check_wants_sites_that_are_there(cli, words):
    assert cli("check", *words)[0] == ExitCode.USAGE


def test_a_site_without_a_publisher_is_said_and_no_failure(cli, small_world):
    static = "publisher: {type: static, path: published/blog}\n"
    small_world.write(
        edited("sites/blog.yaml", (static, ""), ("publishing:\n", "publishing:\n  auto_publish: false\n"))
    )
    assert cli("check", "blog") == (ExitCode.OK, "blog (no publisher): none\n")


def test_publishers_list_tells_each_type_with_its_settings(cli):
    code, out = cli("list", "--json")
    listed = {item["name"]: item for item in json.loads(out)["publishers"]}
    assert code == ExitCode.OK
    assert listed["ghost"]["required"] == ["admin_api_key"] and "drafts" in listed["ghost"]["capabilities"]
    assert "looks" not in listed["webhook"]["capabilities"]
    assert "admin_api_key, [admin_url]" in cli("list")[1]
