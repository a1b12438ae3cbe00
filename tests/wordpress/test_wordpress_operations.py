"""Publishing, updating, taking back and comparing articles on a real WordPress, as people and the daemon do it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from builder import World, edited, write_root
from wordpress_articles import RUN_AT

from cli.main import run as igny8
from reconciler.clock import FixedClock
from reconciler.operations.prepare_ahead import prepare_ahead
from reconciler.operations.publish import publish_due
from reconciler.store.engine import open_database

DUE = "2024-05-16T10:00Z"


@pytest.fixture
def world(site, tmp_path) -> World:
    """Two articles without images, scheduled for 14:00 and 18:00 of a day in the past."""
    publisher = "publisher: {type: wordpress, username: editor, application_password: {file: password.txt}}"
    changes = (
        ("publisher: {type: static, path: published/blog}", publisher + "\nstages: {prompts: {enabled: false}}"),
        ("url: https://blog.example", f"url: {site.url}"),
    )
    root = write_root(tmp_path / "root", edited("sites/blog.yaml", *changes))
    (root / "password.txt").write_text(site.passwords["editor"])
    made = World(root, open_database(f"sqlite:///{tmp_path / 'state.db'}"), FixedClock(RUN_AT))
    made.apply()
    made.run()
    assert made.counts("publication") == {"scheduled": 2}
    return made


@pytest.fixture
def cli(world, capsys):
    """Runs a command and returns its exit code, what it printed as data, and what it noted."""

    def command(*words: str, at: str = DUE):
        timed = ["--at", at] if words[0] in ("publish", "sync") else []
        code = igny8(["-C", str(world.root), "--db", world.database.url, *words, *timed])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_a_wrong_password_is_told_once_for_all_articles_and_mended_without_loss(world, site, cli):
    (world.root / "password.txt").write_text("wrong")
    code, out, err = cli("publish", "--due")
    assert (code, out.count("does not accept the user name"), "0 published, 0 failed" in out) == (7, 1, True)
    assert "application password" in err
    code, out, _ = cli("publish", "--due", "--json")
    assert (code, json.loads(out)["summary"]["stopped_sites"]) == (0, 1)
    assert world.counts("notification", "event")["publish_failed"] == 1
    assert world.rows("SELECT state, attempts FROM publication") == [("scheduled", 0)] * 2
    (world.root / "password.txt").write_text(site.passwords["editor"])
    code, out, _ = cli("publish", "--due", "--retry")
    assert (code, "2 published, 0 failed" in out) == (0, True)
    assert [post["date_gmt"] for post in site.posts()] == ["2024-05-15T14:00:00", "2024-05-15T18:00:00"]
    code, out, _ = cli("logs", "sync", "--json")
    assert [row["event"] for row in json.loads(out)["records"]][::-1] == [
        "stopped",
        "resumed",
        "published",
        "published",
    ]


def test_a_draft_is_ready_before_its_slot_and_the_slot_is_one_change(world, site):
    assert prepare_ahead(world.installation, world.database) == 1, "14:00 is near, 18:00 is not"
    assert [post["status"] for post in site.posts()] == ["draft"]
    assert prepare_ahead(world.installation, world.database) == 0
    site.requests()
    at_slot = world.at(RUN_AT + timedelta(hours=4))
    (item,) = publish_due(at_slot.installation, world.database).articles
    assert item.error == ""
    changes = [line for line in site.requests() if not line.startswith(("GET", "OPTIONS")) and "/tags" not in line]
    assert changes == [f"POST /wp/v2/posts/{site.posts()[0]['id']}"]


def test_a_draft_that_a_person_changed_waits_for_a_person(world, site, cli):
    prepare_ahead(world.installation, world.database)
    (post,) = site.posts()
    site.ask("POST", f"/posts/{post['id']}", {"title": "Better"})
    code, out, err = cli("publish", "--due")
    assert (code, "changed by hand" in out, "--force" in err) == (7, True, True)
    assert "Better" in [post["title"]["raw"] for post in site.posts()]
    code, out, _ = cli("publish", "1", "--force")
    assert (code, out.startswith("published")) == (0, True), out
    assert [post["status"] for post in site.posts()] == ["publish", "publish"]
    assert "Better" not in [post["title"]["raw"] for post in site.posts()]


def test_update_unpublish_and_back(world, site, cli):
    cli("publish", "--due")
    before = site.posts()[0]
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE content SET approved_hash = NULL, title = 'Edited', slug = 'other' WHERE id = 1"
        )
    code, out, _ = cli("publish", "1")
    assert (code, out.startswith("updated")) == (0, True)
    after = site.posts()[0]
    assert (after["slug"], after["date_gmt"], after["title"]["raw"]) == (before["slug"], before["date_gmt"], "Edited")
    assert cli("publish", "1")[1].startswith("unchanged")
    code, out, _ = cli("unpublish", "1")
    assert (code, out.startswith("unpublished"), site.posts()[0]["status"]) == (0, True, "draft")
    assert site.page(before["link"])[0] == 404
    assert cli("unpublish", "1")[0] == 5
    assert cli("publish", "--due")[0] == 0
    assert site.posts()[0]["status"] == "draft", "only a person brings it back"
    assert cli("publish", "1")[0] == 0
    assert (site.posts()[0]["link"], site.posts()[0]["date_gmt"]) == (before["link"], before["date_gmt"])


def test_what_is_public_is_compared_and_a_deleted_post_comes_back_by_force_only(world, site, cli):
    cli("publish", "--due")
    code, out, _ = cli("sync", "blog")
    assert (code, "2 articles, as we left them" in out) == (0, True)
    first, second = site.posts()
    site.ask("POST", f"/posts/{first['id']}", {"content": "by hand"})
    site.ask("DELETE", f"/posts/{second['id']}")
    code, out, _ = cli("sync", "--json", "--detailed-exitcode")
    found = json.loads(out)
    assert (code, found["summary"]["differing"]) == (2, 2)
    assert [item["finding"] for item in found["sites"][0]["findings"]] == ["changed-by-hand", "trashed"]
    with world.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET approved_hash = NULL, title = 'Edited'")
    assert [cli("publish", number)[0] for number in ("1", "2")] == [7, 7]
    assert (site.posts()[0]["content"]["raw"], site.posts()[1]["status"]) == ("by hand", "trash")
    site.ask("DELETE", f"/posts/{second['id']}", force="true")
    assert cli("publish", "1", "2", "--force")[0] == 0
    assert [(post["status"], post["title"]["raw"]) for post in site.posts()] == [("publish", "Edited")] * 2
    assert cli("sync")[1].count("as we left") == 1


def test_a_site_that_is_away_stops_and_is_looked_at_as_unreachable(world, site, cli):
    site.answer(503, "<title>Maintenance</title>", times=9)
    code, out, _ = cli("publish", "--due")
    assert (code, "fails with 503" in out) == (7, True)
    assert world.rows("SELECT attempts FROM publication") == [(0,), (0,)]
    site.be_well()
    assert cli("publish", "--due", at="2024-05-16T10:06Z")[0] == 0
    assert len(site.posts()) == 2


def test_nothing_to_publish_or_two_ways_at_once_is_a_mistake(cli):
    assert cli("publish")[0] == 64
    assert cli("publish", "1", "--due")[0] == 64
    assert cli("publish", "99")[0] == 64
    assert cli("sync", "nowhere")[0] == 64
