"""Publishing: in the order of the slots, once, and what happens when it cannot be."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from builder import FILES, World, edited
from sqlalchemy import Connection, event

from reconciler.errors import BlockedError, ConflictError, UsageError
from reconciler.operations.content import approve_article
from reconciler.operations.publish import publish_due
from reconciler.operations.publish_article import ArticleEnd, publish_article, unpublish_article
from reconciler.operations.review import schedule_article, unschedule_article
from reconciler.operations.sync import sync_sites
from reconciler.store.engine import AlreadyThereError


def week_later(world: World) -> World:
    return world.at(world.clock.now() + timedelta(days=7))


def later(world: World, *, minutes: int) -> World:
    return world.at(world.clock.now() + timedelta(minutes=minutes))


def test_late_articles_go_out_in_the_order_of_their_slots(scheduled):
    report = week_later(scheduled).publish()
    assert [item.error for item in report.articles] == ["", ""]
    assert [item.slot_at for item in report.articles] == sorted(item.slot_at for item in report.articles)
    assert week_later(scheduled).publish().articles == ()


def test_an_article_a_pass_costs_few_statements(scheduled):
    """On PostgreSQL each is a way to the server and back: a look, the lease, the intent, where it stands, that it is public."""
    world, sent = week_later(scheduled), Counter[str]()
    publish_due(world.installation, world.database, catch_up_per_hour=1)

    @event.listens_for(world.database.engine, "before_cursor_execute")
    def count_statement(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent[statement.split()[0]] += 1

    @event.listens_for(world.database.engine, "commit")
    def count_commit(_connection: object) -> None:
        sent["COMMIT"] += 1

    assert len(publish_due(world.installation, world.database).articles) == 1
    assert (sent["SELECT"], sent["INSERT"] + sent["UPDATE"], sent["COMMIT"]) == (10, 9, 6)


def test_nothing_goes_out_before_its_slot(small_scheduled):
    assert small_scheduled.publish().articles == ()
    assert not (small_scheduled.root / "published").exists()


def test_with_the_module_publishing_off_nothing_goes_out_and_that_is_said(small_scheduled):
    small_scheduled.write({"platform.yaml": FILES["platform.yaml"] + "modules: {publishing: false}\n"})
    small_scheduled.apply()
    report = week_later(small_scheduled).publish()
    assert (report.articles, report.note) == ((), "the module publishing is off")


def test_the_page_carries_key_title_images_and_the_label_of_a_sample(small_scheduled):
    item = week_later(small_scheduled).publish().articles[0]
    folder = small_scheduled.root / "published/blog/content/posts" / item.url.rstrip("/").rsplit("/", 1)[1]
    page = (folder / "index.md").read_text()
    ((key, title),) = small_scheduled.rows(
        "SELECT key, title FROM publication JOIN content ON content.id = content_id ORDER BY publication.id LIMIT 1"
    )
    assert f'igny8: "{key}"' in page
    assert f'title: "{title}"' in page
    assert "simulated: true" in page
    assert "Offline sample" in page
    assert len(list(folder.glob("*.png"))) == 3


def test_a_slot_holds_one_article_whoever_tries(scheduled):
    """The database refuses a second article in a slot of a site."""
    slot = scheduled.rows("SELECT site, slot_at, content_id FROM publication ORDER BY id LIMIT 1")[0]
    with pytest.raises(AlreadyThereError), scheduled.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE publication SET slot_at = (SELECT min(slot_at) FROM publication) WHERE content_id <> "
            + str(slot[2])
        )


def test_somebody_elses_page_is_never_overwritten_and_the_article_fails_with_the_reason(small_scheduled):
    (slug,) = small_scheduled.rows("SELECT slug FROM content ORDER BY id LIMIT 1")[0]
    page = small_scheduled.root / f"published/blog/content/posts/{slug}/index.md"
    page.parent.mkdir(parents=True)
    page.write_text("---\ntitle: mine\n---\nhands off\n")
    report = week_later(small_scheduled).publish()
    assert "belongs to another article" in report.articles[0].error
    assert report.articles[1].error == "", "the others go on"
    assert page.read_text().endswith("hands off\n")
    assert small_scheduled.counts("content") == {"failed": 1, "published": 1}
    events = small_scheduled.counts("notification", "event")
    assert (events["publish_failed"], events["publish_success"]) == (1, 1)


def test_a_place_that_cannot_be_written_stops_its_site_once_and_blames_no_article(scheduled):
    (scheduled.root / "published").write_text("a file where a folder should be")
    world = week_later(scheduled)
    report = world.publish()
    assert (report.articles, report.failed, len(report.stopped)) == ((), 1, 1)
    assert world.rows("SELECT state, attempts FROM publication") == [("scheduled", 0), ("scheduled", 0)]
    again = world.publish()
    assert (again.failed, [site.is_new for site in again.stopped]) == (0, [False]), "it is left alone for a while"
    assert later(world, minutes=5).publish().failed == 1
    assert world.counts("notification", "event")["publish_failed"] == 1, "one message, however often"
    (world.root / "published").unlink()
    assert later(world, minutes=10).publish().articles == (), "the second wait is longer"
    done = later(world, minutes=20).publish().articles
    assert [item.error for item in done] == ["", ""]
    assert world.counts("sync_event", "event") == {"stopped": 1, "resumed": 1, "published": 2}


def test_whoever_mended_the_site_need_not_wait(small_scheduled):
    blocker = small_scheduled.root / "published"
    blocker.write_text("")
    world = week_later(small_scheduled)
    world.publish()
    blocker.unlink()
    assert world.publish().articles == ()
    assert len(publish_due(world.installation, world.database, retry=True).articles) == 2


def test_an_article_that_fails_alone_is_tried_three_times_with_waits_and_then_told(small_scheduled):
    for path in (small_scheduled.root / ".igny8/media").rglob("*.png"):
        path.unlink()
    world = week_later(small_scheduled)
    first = world.publish()
    assert [item.again_at - world.clock.now() for item in first.articles] == [timedelta(minutes=5)] * 2
    assert world.publish().waiting == 2, "nothing is tried before its time"
    later(world, minutes=5).publish()
    assert later(world, minutes=30).publish().articles == ()
    assert world.counts("notification", "event").get("publish_failed", 0) == 0
    last = later(world, minutes=35).publish()
    assert [item.again_at for item in last.articles] == [None, None]
    assert (world.counts("publication"), world.counts("content")) == ({"failed": 2}, {"failed": 2})
    assert world.counts("notification", "event")["publish_failed"] == 2


def test_what_is_late_is_caught_up_in_order_and_not_all_in_one_hour(small_scheduled):
    world = week_later(small_scheduled)
    first = publish_due(world.installation, world.database, catch_up_per_hour=1)
    assert (len(first.articles), first.waiting) == (1, 1)
    assert publish_due(world.installation, world.database, catch_up_per_hour=1).articles == ()
    world = later(world, minutes=61)
    (second,) = publish_due(world.installation, world.database, catch_up_per_hour=1).articles
    assert second.slot_at > first.articles[0].slot_at


def test_an_edited_article_is_brought_up_to_date_in_place(world):
    one = published(world)
    assert one.publish_article(1).what == "unchanged"
    one.sql(
        "UPDATE content SET approved_hash = NULL, title = 'Edited', html = '<p>New.</p>', markdown = 'New.', slug = 'other' WHERE id = 1"
    )
    before = one.rows("SELECT url, published_at, slot_at FROM publication WHERE content_id = 1")
    end = one.publish_article(1)
    assert (end.what, end.url) == ("updated", before[0][0])
    assert one.rows("SELECT url, published_at, slot_at FROM publication WHERE content_id = 1") == before
    assert "Edited" in one.page(end.url)
    assert one.publish_article(1).what == "unchanged"


def test_an_edit_that_nobody_approved_does_not_reach_the_site(small_world):
    one = published(small_world)
    one.sql("UPDATE content SET title = 'Edited' WHERE id = 1")
    with pytest.raises(BlockedError, match="changed since it was approved"):
        one.publish_article(1, force=True)
    approve_article(one.database, one.clock, 1, by="ann")
    assert one.publish_article(1).what == "updated"


def test_a_change_by_hand_is_overwritten_only_by_force(small_world):
    one = published(small_world)
    url = one.publish_article(1).url
    path = one.path(url)
    path.write_text(path.read_text() + "by hand\n")
    one.sql("UPDATE content SET approved_hash = NULL, title = 'Edited' WHERE id = 1")
    refused = one.publish_article(1)
    assert (refused.what, "changed by hand" in refused.error) == ("failed", True)
    assert refused.hint == "--force overwrites the change"
    assert "by hand" in one.page(url)
    assert one.counts("content") == {"published": 2}, "it is as public as before"
    assert one.publish_article(1, force=True).what == "updated"
    assert "by hand" not in one.page(url)


def test_unpublished_is_out_of_sight_waits_for_a_person_and_comes_back_where_it_was(world):
    one = published(world)
    (slot,) = one.rows("SELECT slot_at FROM publication WHERE content_id = 1")
    gone = unpublish_article(one.installation, one.database, 1)
    assert (gone.what, one.path(gone.url).exists()) == ("unpublished", False)
    assert one.rows("SELECT state, waits_for FROM content WHERE id = 1") == [
        ("approved", "a person: it was unpublished by tester")
    ]
    assert one.publish().articles == (), "no slot is given to it again"
    with pytest.raises(ConflictError):
        unpublish_article(one.installation, one.database, 1)
    assert one.publish_article(1).url == gone.url
    assert one.rows("SELECT slot_at FROM publication WHERE content_id = 1") == [slot]
    assert one.counts("content") == {"published": 2}


def test_what_was_unpublished_takes_a_slot_and_gives_it_back_and_the_site_still_knows_it(world):
    one = published(world)
    unpublish_article(one.installation, one.database, 1)
    unpublish_article(one.installation, one.database, 2)
    known = one.rows("SELECT remote_id, key FROM publication ORDER BY content_id")
    slots = [schedule_article(one.database, one.clock, number, by="ann") for number in (1, 2)]
    assert one.counts("content") == {"scheduled": 2} and slots[0] < slots[1]
    with pytest.raises(ConflictError, match="is scheduled for"):
        schedule_article(one.database, one.clock, 1, by="ann")
    for number in (1, 2):
        unschedule_article(one.database, one.clock, number, by="ann")
    assert one.counts("publication") == {"withdrawn": 2}
    assert one.rows("SELECT remote_id, key FROM publication ORDER BY content_id") == known
    assert one.publish().articles == (), "no slot is given to it again"
    assert schedule_article(one.database, one.clock, 2, by="ann") == slots[0], "the slot is free again"


def test_without_a_publisher_nothing_is_scheduled(small_world):
    gone = ("publisher: {type: static, path: published/blog}\n", "")
    off = ("publishing:\n", "publishing:\n  auto_publish: false\n")
    small_world.write(edited("sites/blog.yaml", gone, off))
    small_world.apply()
    small_world.run()
    with pytest.raises(BlockedError, match="blog has no publisher"):
        schedule_article(small_world.database, small_world.clock, 1, by="ann")


def test_an_approved_article_goes_out_at_once_when_a_person_says_so(small_world):
    small_world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_publish: false\n")))
    small_world.apply()
    small_world.run()
    one = Person(small_world.root, small_world.database, small_world.clock)
    assert one.publish_article(1).what == "published"
    assert one.publish_article(2).what == "published"
    assert one.counts("content") == {"published": 2}


def test_what_nobody_approved_is_not_published_by_name(small_world):
    small_world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_approval: false\n")))
    small_world.apply()
    small_world.run()
    with pytest.raises(BlockedError, match="nobody has approved it"):
        publish_article(small_world.installation, small_world.database, 1, force=True)
    with pytest.raises(UsageError, match="no content 99"):
        publish_article(small_world.installation, small_world.database, 99, force=False)


def test_an_edit_that_comes_in_before_our_turn_at_the_site_keeps_the_article_back(small_scheduled):
    edits: list[str] = []

    @event.listens_for(small_scheduled.database.engine, "begin")
    def edit(connection: Connection) -> None:
        if not edits:  # the first transaction reads what was approved
            edits.append("to come")
        elif edits == ["to come"]:
            edits.append("done")
            connection.exec_driver_sql("UPDATE content SET html = '<p>By a person.</p>' WHERE id = 1")

    with pytest.raises(BlockedError, match="changed since it was approved"):
        publish_article(small_scheduled.installation, small_scheduled.database, 1, force=False)
    assert edits == ["to come", "done"]
    assert small_scheduled.counts("publication") == {"scheduled": 2}


def test_a_sync_finds_what_is_missing_and_what_was_changed_by_hand_and_says_it_once(world):
    one = published(world)
    (synced,) = sync_sites(one.installation, one.database)
    assert (synced.sync_status, synced.articles, synced.findings) == ("ok", 2, ())
    urls = [url for (url,) in one.rows("SELECT url FROM publication ORDER BY content_id")]
    one.path(urls[0]).unlink()
    one.path(urls[1]).write_text(one.page(urls[1]) + "by hand\n")
    (synced,) = sync_sites(one.installation, one.database)
    assert (synced.sync_status, [item.finding for item in synced.findings]) == (
        "differs",
        ["missing", "changed-by-hand"],
    )
    sync_sites(one.installation, one.database)
    assert one.counts("notification", "event")["drift_found"] == 1
    assert one.rows("SELECT event FROM sync_event WHERE event NOT IN ('published') ORDER BY id") == [
        ("missing",), ("changed-by-hand",),
    ]  # fmt: skip
    assert one.rows("SELECT sync_status FROM site_sync") == [("differs",)]
    for number, told in ((1, "it is missing at the site"), (2, "it is changed-by-hand at the site")):
        refused = one.publish_article(number)
        assert (refused.what, told in refused.error, refused.hint[:7]) == ("failed", True, "--force")
    assert one.publish_article(1, force=True).error == ""
    assert one.publish_article(2, force=True).what == "updated"
    (synced,) = sync_sites(one.installation, one.database)
    assert (synced.sync_status, synced.findings) == ("ok", ())


def test_a_sync_tells_what_was_edited_here_and_not_sent_yet(small_world):
    one = published(small_world)
    one.sql("UPDATE content SET approved_hash = NULL, title = 'Edited' WHERE id = 2")
    (synced,) = sync_sites(one.installation, one.database)
    assert (synced.sync_status, [(item.content_id, item.finding) for item in synced.findings]) == (
        "ok", [(2, "edited-here")],
    )  # fmt: skip


def test_a_site_was_compared_lately_or_not(small_world):
    one = published(small_world)
    assert len(sync_sites(one.installation, one.database, older_than=timedelta(days=1))) == 1
    assert sync_sites(one.installation, one.database, older_than=timedelta(days=1)) == ()
    with pytest.raises(UsageError, match="no site 'nowhere'"):
        sync_sites(one.installation, one.database, site="nowhere")


@dataclass
class Person(World):
    """A world in which a person names articles."""

    def publish_article(self, number: int, *, force: bool = False) -> ArticleEnd:
        return publish_article(self.installation, self.database, number, force=force)

    def path(self, url: str) -> Path:
        return self.root / "published/blog/content/posts" / url.rstrip("/").rsplit("/", 1)[1] / "index.md"

    def page(self, url: str) -> str:
        return self.path(url).read_text()

    def sql(self, statement: str) -> None:
        with self.database.write() as connection:
            connection.exec_driver_sql(statement)


def published(world: World) -> Person:
    """Return the world a week later, with its two articles public."""
    world.apply()
    world.run()
    week_later(world).publish()
    return Person(world.root, world.database, week_later(world).clock)


def test_a_person_approves_and_the_article_takes_the_next_free_slot(world):
    world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_approval: false\n")))
    world.apply()
    world.run()
    slot, waits_for = approve_article(world.database, world.clock, 1, by="ann")
    assert (str(slot)[:16], waits_for) == ("2026-11-18 14:00", "")
    second, _ = approve_article(world.database, world.clock, 2, by="ann")
    assert str(second)[:16] == "2026-11-18 18:00"
    assert world.rows("SELECT DISTINCT approved_by FROM content") == [("ann",)]


def test_an_article_that_is_moved_while_a_pass_is_under_way_goes_out_in_its_new_slot(scheduled):
    world = week_later(scheduled)
    ((second,),) = world.rows("SELECT content_id FROM publication ORDER BY slot_at DESC LIMIT 1")
    moved_to = world.clock.now() + timedelta(days=1)

    def move_it() -> bool:
        if world.counts("publication").get("published") == 1:
            schedule_article(world.database, world.clock, second, at=moved_to, by="ann")
        return False

    report = publish_due(world.installation, world.database, should_stop=move_it)
    assert [item.content_id for item in report.articles] != [], "the first one"
    assert second not in [item.content_id for item in report.articles]
    assert world.rows(f"SELECT state FROM publication WHERE content_id = {second}") == [("scheduled",)]
