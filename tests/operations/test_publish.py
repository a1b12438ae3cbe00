"""Publishing: in the order of the slots, once, and what happens when it cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from builder import FILES, World, edited

from reconciler.operations.content import approve_article
from reconciler.store.engine import AlreadyThereError


def week_later(world: World) -> World:
    return world.at(world.clock.now() + timedelta(days=7))


def test_late_articles_go_out_in_the_order_of_their_slots(world):
    world.apply()
    world.run()
    report = week_later(world).publish()
    assert [item.error for item in report.articles] == ["", ""]
    assert [item.slot_at for item in report.articles] == sorted(item.slot_at for item in report.articles)
    assert week_later(world).publish().articles == ()


def test_nothing_goes_out_before_its_slot(small_world):
    small_world.apply()
    small_world.run()
    assert small_world.publish().articles == ()
    assert not (small_world.root / "published").exists()


def test_with_the_module_publishing_off_nothing_goes_out_and_that_is_said(small_world):
    small_world.apply()
    small_world.run()
    small_world.write({"platform.yaml": FILES["platform.yaml"] + "modules: {publishing: false}\n"})
    small_world.apply()
    report = week_later(small_world).publish()
    assert (report.articles, report.note) == ((), "the module publishing is off")


def test_the_page_carries_key_title_images_and_the_label_of_a_sample(small_world):
    small_world.apply()
    small_world.run()
    item = week_later(small_world).publish().articles[0]
    folder = small_world.root / "published/blog/content/posts" / item.url.rstrip("/").rsplit("/", 1)[1]
    page = (folder / "index.md").read_text()
    ((key, title),) = small_world.rows(
        "SELECT key, title FROM publication JOIN content ON content.id = content_id ORDER BY publication.id LIMIT 1"
    )
    assert f'igny8: "{key}"' in page
    assert f'title: "{title}"' in page
    assert "simulated: true" in page
    assert "Offline sample" in page
    assert len(list(folder.glob("*.png"))) == 3


def test_a_slot_holds_one_article_whoever_tries(world):
    """The database refuses a second article in a slot of a site."""
    world.apply()
    world.run()
    slot = world.rows("SELECT site, slot_at, content_id FROM publication ORDER BY id LIMIT 1")[0]
    with pytest.raises(AlreadyThereError), world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE publication SET slot_at = (SELECT min(slot_at) FROM publication) WHERE content_id <> "
            + str(slot[2])
        )


def test_somebody_elses_page_is_never_overwritten_and_the_article_fails_with_the_reason(small_world):
    small_world.apply()
    small_world.run()
    (slug,) = small_world.rows("SELECT slug FROM content ORDER BY id LIMIT 1")[0]
    page = small_world.root / f"published/blog/content/posts/{slug}/index.md"
    page.parent.mkdir(parents=True)
    page.write_text("---\ntitle: mine\n---\nhands off\n")
    report = week_later(small_world).publish()
    assert "belongs to another article" in report.articles[0].error
    assert report.articles[1].error == "", "the others go on"
    assert page.read_text().endswith("hands off\n")
    assert small_world.counts("content") == {"failed": 1, "published": 1}
    events = small_world.counts("notification", "event")
    assert (events["publish_failed"], events["publish_success"]) == (1, 1)


def test_a_folder_that_cannot_be_written_is_tried_again_and_fails_after_three(small_world):
    small_world.apply()
    small_world.run()
    (small_world.root / "published").write_text("a file where a folder should be")
    world = week_later(small_world)
    assert world.publish().failed == 2
    assert world.counts("publication") == {"scheduled": 2}
    world.publish()
    world.publish()
    assert world.counts("publication") == {"failed": 2}


def test_a_person_approves_and_the_article_takes_the_next_free_slot(world):
    world.write(edited("sites/blog.yaml", ("publishing:\n", "publishing:\n  auto_approval: false\n")))
    world.apply()
    world.run()
    slot, waits_for = approve_article(world.database, world.clock, 1, by="ann")
    assert (str(slot)[:16], waits_for) == ("2026-11-18 14:00", "")
    second, _ = approve_article(world.database, world.clock, 2, by="ann")
    assert str(second)[:16] == "2026-11-18 18:00"
    assert world.rows("SELECT DISTINCT approved_by FROM content") == [("ann",)]
