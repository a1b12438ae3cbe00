"""Ghost: the same promises against a stand-in, and with IGNY8_TEST_GHOST=1 (`make test-ghost`) against a real one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from articles import ARTICLE, HTML, Recorded, publish, with_images
from losing_proxy import proxied
from stand_in_ghost import KEY, StandInGhost, standing_in

from reconciler.pipeline.publishing import finding_of
from reconciler.publishers import ghost as ghost_module
from reconciler.publishers.ghost_api import token
from reconciler.publishers.ghost_post import body_of, lexical, remote_of
from reconciler.publishers.port import Preflight, PublishFailure, Remote

IS_REAL = os.environ.get("IGNY8_TEST_GHOST") == "1"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if IS_REAL:
        from real_ghost import running

        with running(tmp_path_factory.mktemp("ghost")) as real:
            yield real
    else:
        with standing_in() as stand_in:
            yield stand_in


@pytest.fixture
def ghost(server: Any) -> Any:
    """An empty Ghost: the stand-in, or the real one."""
    server.empty()
    return server


@pytest.fixture
def stand_in() -> Iterator[StandInGhost]:
    with standing_in() as opened:
        yield opened


@pytest.fixture
def article(tmp_path):
    return with_images(tmp_path / "pictures")


def publisher(server: Any, url: str = "", **settings: Any):
    reference = {"env": "GHOST_KEY"}
    secrets = {"admin_api_key": server.admin_api_key}
    return ghost_module.make({"admin_api_key": reference, **settings}, url or server.url, None, secrets)


def only(posts: list[dict[str, Any]]) -> dict[str, Any]:
    (post,) = posts
    return post


def expect_published_once(server: Any, article: Any) -> dict[str, Any]:
    """There is one post with the article's text and one set of its images."""
    post = only(server.posts())
    assert (post["status"], post["slug"], post["title"]) == ("published", article.slug, article.title)
    body = body_of(post["lexical"])
    assert body is not None and body.startswith(HTML.partition("</h2>")[0])
    assert body.replace(body[body.index("<figure") - 1 : body.index("</figure>") + len("</figure>")], "") == HTML
    assert server.image_names() == sorted(f"igny8-{image.sha256}.png" for image in article.images)
    return post


def test_an_article_is_a_draft_before_it_is_public(ghost, article):
    target, recorded = publisher(ghost), Recorded()
    draft = target.prepare(article, recorded.notebook, None)
    assert isinstance(draft, Remote) and draft.state == "draft"
    assert only(ghost.posts())["status"] == "draft"
    public = target.publish(article, draft, recorded.notebook)
    assert isinstance(public, Remote)
    assert (public.state, public.url, public.remote_id) == ("public", f"{ghost.url}/say-hi/", draft.remote_id)


def test_an_article_is_dated_at_its_slot_but_not_in_the_future(ghost):
    late = replace(
        ARTICLE, key="late", slug="late", publish_at=datetime(2024, 5, 15, 16, tzinfo=timezone(timedelta(hours=2)))
    )
    early = replace(ARTICLE, key="early", slug="early", publish_at=datetime.now(UTC) + timedelta(days=9))
    for article in (late, early):
        assert isinstance(publish(publisher(ghost), article, Recorded()), Remote)
    dates = {post["slug"]: datetime.fromisoformat(post["published_at"]) for post in ghost.posts()}
    assert dates["late"] == late.publish_at
    assert dates["early"] <= datetime.now(UTC)


def test_every_field_arrives_and_the_text_to_the_byte(ghost, article):
    assert isinstance(publish(publisher(ghost, tags=["Blog"]), article, Recorded()), Remote)
    post = expect_published_once(ghost, article)
    assert post["custom_excerpt"] == "Short & sweet"
    assert (post["meta_title"], post["meta_description"]) == ("Meta title", "Described")
    assert (post["feature_image_alt"], post["feature_image_caption"]) == ('a "teal" square', "In teal &amp; more")
    assert [tag["name"] for tag in post["tags"]] == ["Blog", "Hiking", "1.10", f"#igny8-{article.key}"]
    body = body_of(post["lexical"])
    assert '<img class="kg-image" src="' in body and 'alt="a &quot;maroon&quot; square"' in body
    assert "<figcaption>In maroon &amp; more</figcaption>" in body
    assert body.index("First part") < body.index("<figure") < body.index("Body -- text")


def test_a_canonical_url_is_carried(ghost):
    elsewhere = "https://first.example/say-hi/"
    assert isinstance(publish(publisher(ghost), replace(ARTICLE, canonical_url=elsewhere), Recorded()), Remote)
    assert only(ghost.posts())["canonical_url"] == elsewhere


def test_publishing_again_changes_nothing(ghost, article):
    recorded = Recorded()
    first = publish(publisher(ghost), article, recorded)
    assert publish(publisher(ghost), article, recorded) == first
    # Nothing was recorded, as after a restore of the database: the key finds the post, the name each image.
    assert publish(publisher(ghost), article, Recorded()) == first
    expect_published_once(ghost, article)


def twin_of(server: Any, draft: Remote) -> Remote:
    """Let another publisher, which had found nothing either, make the same draft."""
    first = next(post for post in server.posts() if post["id"] == draft.remote_id)
    fields = {
        name: first[name] for name in ("title", "slug", "lexical", "custom_excerpt", "feature_image", "canonical_url")
    }
    more = ("feature_image_alt", "feature_image_caption", "meta_title", "meta_description")
    tags = [{"name": tag["name"]} for tag in first["tags"]]
    made = server.create(**fields, **{name: first[name] for name in more}, tags=tags, status="draft")
    return remote_of(made)


def test_two_publishers_that_made_a_draft_each_bring_out_the_older_one(ghost, article):
    ours, theirs = Recorded(), Recorded()
    ours.remote = publisher(ghost).prepare(article, ours.notebook, None)
    theirs.remote = twin_of(ghost, ours.remote)
    assert len(ghost.posts()) == 2
    waits = publisher(ghost).publish(article, theirs.remote, theirs.notebook)
    assert isinstance(waits, PublishFailure) and waits.scope == "try-again", waits
    end = publisher(ghost).publish(article, ours.remote, ours.notebook)
    assert isinstance(end, Remote)
    assert publish(publisher(ghost), article, theirs) == end
    expect_published_once(ghost, article)


def test_a_second_draft_is_deleted_unless_somebody_worked_on_it(ghost, article):
    recorded = Recorded()
    recorded.remote = publisher(ghost).prepare(article, recorded.notebook, None)
    untouched, edited = twin_of(ghost, recorded.remote), twin_of(ghost, recorded.remote)
    ghost.change(edited.remote_id, title="By a person")
    assert isinstance(publish(publisher(ghost), article, recorded), Remote)
    states = {post["id"]: post["status"] for post in ghost.posts()}
    assert states == {recorded.remote.remote_id: "published", edited.remote_id: "draft"}
    assert untouched.remote_id not in states


def test_two_publishers_that_found_one_draft_both_find_it_public(stand_in, article):
    """The second one's change comes too late: that is nobody's change by hand."""
    ours, theirs = Recorded(), Recorded()
    ours.remote = publisher(stand_in).prepare(article, ours.notebook, None)
    theirs.remote = publisher(stand_in).prepare(article, theirs.notebook, None)
    seen = json.dumps({"posts": stand_in.posts()}).encode()
    end = publisher(stand_in).publish(article, ours.remote, ours.notebook)
    collides = json.dumps({"errors": [{"type": "UpdateCollisionError", "message": "Saving failed!"}]}).encode()
    stand_in.answers += [
        (status, {"content-type": "application/json"}, data) for status, data in ((200, seen), (409, collides))
    ]
    assert publisher(stand_in).publish(article, theirs.remote, theirs.notebook) == end
    expect_published_once(stand_in, article)


def test_a_draft_that_was_made_since_we_looked_is_ours_by_its_tag_and_not_a_taken_address(stand_in, article):
    draft = publisher(stand_in).prepare(article, Recorded().notebook, None)
    stand_in.answers.append((200, {"content-type": "application/json"}, b'{"posts": []}'))
    again = publisher(stand_in).prepare(article, Recorded().notebook, None)
    assert isinstance(again, Remote) and again.remote_id == draft.remote_id
    assert len(stand_in.posts()) == 1


def test_an_answer_about_our_address_without_a_post_in_it_leaves_the_address_alone(stand_in, article):
    for body in (b'{"posts": []}', b"{}"):
        stand_in.answers.append((200, {"content-type": "application/json"}, body))
    end = publisher(stand_in).prepare(article, Recorded().notebook, None)
    assert isinstance(end, PublishFailure) and "belongs to another post" in end.message
    assert stand_in.posts() == []


@pytest.mark.parametrize("body", [b'{"ok": true}', b'{"posts": "none"}', b'{"posts": [{}]}', b'{"posts": null}'])
def test_an_answer_in_no_shape_of_ghosts_stops_the_site_and_never_the_pass(stand_in, article, body):
    """Behind the address there is a maintenance page for programs, say; other sites have their articles to get."""
    recorded = Recorded()
    recorded.remote = publisher(stand_in).prepare(article, recorded.notebook, None)
    stand_in.answers.append((200, {"content-type": "application/json"}, body))
    end = publish(publisher(stand_in), article, recorded)
    assert isinstance(end, PublishFailure) and end.scope == "site"
    assert "answers in a shape that Ghost does not have" in end.message


def test_publishers_that_know_nothing_of_each_other_end_with_one_article(ghost, article):
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: publish(publisher(ghost), article, Recorded()), range(2)))
    assert {end.scope for end in ends if isinstance(end, PublishFailure)} <= {"try-again"}, ends
    last = publish(publisher(ghost), article, Recorded())
    assert isinstance(last, Remote)
    assert {end.remote_id for end in ends if isinstance(end, Remote)} <= {last.remote_id}
    assert [(post["status"], post["slug"]) for post in ghost.posts()] == [("published", article.slug)]


@pytest.mark.parametrize("before", [False, True], ids=["answer lost", "request lost"])
def test_whatever_request_is_lost_one_article_comes_of_it(ghost, article, before):
    with proxied(ghost.url) as proxy:
        proxy.again()
        publish(publisher(ghost, proxy.url), article, Recorded())
        for number in range(1, len(proxy.seen) + 1):
            ghost.empty()
            recorded = Recorded()
            proxy.again(number, before=before)
            lost = publish(publisher(ghost, proxy.url), article, recorded)
            if isinstance(lost, PublishFailure):
                assert lost.scope == "try-again", lost
                proxy.again()
                assert isinstance(publish(publisher(ghost, proxy.url), article, recorded), Remote), number
            expect_published_once(ghost, article)


@pytest.mark.parametrize("before", [False, True], ids=["answer lost", "request lost"])
def test_whatever_request_of_an_update_is_lost_the_new_text_stands_there_once(ghost, article, before):
    newer = replace(article, title="Newer", html=HTML.replace("Body", "Newer body"), slug="another-slug")
    with proxied(ghost.url) as proxy:
        recorded, number = Recorded(), 0
        while True:
            ghost.empty()
            recorded, number = Recorded(), number + 1
            remote = publish(publisher(ghost), article, recorded)
            date = only(ghost.posts())["published_at"]
            proxy.again(number, before=before)
            end = publisher(ghost, proxy.url).update(newer, remote, recorded.notebook, force=False)
            if isinstance(end, PublishFailure):
                assert end.scope == "try-again", end
                end = publisher(ghost).update(newer, remote, recorded.notebook, force=False)
            assert isinstance(end, Remote)
            post = only(ghost.posts())
            assert (post["title"], post["slug"], post["published_at"]) == ("Newer", "say-hi", date)
            assert "Newer body" in (body_of(post["lexical"]) or "")
            assert len(ghost.image_names()) == 2
            if number > len(proxy.seen):
                break


def test_what_a_person_changed_is_overwritten_only_by_force(ghost, article):
    recorded = Recorded()
    remote = publish(publisher(ghost), article, recorded)
    ghost.change(remote.remote_id, lexical=lexical("<p>Mine.</p>"))
    newer = replace(article, title="Newer")
    # What igny8 has of it is what it wrote, however often it comes by: an update has to see the change.
    assert publish(publisher(ghost), article, recorded).fingerprint == remote.fingerprint
    end = publisher(ghost).update(newer, remote, recorded.notebook, force=False)
    assert isinstance(end, PublishFailure) and end.scope == "changed-by-hand"
    assert body_of(only(ghost.posts())["lexical"]) == "<p>Mine.</p>"
    assert isinstance(publisher(ghost).update(newer, remote, recorded.notebook, force=True), Remote)
    assert "Mine." not in (body_of(only(ghost.posts())["lexical"]) or "")


def test_an_edit_of_nothing_but_tags_reaches_the_draft_and_the_public_article(ghost, article):
    recorded = Recorded()
    recorded.remote = publisher(ghost).prepare(article, recorded.notebook, None)
    remote = publish(publisher(ghost), replace(article, tags=(*article.tags, "Boots")), recorded)
    assert "Boots" in {tag["name"] for tag in only(ghost.posts())["tags"]}
    newest = replace(article, tags=(*article.tags, "Boots", "Maps"))
    assert isinstance(publisher(ghost).update(newest, remote, recorded.notebook, force=False), Remote)
    assert {"Boots", "Maps"} <= {tag["name"] for tag in only(ghost.posts())["tags"]}


def test_an_older_text_that_is_public_already_is_not_taken_for_the_one_of_now(ghost, article):
    """It went out, nobody recorded that, and it was edited and approved anew before the next try."""
    publish(publisher(ghost), article, Recorded())
    for title, finding in ((article.title, ""), ("Edited", "changed-by-hand")):
        end = publish(publisher(ghost), replace(article, title=title), Recorded())
        assert isinstance(end, Remote) and end.state == "public"
        seen = publisher(ghost).look([end])
        assert not isinstance(seen, PublishFailure)
        assert finding_of("published", end, seen[0]) == finding


def test_a_tag_that_a_person_added_stays_through_an_update(ghost, article):
    recorded = Recorded()
    remote = publish(publisher(ghost), article, recorded)
    tags = [{"name": tag["name"]} for tag in only(ghost.posts())["tags"]]
    ghost.change(remote.remote_id, tags=[*tags, {"name": "Editor's pick"}])
    end = publisher(ghost).update(replace(article, title="Newer"), remote, recorded.notebook, force=False)
    assert isinstance(end, Remote)
    assert "Editor's pick" in [tag["name"] for tag in only(ghost.posts())["tags"]]


def test_a_draft_that_a_person_works_on_is_not_published(ghost, article):
    target, recorded = publisher(ghost), Recorded()
    draft = target.prepare(article, recorded.notebook, None)
    ghost.change(draft.remote_id, lexical=lexical("<p>Mine.</p>"))
    for end in (target.publish(article, draft, recorded.notebook), target.prepare(article, recorded.notebook, draft)):
        assert isinstance(end, PublishFailure) and end.scope == "changed-by-hand"
    assert only(ghost.posts())["status"] == "draft"
    # With --force igny8 updates the draft first, which stays a draft.
    ours = target.update(article, draft, recorded.notebook, force=True)
    assert isinstance(ours, Remote) and ours.state == "draft"
    assert isinstance(target.publish(article, ours, recorded.notebook), Remote)
    expect_published_once(ghost, article)


def test_a_draft_is_brought_up_to_date(ghost, article):
    recorded = Recorded()
    recorded.remote = publisher(ghost).prepare(article, recorded.notebook, None)
    newer = replace(article, title="Newer")
    assert isinstance(publish(publisher(ghost), newer, recorded), Remote)
    assert expect_published_once(ghost, newer)["title"] == "Newer"


@pytest.mark.parametrize("kind", ["posts", "pages"])
def test_somebody_elses_post_or_page_at_our_slug_is_left_alone(ghost, article, kind):
    ghost.create(kind, title="Mine", slug=article.slug, lexical=lexical("<p>Hands off.</p>"))
    end = publish(publisher(ghost), article, Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "article"
    assert f"belongs to another {kind[:-1]}, “Mine”" in end.message
    assert len(ghost.posts()) == (kind == "posts")
    assert ghost.image_names() == []


def test_what_a_person_deleted_is_missing_and_comes_back_only_when_it_is_published_again(ghost, article):
    recorded = Recorded()
    remote = publish(publisher(ghost), article, recorded)
    ghost.delete(remote.remote_id)
    assert publisher(ghost).look([remote])[0].state == "missing"
    gone = publisher(ghost).update(article, remote, recorded.notebook, force=False)
    assert isinstance(gone, PublishFailure) and "gone in Ghost" in gone.message
    assert publisher(ghost).withdraw(remote).state == "missing"
    assert isinstance(publish(publisher(ghost), article, recorded), Remote)
    expect_published_once(ghost, article)


def test_taken_out_of_sight_and_back_it_keeps_its_address_and_date(ghost, article):
    recorded = Recorded()
    remote = publish(publisher(ghost), article, recorded)
    date = only(ghost.posts())["published_at"]
    hidden = publisher(ghost).withdraw(remote)
    assert hidden.state == "draft" and only(ghost.posts())["status"] == "draft"
    assert publisher(ghost).withdraw(hidden) == hidden
    recorded.remote = hidden
    again = publish(publisher(ghost), article, recorded)
    assert (again.url, only(ghost.posts())["published_at"]) == (remote.url, date)


def test_looking_tells_public_draft_missing_and_changed(ghost, article):
    target, recorded = publisher(ghost), Recorded()
    public = publish(target, article, recorded)
    draft = target.prepare(replace(ARTICLE, key="k-2", slug="second"), recorded.notebook, None)
    nowhere = Remote("0" * 24, "", "public")
    assert [remote.state for remote in target.look([draft, nowhere, public])] == ["draft", "missing", "public"]
    assert target.look([public])[0] == public
    ghost.change(public.remote_id, title="Mine")
    assert target.look([public])[0].fingerprint != public.fingerprint


def test_all_that_is_too_long_is_told_at_once_before_anything_is_sent(ghost, article):
    long = replace(article, title="x" * 256, excerpt="x" * 301, meta_description="x" * 501, slug="x" * 192)
    end = publisher(ghost).prepare(long, Recorded().notebook, None)
    assert isinstance(end, PublishFailure) and end.scope == "article"
    for told in (
        "title has 256 characters, Ghost takes 255",
        "custom_excerpt has 301",
        "meta_description has 501",
        "slug has 192",
    ):
        assert told in end.message
    assert ghost.posts() == [] and ghost.image_names() == []


def test_values_at_the_limits_are_taken(ghost):
    most = replace(
        ARTICLE, title="ü" * 255, slug="x" * 191, excerpt="ü" * 300, meta_title="ü" * 300, meta_description="ü" * 500
    )
    assert isinstance(publish(publisher(ghost), most, Recorded()), Remote)


def test_a_file_that_is_no_image_of_ghosts_is_the_articles_fault(ghost, article, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("no image")
    image = replace(article.images[0], path=str(path), media_type="text/plain")
    end = publish(publisher(ghost), replace(article, images=(image,)), Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "article"
    assert ghost.posts() == []


def test_a_missing_picture_is_told(ghost, article, tmp_path):
    image = replace(article.images[0], path=str(tmp_path / "gone.png"))
    end = publish(publisher(ghost), replace(article, images=(image,)), Recorded())
    assert isinstance(end, PublishFailure) and "gone.png" in end.message


def test_the_preflight_tells_whose_key_it_is_and_what_the_config_names_in_vain(ghost):
    end = publisher(ghost, authors={"ann": "nobody-here"}, newsletter="nothing-weekly").check()
    assert isinstance(end, Preflight) and end.is_enough
    assert end.who.startswith("integration ") and "The Ghost (Ghost 6." in end.who
    assert any("nobody-here" in text for text in end.warnings)
    assert any("nothing-weekly" in text and "no such" in text for text in end.warnings)


def other_key(server: Any, **parts: str) -> str:
    key_id, _, secret = server.admin_api_key.partition(":")
    return f"{parts.get('key_id', key_id)}:{parts.get('secret', secret)}"


@pytest.mark.parametrize("changed", [{"key_id": "0" * 24}, {"secret": "00" * 32}], ids=["unknown key", "wrong secret"])
def test_gibberish_for_a_key_never_counts_as_connected(ghost, article, changed):
    secrets = {"admin_api_key": other_key(ghost, **changed)}
    target = ghost_module.make({"admin_api_key": {"env": "X"}}, ghost.url, None, secrets)
    for end in (target.check(), target.prepare(article, Recorded().notebook, None)):
        assert isinstance(end, PublishFailure) and end.scope == "site"
        assert "refuses the admin_api_key" in end.message
        assert secrets["admin_api_key"].partition(":")[2] not in end.message + end.hint


def test_a_key_of_another_form_is_told_without_asking(ghost):
    target = ghost_module.make({"admin_api_key": {"env": "X"}}, ghost.url, None, {"admin_api_key": "hunter2"})
    end = target.check()
    assert isinstance(end, PublishFailure) and "ID:SECRET" in end.message and "hunter2" not in end.message


def test_an_address_without_a_ghost_is_told():
    with proxied("http://127.0.0.1:1") as proxy, standing_in() as stand_in:
        proxy.target = stand_in.url + "/elsewhere"
        end = publisher(stand_in, proxy.url).check()
    assert isinstance(end, PublishFailure) and end.scope == "site"
    assert "does not answer as Ghost's Admin API does" in end.message


def test_a_server_that_is_not_there_may_come_back():
    end = ghost_module.make({"admin_api_key": {"env": "X"}}, "http://127.0.0.1:9", None, {"admin_api_key": KEY}).check()
    assert isinstance(end, PublishFailure) and end.scope == "try-again"


PAGE = {"content-type": "text/html"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "scope", "told"),
    [
        (429, {"retry-after": "7"}, b"", "try-again", "slow down"),
        (503, PAGE, b"<h1>Maintenance</h1>", "try-again", "fails with 503"),
        (403, PAGE, b"<h1>Attention Required</h1>", "site", "keeps programs out"),
        (301, {"location": "https://other.example/ghost/"}, b"", "site", "https://other.example/ghost/"),
        (200, PAGE, b"<h1>Welcome</h1>", "site", "does not answer as Ghost"),
        (500, {"content-type": "application/json"}, b'{"errors": [{"message": "Oops"}]}', "try-again", "Oops"),
        (
            403,
            {"content-type": "application/json"},
            b'{"errors": [{"message": "No"}]}',
            "site",
            "does not allow this: No",
        ),
    ],
)
def test_each_kind_of_failure_stops_as_much_as_it_should(stand_in, article, status, headers, body, scope, told):
    stand_in.answers.append((status, headers, body))
    end = publisher(stand_in).prepare(article, Recorded().notebook, None)
    assert isinstance(end, PublishFailure)
    assert (end.scope, end.retry_after) == (scope, 7.0 if status == 429 else None)
    assert told in end.message


@pytest.mark.parametrize(
    ("role", "is_enough"), [("Editor", True), ("Administrator", True), ("Contributor", False), ("Author", False)]
)
def test_a_staff_token_needs_a_role_that_publishes(stand_in, role, is_enough):
    stand_in.role = role
    end = publisher(stand_in).check()
    assert isinstance(end, Preflight)
    assert end.is_enough is is_enough and role in end.who
    assert "custom integration" in end.least_role


def test_no_email_goes_out_unless_a_newsletter_is_declared(stand_in, article):
    publish(publisher(stand_in), article, Recorded())
    assert stand_in.emails == []


def test_a_declared_newsletter_goes_out_once_even_if_the_answer_is_lost(stand_in, article):
    with proxied(stand_in.url) as proxy:
        recorded = Recorded()
        target = publisher(stand_in, proxy.url, newsletter="weekly")
        recorded.remote = target.prepare(article, recorded.notebook, None)
        proxy.again(2)
        assert isinstance(target.publish(article, recorded.remote, recorded.notebook), PublishFailure)
        assert isinstance(publish(target, article, recorded), Remote)
    assert len(stand_in.emails) == 1


def test_what_a_person_scheduled_in_ghost_is_not_ours_to_publish(stand_in, article):
    recorded = Recorded()
    recorded.remote = publisher(stand_in).prepare(article, recorded.notebook, None)
    stand_in.change(recorded.remote.remote_id, status="scheduled")
    end = publish(publisher(stand_in), article, recorded)
    assert isinstance(end, PublishFailure) and end.scope == "changed-by-hand"


def test_an_author_of_ours_is_the_staff_user_that_the_config_names(ghost):
    (staff,) = ghost.staff
    assert isinstance(publish(publisher(ghost, authors={"ann": staff}), ARTICLE, Recorded()), Remote)
    assert [author["slug"] for author in only(ghost.posts())["authors"]] == [staff]


def test_an_author_that_ghost_does_not_know_keeps_the_article_a_draft(ghost):
    end = publish(publisher(ghost, authors={"ann": "nobody-here"}), ARTICLE, Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "article" and "nobody-here" in end.message
    assert only(ghost.posts())["status"] == "draft"


def test_the_token_is_a_json_web_token_of_four_minutes():
    import base64
    import json

    at = datetime(2026, 11, 18, tzinfo=UTC)
    head, claims, _ = token(KEY, at).split(".")
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT", "kid": "5f" * 12}
    told = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert told == {"iat": int(at.timestamp()), "exp": int(at.timestamp()) + 240, "aud": "/admin/"}
