"""One article at a folder, a Ghost and a webhook: each copy once, whatever happens at the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from builder import World, edited
from stand_in_ghost import StandInGhost, standing_in
from webhook_receiver import SECRET, Receiver, receiving

from reconciler.operations.check_publishers import check_publishers
from reconciler.operations.publish_article import publish_article, unpublish_article

STATIC = "publisher: {type: static, path: published/blog}\n"


@dataclass
class Scene:
    """A world whose articles go to a folder, then to a Ghost and a webhook."""

    world: World
    ghost: StandInGhost
    hook: Receiver

    def site(self, first: str = STATIC) -> dict[str, str | None]:
        ghost = f"  - {{name: ghost, url: {self.ghost.url}, publisher: {{type: ghost, admin_api_key: {{env: GHOST_KEY}}}}}}\n"
        endpoint = f"publisher: {{type: webhook, endpoint: {self.hook.url}/in, secret: {{env: HOOK_SECRET}}}}"
        hook = f"  - {{name: hook, url: https://hook.example, {endpoint}}}\n"
        further = ghost if first != STATIC else ghost + hook
        return edited("sites/blog.yaml", (STATIC, f"{first}syndication:\n{further}"))

    def begin(self, first: str = STATIC) -> World:
        """Apply, run, and let a week pass."""
        self.world.write(self.site(first))
        self.world.apply()
        self.world.run()
        return self.world.at(self.world.clock.now() + timedelta(days=7))


@pytest.fixture
def scene(small_world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with standing_in() as ghost, receiving() as hook:
        monkeypatch.setenv("GHOST_KEY", ghost.admin_api_key)
        monkeypatch.setenv("HOOK_SECRET", SECRET)
        yield Scene(small_world, ghost, hook)


def test_every_copy_names_the_address_of_the_article_and_is_made_once(scene):
    world = scene.begin()
    assert world.publish().failed == 0
    addresses = {url for (url,) in world.rows("SELECT url FROM publication")}
    assert {post["canonical_url"] for post in scene.ghost.posts()} == addresses
    messages = scene.hook.done.values()
    assert {message["data"]["canonical_url"] for message in messages} == addresses
    assert scene.hook.events() == ["article.published"] * 2
    assert world.publish().articles == ()
    assert (len(scene.ghost.posts()), len(scene.hook.tries)) == (2, 2)
    checks = check_publishers(world.installation, world.compile(), ())
    assert [(check.label, check.verdict) for check in checks] == [
        ("blog", "ok"),
        ("blog/ghost", "ok"),
        ("blog/hook", "ok"),
    ]


def test_a_receiver_that_is_down_holds_up_nobody_else_and_gets_its_copy_later(scene):
    world = scene.begin()
    scene.hook.answers[:] = [(503, {}, b"")] * 3
    report = world.publish()
    assert [stopped.target for stopped in report.stopped] == ["hook"]
    assert (len(scene.ghost.posts()), world.counts("content")) == (2, {"published": 2})
    later = world.at(world.clock.now() + timedelta(hours=1))
    scene.hook.answers.clear()
    assert {item.target for item in later.publish().articles} == {"hook"}
    messages = {tried for tried in scene.hook.tries if not tried.startswith("msg_check")}
    assert messages == set(scene.hook.done), "the message that got no answer is the one that was taken"
    assert scene.hook.events() == ["article.published"] * 2


def test_an_edit_and_a_withdrawal_reach_each_place_in_its_own_way(scene):
    world = scene.begin()
    world.publish()
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET approved_hash = NULL, title = 'Edited' WHERE id = 1")
    end = publish_article(world.installation, world.database, 1, force=False)
    assert [(copy.target, copy.what) for copy in end.copies] == [("ghost", "updated"), ("hook", "updated")]
    assert [post["title"] for post in scene.ghost.posts()].count("Edited") == 1
    gone = unpublish_article(world.installation, world.database, 1)
    assert [(copy.target, copy.what) for copy in gone.copies] == [("ghost", "unpublished"), ("hook", "unpublished")]
    assert sorted(post["status"] for post in scene.ghost.posts()) == ["draft", "published"]
    assert scene.hook.events()[2:] == ["article.updated", "article.unpublished"]


def test_copies_wait_while_nobody_knows_where_the_article_stands(scene):
    first = f"publisher: {{type: webhook, endpoint: {scene.hook.url}/in, secret: {{env: HOOK_SECRET}}}}\n"
    world = scene.begin(first)
    assert world.publish().failed == 0
    assert scene.ghost.posts() == []
    (copy,) = publish_article(world.installation, world.database, 1, force=False).copies
    assert (copy.what, copy.hint) == ("waiting", "is public, but its site has not told where")
    scene.hook.answer = {"url": "https://blog.example/here/"}
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET approved_hash = NULL, title = 'Edited' WHERE id = 1")
    end = publish_article(world.installation, world.database, 1, force=False)
    assert [copy.what for copy in end.copies] == ["published"]
    assert [post["canonical_url"] for post in scene.ghost.posts()] == ["https://blog.example/here/"]
