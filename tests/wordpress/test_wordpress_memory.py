"""What a process remembers of a WordPress between visits: it spares requests, and is never the reason for a failure."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from wordpress_articles import ARTICLE, Notes, assert_once, publish, publisher, with_images

from reconciler.kinds.site import Site
from reconciler.operations.publishers import PlaceMemories, Target
from reconciler.publishers.port import PublishFailure
from reconciler.publishers.wordpress.memory import TERMS_MAX, SiteMemory

NEXT = replace(ARTICLE, key="3f0c1a52-6f0e-5d55-8a1f-6b1f5c9f0002", slug="say-bye")


@pytest.fixture
def visit(site):
    """Opens the way to the site for one visit, with the memory of those before."""
    memory = {}

    def open_it(role: str = "editor", **settings):
        target = publisher(site, role, **settings)
        target.recall(memory)
        return target

    open_it.memory = memory
    return open_it


def known(visit) -> SiteMemory:
    return visit.memory["wordpress"]


def test_a_later_visit_asks_only_for_what_is_the_articles_own(visit, site, tmp_path):
    publish(visit(author="author", categories=["Guides"]), ARTICLE)
    site.requests()
    article = with_images(tmp_path, NEXT)
    publish(visit(author="author", categories=["Guides"]), article, Notes(is_blank=True))
    posts, media = "/wp/v2/posts", "/wp/v2/media"
    assert [line.split("?")[0] for line in site.requests()] == [
        f"GET {posts}",  # by the slug
        f"GET {media}",
        *[f"POST {media}"] * 3,
        f"GET {media}",  # of twins the oldest
        f"POST {posts}",
        f"GET {posts}",  # by the mark
        f"POST {posts}/{site.posts()[-1]['id']}",
    ]
    assert [post["author"] for post in site.posts()] == [known(visit).authors["author", "author"]] * 2


def test_an_article_without_an_author_of_its_own_asks_for_no_authors(visit, site):
    publish(visit(), replace(ARTICLE, author="The Blog", author_name=""))
    assert [line for line in site.requests() if "/users?" in line or line.endswith("/users")] == []


def delete_the_tag(site, known):
    site.ask("DELETE", f"/tags/{known.tags['1.10']}", force="true")


def delete_the_category(site, known):
    site.ask("DELETE", f"/categories/{known.categories['Guides']}", force="true")


def move_the_api(site, known):
    known.root = (known.root[0].replace("wp-json", "moved-away"), "")


def name_an_author_who_is_gone(site, known):
    known.authors["author", "author"] = 999_999


@pytest.mark.parametrize("change", [delete_the_tag, delete_the_category, move_the_api, name_an_author_who_is_gone])
def test_what_is_gone_since_is_found_anew_before_anything_fails(visit, site, change):
    settings = {"author": "author", "categories": ["Guides"]}
    publish(visit(**settings), ARTICLE)
    change(site, known(visit))
    done = publish(visit(**settings), NEXT, Notes(is_blank=True))
    assert not isinstance(done, PublishFailure), done
    first, second = site.posts()
    assert (second["status"], second["author"]) == ("publish", first["author"])
    names = [
        site.ask("GET", f"/{kind}/{post_id}")["name"] for kind in ("tags", "categories") for post_id in second[kind]
    ]
    assert sorted(names) == ["1.10", "Guides", "R&amp;D"]


def test_a_category_or_tag_that_was_renamed_since_is_not_taken_for_what_it_was(visit, site):
    publish(visit(categories=["Guides"]), ARTICLE)
    site.ask("POST", f"/categories/{known(visit).categories['Guides']}", {"name": "Archive"})
    site.ask("POST", f"/tags/{known(visit).tags['1.10']}", {"name": "Old version"})
    publish(visit(categories=["Guides"]), NEXT, Notes(is_blank=True))
    names = [
        [
            site.ask("GET", f"/{kind}/{number}")["name"]
            for kind in ("categories", "tags")
            for number in sorted(post[kind])
        ]
        for post in site.posts()
    ]
    assert names == [["Archive", "Old version", "R&amp;D"], ["Guides", "R&amp;D", "1.10"]]
    assert [post["status"] for post in site.posts()] == ["publish", "publish"]


def test_a_tag_that_wordpress_writes_otherwise_is_no_reason_to_ask_for_everything_again(visit, site):
    site.ask("POST", "/tags", {"name": "Cafe"})
    ours = {"tags": ("Café",), "author": "The Blog", "author_name": ""}
    publish(visit(), replace(ARTICLE, **ours))
    site.requests()
    publish(visit(), replace(NEXT, **ours), Notes(is_blank=True))
    assert [line.split("?")[0].partition(" ")[0] for line in site.requests()] == ["GET", "POST", "GET", "POST"]


def test_a_right_that_was_taken_away_is_told_as_on_a_first_visit(visit, site):
    publish(visit(), ARTICLE)
    user = site.ask("GET", "/users/me", role="editor")["id"]
    site.ask("POST", f"/users/{user}", {"roles": ["contributor"]})
    failure = publish(visit(), NEXT)
    assert failure == publish(publisher(site), NEXT)
    assert (failure.scope, "may not" in failure.message, "the role Editor" in failure.hint) == ("site", True, True)


def test_an_author_who_becomes_an_editor_publishes_under_other_names_from_the_next_visit_on(visit, site):
    article = replace(ARTICLE, author="Editor Person", author_name="editor")
    publish(visit("author"), article)
    user = site.ask("GET", "/users/me", role="author")["id"]
    site.ask("POST", f"/users/{user}", {"roles": ["editor"]})
    publish(visit("author"), replace(article, key=NEXT.key, slug=NEXT.slug))
    writers = [site.ask("GET", f"/users/{post['author']}")["slug"] for post in site.posts()]
    assert writers == ["author", "editor"]


CUTS = {"media": ("POST", "/media$"), "draft": ("POST", "/posts$"), "public": ("POST", r"/posts/\d+$")}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("cut", CUTS)
def test_a_connection_cut_in_a_later_visit_leaves_one_public_post(visit, site, tmp_path, cut, moment):
    publish(visit(), replace(NEXT, tags=ARTICLE.tags))
    article, notes, (method, route) = with_images(tmp_path), Notes(is_blank=True), CUTS[cut]
    site.ask("DELETE", f"/posts/{site.posts()[0]['id']}", force="true")
    site.go_wrong("cut", route, method=method, moment=moment)
    assert publish(visit(), article, notes).scope == "try-again"
    notes.is_blank = False
    assert publish(visit(), article, notes).state == "public"
    assert_once(site, article)


def test_a_passing_fault_is_no_reason_to_ask_for_everything_again(visit, site):
    publish(visit(), ARTICLE)
    site.requests()
    site.go_wrong("cut", r"/posts$", method="GET")
    assert publish(visit(), NEXT).scope == "try-again"
    assert len(site.requests()) == 1
    assert known(visit).user is not None


def test_a_memory_does_not_grow_without_end(visit, site):
    publish(visit(), ARTICLE)
    known(visit).tags.update((str(number), number) for number in range(TERMS_MAX))
    publish(visit(), NEXT)
    assert sorted(known(visit).tags) == ["1.10", "R&D"]


def test_a_preflight_believes_nothing_that_was_learnt_before(visit, site):
    publish(visit(categories=["Guides"]), ARTICLE)
    delete_the_category(site, known(visit))
    seen = visit("author", categories=["Guides"]).check()
    assert seen.missing == ("make the category Guides",)


def test_an_article_under_another_slug_leaves_no_draft_beside_it(site):
    """A database of yesterday knows nothing of what went out today, and a person has changed that at the site."""
    done = publish(publisher(site), ARTICLE)
    (post,) = site.posts()
    changed = {"slug": "by-hand", "title": "By hand", "content": post["content"]["raw"] + "\n<p>More.</p>"}
    site.ask("POST", f"/posts/{done.remote_id}", changed)
    again = publish(publisher(site), ARTICLE, Notes(is_blank=True))
    assert (again.remote_id, again.url) == (done.remote_id, f"{site.url}/by-hand/")
    assert [post["status"] for post in site.posts()] == ["publish"]


def test_a_draft_that_was_not_found_goes_out_with_the_text_of_now(site):
    """Made ahead, given another slug at the site, then edited here, approved anew, and so with nothing known of it."""
    first = publisher(site).prepare(ARTICLE, Notes(), None)
    site.ask("POST", f"/posts/{first.remote_id}", {"slug": "by-hand"})
    edited = replace(ARTICLE, title="Edited", html="<p>The text of now.</p>\n", tags=("New",))
    done = publish(publisher(site), edited, Notes(is_blank=True))
    (post,) = site.posts()
    assert (done.remote_id, post["status"], post["title"]["raw"]) == (first.remote_id, "publish", "Edited")
    assert "The text of now." in post["content"]["raw"]
    assert "New" in {site.ask("GET", f"/tags/{number}")["name"] for number in post["tags"]}


def test_a_text_that_changes_while_it_is_published_is_told_also_on_a_later_visit(visit, site):
    publish(visit(), ARTICLE)
    later = visit()
    draft = later.prepare(NEXT, Notes(), None)
    stored = site.ask("GET", f"/posts/{draft.remote_id}", context="edit")
    changed = stored | {"status": "publish", "content": {"raw": "Bought by the plugin."}}
    json_type = {"Content-Type": "application/json"}
    site.answer(200, json.dumps(changed), route=r"/posts/\d+$", method="POST", moment="after", headers=json_type)
    end = later.publish(NEXT, draft, Notes())
    assert isinstance(end, PublishFailure) and "while publishing it" in end.message


def test_a_draft_of_a_lost_answer_is_found_under_its_slug_by_one_who_knows_of_nothing(site):
    site.go_wrong("cut", "/posts$", method="POST", moment="after")
    assert publish(publisher(site), ARTICLE, Notes(is_blank=True)).scope == "try-again"
    assert publish(publisher(site), ARTICLE, Notes(is_blank=True)).state == "public"
    assert_once(site, ARTICLE)


def test_another_address_or_secret_has_a_memory_of_its_own():
    def at(url: str) -> Target:
        return Target(Site(name="blog", account="acme", url=url), "", url, {"type": "wordpress", "username": "editor"})

    memories = PlaceMemories()
    one, two = {"application_password": "one"}, {"application_password": "two"}
    memories.of(at("https://a.example"), one)["learnt"] = 1
    assert memories.of(at("https://a.example"), one) == {"learnt": 1}
    assert memories.of(at("https://a.example"), two) == {}
    assert memories.of(at("https://b.example"), two) == {}


def test_a_password_that_was_revoked_is_told_as_on_a_first_visit(visit, site):
    publish(visit(), ARTICLE)
    failure = publish(visit(password="revoked"), NEXT, Notes(is_blank=True))
    assert failure == publish(publisher(site, password="revoked"), NEXT)
    assert (failure.scope, "does not accept the user name editor" in failure.message) == ("site", True)
