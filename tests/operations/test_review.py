"""Review: an approval is of one content, people may veto the machine, and what is rejected is put away or written again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from builder import World, after_a_run, after_a_run_for_review, edited

from reconciler.errors import BlockedError, ConflictError, UsageError
from reconciler.operations.content import list_articles, show_article
from reconciler.operations.edit_article import open_article, save_fields, save_text
from reconciler.operations.review import (
    ArticleFilter,
    approve_article,
    check_publishable,
    choose_articles,
    put_away_article,
    reject_article,
    schedule_article,
    settle_reviews,
    unschedule_article,
)


def publishing(lines: str):
    return edited("sites/blog.yaml", ("publishing:\n", f"publishing:\n{lines}"))


@pytest.fixture
def reviewing(databases, tmp_path) -> World:
    """Two articles in review, that a person approves."""
    return databases.world(after_a_run_for_review, tmp_path)


def states(world: World) -> list[tuple[str, str]]:
    return [(state, waits) for state, waits in world.rows("SELECT state, waits_for FROM content ORDER BY id")]


def decisions(world: World) -> list[tuple[str, str, str]]:
    return world.rows("SELECT kind, decided_by, reason FROM content_decision ORDER BY id")


def slots(world: World) -> dict[int, str]:
    return {number: str(at)[:16] for number, at in world.rows("SELECT content_id, slot_at FROM publication")}


# --- approvals


def test_an_edit_voids_an_approval_and_the_slot_is_free_again(scheduled):
    assert slots(scheduled) == {1: "2026-11-18 14:00", 2: "2026-11-18 18:00"}
    assert show_article(scheduled.database, 1)["is_as_approved"] is True
    assert save_fields(scheduled.database, scheduled.clock, 1, {"title": "Boots"}, by="ann") == ("title",)
    assert states(scheduled)[0] == ("review", "a person: edited by ann")
    assert scheduled.rows("SELECT approved_by, approved_hash FROM content WHERE id = 1") == [(None, None)]
    assert slots(scheduled) == {2: "2026-11-18 18:00"}
    scheduled.run()
    assert states(scheduled)[0][0] == "review", "the machine does not approve what a person has edited"
    slot, _ = approve_article(scheduled.database, scheduled.clock, 1, by="bob")
    assert str(slot)[:16] == "2026-11-18 14:00"
    assert decisions(scheduled) == [("edited", "ann", "title"), ("approved", "bob", "")]


def test_an_edit_that_changes_nothing_voids_nothing(scheduled):
    text = open_article(scheduled.database, 1).text
    assert save_text(scheduled.database, scheduled.clock, 1, text, by="ann") == ()
    assert (states(scheduled)[0], decisions(scheduled)) == (("scheduled", ""), [])


def test_what_was_changed_behind_the_approval_does_not_go_out(scheduled):
    """Whoever changed it, and however: the hash is compared when the slot has come."""
    with scheduled.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET markdown = markdown || 'Buy now' WHERE id = 1")
    later = scheduled.at(scheduled.clock.now() + timedelta(days=1))
    assert settle_reviews(later.database, later.clock) == (0, 1)
    assert [item.content_id for item in later.publish().articles] == [2]
    assert states(later)[0] == ("review", "a person: it is not what was approved any more")


def test_an_edit_of_a_public_article_waits_for_approval_and_keeps_it_public(scheduled):
    later = scheduled.at(scheduled.clock.now() + timedelta(days=7))
    later.publish()
    save_fields(later.database, later.clock, 1, {"excerpt": "Better"}, by="ann")
    assert states(later)[0] == ("published", "a person: edited by ann")
    assert show_article(later.database, 1)["is_as_approved"] is False
    _, waits_for = approve_article(later.database, later.clock, 1, by="bob")
    assert waits_for == "its update (igny8 content publish 1)"
    assert (states(later)[0], show_article(later.database, 1)["is_as_approved"]) == (("published", ""), True)
    with pytest.raises(ConflictError, match="under its slug"):
        save_fields(later.database, later.clock, 1, {"slug": "another"}, by="ann")


def test_two_editors_do_not_overwrite_each_other(reviewing):
    first, second = (open_article(reviewing.database, 1) for _ in range(2))
    texts = [
        re.sub("^title: .*$", f"title: {who}'s", item.text, flags=re.MULTILINE)
        for item, who in ((first, "Ann"), (second, "Bob"))
    ]
    save_text(reviewing.database, reviewing.clock, 1, texts[0], by="ann", begun_from=first.content_hash)
    with pytest.raises(ConflictError, match="changed meanwhile"):
        save_text(reviewing.database, reviewing.clock, 1, texts[1], by="bob", begun_from=second.content_hash)


def test_an_edited_text_is_made_safe_and_counted(reviewing):
    text = "## Hello\n\n<script>alert(1)</script>\n\nFive words are in here.\n"
    save_fields(reviewing.database, reviewing.clock, 1, {"markdown": text}, by="ann")
    article = show_article(reviewing.database, 1)
    assert "<script" not in article["html"]
    assert "<h2>Hello</h2>" in article["html"]
    assert 5 < article["words"] < 20


@pytest.mark.parametrize(
    ("fields", "error", "told"),
    [
        ({"slug": "Two Words"}, UsageError, "is no slug"),
        ({"markdown": "[unused]: https://example.com\n"}, UsageError, "empty once it is made safe"),
    ],
)
def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(reviewing, fields, error, told):
    before = show_article(reviewing.database, 1)
    with pytest.raises(error, match=told):
        save_fields(reviewing.database, reviewing.clock, 1, fields, by="ann")
    assert show_article(reviewing.database, 1) == before


def test_a_slug_of_another_article_is_refused(reviewing):
    slug = show_article(reviewing.database, 2)["slug"]
    with pytest.raises(ConflictError, match="another article of blog"):
        save_fields(reviewing.database, reviewing.clock, 1, {"slug": slug}, by="ann")


# --- the machine's approval after a hold


def after_a_run_with_a_hold(world: World) -> None:
    world.write(publishing("  auto_approval_hold: 24h\n"))
    after_a_run(world)


@pytest.fixture
def held(databases, tmp_path) -> World:
    """Two articles that the machine approves in 24 hours."""
    return databases.world(after_a_run_with_a_hold, tmp_path)


def test_the_machines_approval_takes_effect_when_nobody_has_rejected_it_in_time(held):
    waits = "its approval at 2026-11-19 10:30 UTC, unless somebody rejects it"
    assert states(held) == [("review", waits), ("review", waits)]
    reject_article(held.database, held.clock, 1, by="ann", reason="wrong")
    assert settle_reviews(held.database, held.clock) == (0, 0)
    held.run()
    assert slots(held) == {}, "a run meanwhile does not approve them either"
    later = held.at(held.clock.now() + timedelta(hours=24))
    assert settle_reviews(later.database, later.clock) == (1, 0)
    assert slots(later) == {2: "2026-11-19 14:00"}
    assert later.rows("SELECT approved_by FROM content WHERE id = 2") == [("stage 7",)]


def test_whoever_may_reject_is_told_once_until_when_and_of_what(held):
    held.run()
    titles = [title for (title,) in held.rows("SELECT title FROM content ORDER BY id")]
    assert held.rows("SELECT account, site, text FROM notification WHERE event = 'approvals_held'") == [
        (
            "acme",
            "blog",
            "2 articles are approved at 2026-11-19 10:30 UTC unless somebody rejects them (igny8 content reject): "
            f"1 “{titles[0]}”, 2 “{titles[1]}”",
        )
    ]


def test_an_edit_during_the_hold_leaves_the_decision_to_a_person(held):
    save_fields(held.database, held.clock, 1, {"title": "Boots"}, by="ann")
    later = held.at(held.clock.now() + timedelta(hours=24))
    assert settle_reviews(later.database, later.clock) == (1, 0)
    assert states(later)[0] == ("review", "a person: edited by ann")


def test_a_person_may_approve_before_the_hold_is_over(held):
    slot, _ = approve_article(held.database, held.clock, 1, by="ann")
    assert str(slot)[:16] == "2026-11-18 14:00"


def test_a_site_that_gives_up_automatic_approval_approves_nothing_later(held):
    held.write(publishing("  auto_approval: false\n"))
    held.apply()
    later = held.at(held.clock.now() + timedelta(days=2))
    assert settle_reviews(later.database, later.clock) == (0, 0)
    assert states(later) == [("review", ""), ("review", "")]


def test_a_hold_that_was_dropped_ends_at_once(held):
    held.write(publishing(""))
    held.apply()
    assert settle_reviews(held.database, held.clock) == (2, 0)


# --- rejected, put away, written again


def test_a_rejected_article_is_put_away_with_the_reason_and_its_slug_is_free(reviewing):
    slug = show_article(reviewing.database, 1)["slug"]
    assert reject_article(reviewing.database, reviewing.clock, 1, by="ann", reason="made up") == "rejected and put away"
    assert decisions(reviewing) == [("rejected", "ann", "made up")]
    shown = [
        list_articles(reviewing.database, site=None, state=state, limit=9).articles for state in (None, "archived")
    ]
    assert [[row["id"] for row in rows] for rows in shown] == [[2], [1]]
    assert shown[1][0]["slug"] == f"{slug}~1"
    told = show_article(reviewing.database, 1)
    assert [(row["state"], row["waits_for"]) for row in (shown[1][0], told)] == [("archived", "")] * 2
    with pytest.raises(ConflictError, match="was put away on 2026-11-18"):
        approve_article(reviewing.database, reviewing.clock, 1, by="ann")
    credits = reviewing.rows("SELECT sum(credits) FROM usage")
    reviewing.run()
    assert reviewing.rows("SELECT sum(credits) FROM usage") == credits, "it is not written again"


def test_a_rejection_says_why(reviewing):
    for reason in ("", "  "):
        with pytest.raises(UsageError, match="the reason is empty"):
            reject_article(reviewing.database, reviewing.clock, 1, by="ann", reason=reason)
    assert states(reviewing)[0][0] == "review"


def test_with_requeue_the_next_run_writes_it_again_and_charges_for_it(reviewing):
    calls = "SELECT count(*), sum(credits) FROM usage WHERE stage = 'content'"
    ((before, credits),) = reviewing.rows(calls)
    reject_article(reviewing.database, reviewing.clock, 1, by="ann", reason="too thin", requeue=True)
    with pytest.raises(ConflictError, match="content 1 was sent back to be written again on 2026-11-18"):
        approve_article(reviewing.database, reviewing.clock, 1, by="bob")
    reviewing.run()
    ((after, more),) = reviewing.rows(calls)
    assert after == before + 1
    assert more > credits
    live = list_articles(reviewing.database, site=None, state=None, limit=9).articles
    assert [(row["id"], row["state"]) for row in live] == [(2, "review"), (3, "review")]
    assert len(show_article(reviewing.database, 3)["images"]) == 3
    assert [show_article(reviewing.database, 1)[name] for name in ("state", "waits_for")] == ["replaced", ""]


def test_a_scheduled_article_gives_its_slot_back_when_it_is_rejected(scheduled):
    reject_article(scheduled.database, scheduled.clock, 1, by="ann", reason="no")
    assert slots(scheduled) == {2: "2026-11-18 18:00"}


def test_what_is_public_cannot_be_rejected_or_put_away(scheduled):
    later = scheduled.at(scheduled.clock.now() + timedelta(days=7))
    later.publish()
    for decide in (
        lambda: reject_article(later.database, later.clock, 1, by="ann", reason="no"),
        lambda: put_away_article(later.database, later.clock, 1, by="ann"),
    ):
        with pytest.raises(ConflictError, match="is published") as raised:
            decide()
        assert raised.value.hint == "igny8 unpublish 1"


def test_what_is_on_its_way_out_cannot_be_taken_back(scheduled):
    with scheduled.database.write() as connection:
        connection.exec_driver_sql("UPDATE publication SET state = 'publishing' WHERE content_id = 1")
    for decide in (
        lambda: unschedule_article(scheduled.database, scheduled.clock, 1, by="ann"),
        lambda: reject_article(scheduled.database, scheduled.clock, 1, by="ann", reason="no"),
        lambda: save_fields(scheduled.database, scheduled.clock, 1, {"title": "x"}, by="ann"),
    ):
        with pytest.raises(ConflictError, match="on its way out"):
            decide()
    assert states(scheduled)[0] == ("scheduled", "")


# --- schedule


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_what_a_person_took_off_gets_no_slot_until_a_person_gives_one(scheduled):
    unschedule_article(scheduled.database, scheduled.clock, 1, by="ann")
    assert states(scheduled)[0] == ("approved", "a person to schedule it (ann took it off)")
    scheduled.publish()
    scheduled.run()
    assert slots(scheduled) == {2: "2026-11-18 18:00"}
    taken = schedule_article(scheduled.database, scheduled.clock, 1, by="bob")
    assert (taken, states(scheduled)[0]) == (at("2026-11-18 14:00"), ("scheduled", ""))


def test_a_person_moves_an_article_to_a_time_of_choice(scheduled):
    schedule_article(scheduled.database, scheduled.clock, 1, by="ann", at=at("2026-11-20 11:11"))
    assert slots(scheduled)[1] == "2026-11-20 11:11"
    with pytest.raises(ConflictError, match="has an article at"):
        schedule_article(scheduled.database, scheduled.clock, 2, by="ann", at=at("2026-11-20 11:11"))
    with pytest.raises(UsageError, match="has passed"):
        schedule_article(scheduled.database, scheduled.clock, 2, by="ann", at=at("2026-11-17 09:00"))
    with pytest.raises(ConflictError, match="is scheduled for"):
        schedule_article(scheduled.database, scheduled.clock, 2, by="ann")


def test_a_blackout_and_a_full_day_hold_for_people_too_unless_they_insist(world):
    world.write(publishing("  max_per_day: 1\n  blackouts: [{starts_on: 2026-11-20, reason: Sale}]\n"))
    world.apply()
    world.run()
    for chosen, told in (("2026-11-20 09:00", "blackout: Sale"), ("2026-11-18 16:00", "has its 1 article already")):
        with pytest.raises(BlockedError, match=told):
            schedule_article(world.database, world.clock, 2, by="ann", at=at(chosen))
    schedule_article(world.database, world.clock, 2, by="ann", at=at("2026-11-20 09:00"), force=True)
    assert slots(world)[2] == "2026-11-20 09:00"


def test_in_a_blackout_without_end_an_approved_article_tells_what_it_waits_for(reviewing):
    closed = "  auto_approval: false\n  blackouts: [{starts_on: 2026-01-01, ends_on: 9999-12-31}]\n"
    reviewing.write(publishing(closed))
    reviewing.apply()
    told = approve_article(reviewing.database, reviewing.clock, 1, by="ann")
    assert told == (None, "a schedule with slots")
    assert states(reviewing)[0] == ("approved", "a schedule with slots")
    with pytest.raises(ConflictError, match="the schedule of blog has no free slot"):
        schedule_article(reviewing.database, reviewing.clock, 1, by="ann")


def test_without_automatic_publishing_a_person_schedules(world):
    world.write(publishing("  auto_publish: false\n"))
    world.apply()
    world.run()
    assert {state for state, _ in states(world)} == {"approved"}
    assert schedule_article(world.database, world.clock, 1, by="ann") == at("2026-11-18 14:00")


def test_only_what_was_approved_goes_out_now(scheduled):
    check_publishable(scheduled.database, scheduled.clock, 1, by="ann")
    with scheduled.database.write() as connection:
        connection.exec_driver_sql("UPDATE content SET title = 'Another' WHERE id = 1")
    with pytest.raises(ConflictError, match="is not what was approved"):
        check_publishable(scheduled.database, scheduled.clock, 1, by="ann")


def test_what_is_in_review_does_not_go_out_now(reviewing):
    with pytest.raises(ConflictError, match="is review and cannot be published"):
        check_publishable(reviewing.database, reviewing.clock, 1, by="ann")


def test_an_article_that_was_unpublished_can_be_edited_and_approved_again(scheduled):
    with scheduled.database.write() as connection:
        connection.exec_driver_sql("UPDATE publication SET state = 'withdrawn' WHERE content_id = 1")
        connection.exec_driver_sql("UPDATE content SET state = 'approved' WHERE id = 1")
    save_fields(scheduled.database, scheduled.clock, 1, {"title": "Boots"}, by="ann")
    assert states(scheduled)[0] == ("review", "a person: edited by ann")
    slot, waits_for = approve_article(scheduled.database, scheduled.clock, 1, by="bob")
    assert (slot, waits_for) == (None, "a person to publish it again (igny8 content publish 1)")
    schedule_article(scheduled.database, scheduled.clock, 1, by="bob", at=at("2026-11-20 11:11"))
    assert slots(scheduled)[1] == "2026-11-20 11:11"


# --- filters


def test_articles_are_chosen_by_number_each_once_also_those_put_away(reviewing):
    put_away_article(reviewing.database, reviewing.clock, 2, by="ann")

    def chosen(*ids):
        return [row["id"] for row in choose_articles(reviewing.database, reviewing.clock, ArticleFilter(ids=ids))]

    assert chosen(2, 1, 2) == [2, 1]
    for number in (99, 0, 10**30):
        with pytest.raises(UsageError, match=r"there is no content|a number that was given is larger"):
            chosen(1, number)


def test_a_filter_passes_over_what_a_deleted_site_has_left(reviewing):
    site = edited("sites/blog.yaml", ("name: blog", "name: news"), ("path: published/blog", "path: published/news"))
    reviewing.write({"sites/blog.yaml": None, "sites/news.yaml": site["sites/blog.yaml"]})
    reviewing.apply()
    wanted = ArticleFilter(states=("review",))
    assert choose_articles(reviewing.database, reviewing.clock, wanted) == ()
    assert len(list_articles(reviewing.database, site=None, state="review", limit=9, offset=0).articles) == 2


def test_filters_select_by_site_state_label_and_age(world):
    world.write(
        edited("sites/blog.yaml", ("account: acme\n", "account: acme\nlabels: {team: europe}\n"))
        | {
            "sites/news.yaml": "apiVersion: igny8/v1\nkind: Site\nname: news\naccount: acme\nurl: https://news.example\n"
            "publishing: {auto_publish: false, auto_approval: false}\n"
            "sectors: [{name: hiking, keywords: [tents, boots]}]\n"
        }
    )
    world.apply()
    world.run()

    def chosen(**wanted):
        articles = choose_articles(world.database, world.clock, ArticleFilter(**wanted))
        return sorted({str(row["site"]) for row in articles})

    assert chosen(states=("review",)) == ["news"]
    assert chosen(labels=(("team", "europe"),)) == ["blog"]
    assert chosen(site="news", labels=(("team", "europe"),)) == []
    assert chosen(older_than_seconds=3600) == []
    world.clock.advance(hours=2)
    assert chosen(older_than_seconds=3600) == ["blog", "news"]
