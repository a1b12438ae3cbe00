"""Copies at further places: each goes out once, after its article, and what happens at one place stays there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from builder import FILES, World, edited

from reconciler.errors import ConflictError, UsageError
from reconciler.operations.content import approve_article, show_article
from reconciler.operations.plan import plan
from reconciler.operations.publish import publish_due
from reconciler.operations.publish_article import ArticleEnd, publish_article, unpublish_article
from reconciler.operations.sync import sync_sites

PUBLISHER = "publisher: {type: static, path: published/blog}\n"
PARTNER = "  - {name: partner, url: https://partner.example, publisher: {type: static, path: published/partner}%s}\n"
MIRROR = (
    "  - {name: mirror, url: https://mirror.example,"
    " publisher: {type: static, path: published/mirror, generator: jekyll}}\n"
)
ONE, BOTH = PARTNER % "", PARTNER % "" + MIRROR


def site(places: str):
    return edited("sites/blog.yaml", (PUBLISHER, PUBLISHER + ("syndication:\n" + places if places else "")))


@dataclass
class Person(World):
    """A world in which a person names articles and places, and looks at pages."""

    def later(self, **span: float) -> Person:
        return Person(self.root, self.database, self.at(self.clock.now() + timedelta(**span)).clock)

    def declare(self, places: str) -> None:
        self.write(site(places))
        self.apply()

    def send(self, target: str = "", *, force: bool = False) -> ArticleEnd:
        return publish_article(self.installation, self.database, 1, force=force, target=target)

    def take_back(self, target: str = "") -> ArticleEnd:
        return unpublish_article(self.installation, self.database, 1, target=target)

    def page(self, place: str) -> Path:
        """Return the file of the first article at a place."""
        ((slug,),) = self.rows("SELECT slug FROM content WHERE id = 1")
        folder = self.root / "published" / place
        return next(folder.glob(f"_posts/*-{slug}.md"), folder / f"content/posts/{slug}/index.md")

    def copies(self, columns: str = "target_name, state") -> list[tuple[object, ...]]:
        return self.rows(f"SELECT {columns} FROM publication_copy WHERE content_id = 1 ORDER BY target_name")

    def edit(self, title: str) -> None:
        with self.database.write() as connection:
            connection.exec_driver_sql(f"UPDATE content SET title = '{title}' WHERE id = 1")

    def found(self) -> dict[str, tuple[str, list[str]]]:
        """Compare all places, and return what was found at each."""
        synced = sync_sites(self.installation, self.database)
        return {item.target: (item.sync_status, [finding.finding for finding in item.findings]) for item in synced}


def written(world: World, places: str = "") -> Person:
    """Return the world a week later: its two articles wait, and nothing is out."""
    world.write(site(places))
    world.apply()
    world.run()
    return Person(world.root, world.database, world.clock).later(days=7)


def published(world: World, places: str) -> Person:
    one = written(world, places)
    assert one.publish().failed == 0
    return one


def test_a_copy_goes_out_in_the_pass_of_its_article_and_names_its_address(world):
    one = written(world, BOTH)
    report = one.publish()
    assert [item.target for item in report.articles] == ["", "", "partner", "partner", "mirror", "mirror"]
    assert report.failed == 0
    ((url, key),) = one.rows("SELECT url, key FROM publication WHERE content_id = 1")
    for place in ("partner", "mirror"):
        text = one.page(place).read_text()
        assert f'canonical_url: "{url}"' in text
        assert key not in text, "each place has a key of its own"
    assert "canonical_url" not in one.page("blog").read_text()
    assert one.copies() == [("mirror", "published"), ("partner", "published")]
    assert one.publish().articles == ()
    told = [text for (text,) in one.rows("SELECT text FROM notification ORDER BY id") if "a copy" in text]
    assert re.fullmatch(r"Published a copy of “.+” at partner: https://partner.example/posts/.+/", told[0])


def test_a_copy_waits_for_its_delay_unless_a_person_names_the_place(small_world):
    one = published(small_world, PARTNER % ", delay: 2d")
    assert one.copies() == [("partner", "scheduled")]
    (copy,) = one.send().copies
    assert (copy.what, "goes out from" in copy.hint) == ("waiting", True)
    assert one.send("partner").what == "published"
    assert one.later(days=1).publish().articles == ()
    assert [item.content_id for item in one.later(days=2).publish().articles] == [2]


def test_a_place_that_is_down_stops_neither_the_article_nor_other_places(world):
    one = written(world, BOTH)
    blocker = one.root / "published/partner"
    blocker.parent.mkdir()
    blocker.write_text("a file where a folder should be")
    report = one.publish()
    assert [(item.site, item.target) for item in report.stopped] == [("blog", "partner")]
    assert one.counts("content") == {"published": 2}
    assert one.copies("target_name, state, attempts") == [("mirror", "published", 0), ("partner", "scheduled", 0)]
    assert one.rows("SELECT target_name, sync_status FROM site_sync") == [("partner", "stopped")]
    blocker.unlink()
    assert one.publish().articles == (), "it is left alone for a while"
    assert len(one.later(minutes=5).publish().articles) == 2
    assert one.rows("SELECT event FROM sync_event WHERE target_name = 'partner' ORDER BY id") == [
        ("stopped",), ("resumed",), ("published",), ("published",),
    ]  # fmt: skip


def test_a_copy_that_fails_alone_has_its_own_attempts_and_leaves_its_article_public(small_world):
    one = written(small_world, BOTH)
    page = one.page("partner")
    page.parent.mkdir(parents=True)
    page.write_text("---\ntitle: theirs\n---\nhands off\n")
    report = one.publish()
    assert [item.target for item in report.articles if item.error] == ["partner"]
    assert one.copies("target_name, state, attempts") == [("mirror", "published", 0), ("partner", "failed", 1)]
    assert one.rows("SELECT state, waits_for FROM content WHERE id = 1") == [("published", "")]
    assert page.read_text().endswith("hands off\n")
    page.unlink()
    assert [(copy.target, copy.what) for copy in one.send().copies] == [
        ("mirror", "unchanged"),
        ("partner", "published"),
    ]


def test_what_may_pass_is_tried_three_times_at_that_place(small_world):
    one = written(small_world, PARTNER % ", delay: 1d")
    one.publish()
    media = one.root / ".igny8/media"
    media.rename(media.with_name("away"))
    one = one.later(days=1)
    assert {item.again_at for item in one.publish().articles} == {one.clock.now() + timedelta(minutes=5)}
    one.later(minutes=5).publish()
    assert {item.again_at for item in one.later(minutes=35).publish().articles} == {None}
    assert one.copies("state, attempts") == [("failed", 3)]
    assert one.counts("content") == {"published": 2}


def test_an_edit_reaches_every_place_but_one_that_somebody_changed_by_hand(world):
    one = published(world, BOTH)
    one.page("partner").write_text(one.page("partner").read_text() + "by hand\n")
    one.edit("Edited")
    assert one.found()[""] == ("ok", ["edited-here"])
    approve_article(one.database, one.clock, 1, by="ann")
    end = one.send()
    assert (end.what, [(copy.target, copy.what) for copy in end.copies]) == (
        "updated", [("mirror", "updated"), ("partner", "failed")],
    )  # fmt: skip
    assert "changed by hand" in end.copies[1].error
    assert "Edited" in one.page("mirror").read_text()
    assert "Edited" not in one.page("partner").read_text()
    assert one.send("partner", force=True).what == "updated"
    assert "by hand" not in one.page("partner").read_text()
    assert [copy.what for copy in one.send().copies] == ["unchanged", "unchanged"]


def test_an_edit_that_nobody_approved_keeps_a_copy_back(small_world):
    one = published(small_world, PARTNER % ", delay: 1d").later(days=1)
    one.edit("Edited")
    report = one.publish()
    assert ([item.content_id for item in report.articles], report.waiting) == ([2], 1)
    assert one.copies("state, error") == [("scheduled", "the article was changed since it was approved")]
    approve_article(one.database, one.clock, 1, by="ann")
    assert [item.content_id for item in one.publish().articles] == [1]


def test_copies_are_taken_back_with_their_article_and_come_back_with_it(world):
    one = published(world, BOTH)
    addresses = one.copies("target_name, url, key")
    end = one.take_back()
    assert [(copy.target, copy.what) for copy in end.copies] == [("mirror", "unpublished"), ("partner", "unpublished")]
    assert not any(one.page(place).exists() for place in ("blog", "mirror", "partner"))
    assert one.later(days=1).publish().articles == (), "a copy does not go out before its article"
    assert [copy.what for copy in one.send().copies] == ["published", "published"]
    assert one.copies("target_name, url, key") == addresses


def test_a_copy_that_a_person_took_back_alone_stays_away(small_world):
    one = published(small_world, BOTH)
    assert one.take_back("partner").what == "unpublished"
    assert (one.page("blog").exists(), one.page("partner").exists()) == (True, False)
    with pytest.raises(ConflictError, match="not published at partner"):
        one.take_back("partner")
    one.take_back()
    assert [copy.target for copy in one.send().copies] == ["mirror"]
    assert one.publish().articles == ()
    assert one.send("partner").what == "published"


def test_a_copy_that_could_not_be_taken_back_is_told_until_it_is(small_world):
    one = published(small_world, BOTH)
    partner = one.root / "published/partner"
    partner.rename(partner.with_name("away"))
    partner.write_text("")
    end = one.take_back()
    assert (end.what, [copy.what for copy in end.copies]) == ("unpublished", ["unpublished", "failed"])
    partner.unlink()
    partner.with_name("away").rename(partner)
    assert one.found() == {"": ("ok", []), "partner": ("differs", ["not-taken-back"]), "mirror": ("ok", [])}
    assert [(copy.target, copy.what) for copy in one.take_back().copies] == [("partner", "unpublished")]
    assert not one.page("partner").exists()
    with pytest.raises(ConflictError):
        one.take_back()


def test_a_copy_that_was_begun_and_is_nowhere_yet_needs_no_taking_back(small_world):
    """Its process died before the place had heard of it."""
    one = published(small_world, PARTNER % ", delay: 1d").later(days=1)
    with one.database.write() as connection:
        connection.exec_driver_sql("UPDATE publication_copy SET state = 'publishing' WHERE content_id = 1")
    end = one.take_back()
    assert (end.error, [(copy.target, copy.error) for copy in end.copies]) == ("", [])
    assert [copy.what for copy in one.send().copies] == ["published"]


def test_each_place_is_compared_by_itself(world):
    one = published(world, BOTH)
    one.page("mirror").write_text(one.page("mirror").read_text() + "by hand\n")
    one.page("partner").unlink()
    assert one.found() == {
        "": ("ok", []), "partner": ("differs", ["missing"]), "mirror": ("differs", ["changed-by-hand"]),
    }  # fmt: skip
    assert one.counts("notification", "event")["drift_found"] == 2
    assert one.send("partner", force=True).error == ""
    assert one.found()["partner"] == ("ok", [])


def test_articles_from_before_a_place_go_there_by_name_only_and_the_plan_says_so(world):
    one = published(world, "")
    one.write(site(ONE))
    (change,) = plan(one.database, one.compile(), one.clock).syndication
    assert change.text == (
        "blog/partner gets a copy of each article that is published from now on; 2 articles are out already"
        " (igny8 publish NUMBER --target partner sends one)"
    )
    one.apply()
    assert one.publish().articles == ()
    assert one.send().copies == ()
    assert one.send("partner").what == "published"
    assert one.counts("publication_copy") == {"published": 1}
    with pytest.raises(UsageError, match="no further place 'partnr'"):
        one.send("partnr")


def test_copies_stay_where_they_are_when_their_place_is_not_declared_any_more(world):
    one = published(world, BOTH)
    one.write(site(ONE))
    (change,) = plan(one.database, one.compile(), one.clock).syndication
    assert change.text == "blog/mirror gets no more copies; 2 copies stay where they are"
    one.apply()
    assert one.page("mirror").exists()
    assert [copy.target for copy in one.send().copies] == ["partner"]
    assert set(one.found()) == {"", "partner"}
    end = one.take_back()
    assert [(copy.target, copy.what) for copy in end.copies] == [("mirror", "failed"), ("partner", "unpublished")]
    assert end.copies[0].hint.startswith("the copy stays: https://mirror.example/")


def test_a_copy_needs_an_article_that_is_public(small_world):
    one = written(small_world, ONE)
    with pytest.raises(ConflictError, match="a copy has no address to name"):
        one.send("partner")
    assert one.send().copies[0].what == "published"


def test_an_article_shows_its_copies(small_world):
    one = published(small_world, BOTH)
    told = [(copy["target_name"], copy["state"]) for copy in show_article(one.database, 1)["copies"]]
    assert told == [("mirror", "published"), ("partner", "published")]


def test_late_copies_are_caught_up_not_all_in_one_hour(small_world):
    one = published(small_world, PARTNER % ", delay: 1h").later(days=2)
    first = publish_due(one.installation, one.database, catch_up_per_hour=1)
    assert (len(first.articles), first.waiting) == (1, 1)
    assert publish_due(one.installation, one.database, catch_up_per_hour=1).articles == ()
    one = one.later(minutes=61)
    assert len(publish_due(one.installation, one.database, catch_up_per_hour=1).articles) == 1


def test_copies_follow_a_site_that_is_renamed(world):
    one = published(world, PARTNER % ", delay: 1d")
    text = site(PARTNER % ", delay: 1d")["sites/blog.yaml"]
    assert text is not None
    renamed = text.replace("name: blog\n", "name: journal\nmoved: {from: blog}\n", 1)
    one.write({"sites/blog.yaml": None, "sites/journal.yaml": renamed})
    one.apply()
    assert {item.site for item in one.later(days=1).publish().articles} == {"journal"}
    assert FILES["sites/blog.yaml"] not in renamed
