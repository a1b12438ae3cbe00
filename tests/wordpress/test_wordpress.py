"""The WordPress publisher against a real WordPress: what it makes there, and what it leaves alone."""

from __future__ import annotations

import html
from dataclasses import replace
from urllib.parse import unquote

import pytest
from wordpress_articles import ARTICLE, SLOT, Notes, picture, publish, publisher, with_images

from reconciler.pipeline.publishing import finding_of
from reconciler.publishers.port import ArticleImage, PublishFailure, Remote


def test_an_article_with_images_is_public_once_whole_and_dated_at_its_slot(site, tmp_path):
    article, notes = with_images(tmp_path), Notes()
    target = publisher(site)
    draft = target.prepare(article, notes, None)
    assert (draft.state, site.posts()[0]["status"], len(notes.kept)) == ("draft", "draft", 3)
    done = target.publish(article, draft, notes)
    (post,) = site.posts()
    assert (done.remote_id, done.url, done.state) == (str(post["id"]), f"{site.url}/say-hi/", "public")
    assert (post["status"], post["slug"], post["date_gmt"]) == ("publish", "say-hi", f"{SLOT:%Y-%m-%dT%H:%M:%S}")
    assert html.unescape(post["title"]["raw"]) == article.title
    assert html.unescape(post["excerpt"]["raw"]) == "short & sweet"
    featured, red, navy = (notes.kept[image.sha256] for image in article.images)
    assert post["featured_media"] == int(featured.remote_id)
    text = post["content"]["raw"]
    assert text.endswith(f"\n<!-- igny8:{article.key} -->")
    assert text.index("First part") < text.index(red.url) < text.index("Body") < text.index(navy.url)
    assert f'class="wp-image-{red.remote_id}"' in text
    status, page = site.page(done.url)
    assert status == 200
    assert "Say &#8220;hi&#8221; &amp; &lt;wave&gt;: a \\ guide 😀" in page
    assert 'alt="alt &quot;red&quot;"' in page
    assert "<figcaption" in page


def test_each_image_stands_in_the_library_once_with_its_alt_text_and_caption(site, tmp_path):
    article = with_images(tmp_path)
    publish(publisher(site), article)
    publish(publisher(site), replace(article, key="another", slug="other"), Notes())
    assert [(row["slug"], row["alt_text"], row["caption"]["raw"]) for row in site.media()] == [
        (f"igny8-{image.sha256}", image.alt, image.caption) for image in article.images
    ]


def test_an_older_text_that_is_public_already_is_not_taken_for_the_one_of_now(site, tmp_path):
    """It went out, nobody recorded that, and it was edited and approved anew before the next try."""
    article = with_images(tmp_path)
    publish(publisher(site), article)
    for title, finding in ((article.title, ""), ("Edited", "changed-by-hand")):
        end = publish(publisher(site), replace(article, title=title))
        (seen,) = publisher(site).look([end])
        assert (end.state, finding_of("published", end, seen)) == ("public", finding)


def test_a_noted_number_that_is_another_image_by_now_is_not_taken_for_ours(site, tmp_path):
    """The site was made anew at its address: what has the numbers of our images there is its logo, say."""
    article, notes = with_images(tmp_path), Notes()
    publish(publisher(site), article, notes)
    site.begin_anew()
    others = [ArticleImage(str(picture(tmp_path, "gold", size)), str(size), "logo.png", "image/png", "featured", "", "")
              for size in range(64, 64 + len(article.images))]  # fmt: skip
    publish(
        publisher(site),
        replace(ARTICLE, key="3f0c1a52-6f0e-5d55-8a1f-6b1f5c9f0009", slug="logos", images=tuple(others)),
    )
    publish(publisher(site), article, notes)
    numbers = {row["slug"]: row["id"] for row in site.media()}
    assert {f"igny8-{image.sha256}" for image in article.images} <= set(numbers)
    assert site.posts()[-1]["featured_media"] == numbers[f"igny8-{article.images[0].sha256}"]


def test_an_image_that_a_person_gave_another_slug_is_still_ours_also_at_another_host(site, tmp_path):
    article, notes = with_images(tmp_path), Notes()
    first = publish(publisher(site), article, notes)
    for row in site.media():
        site.ask("POST", f"/media/{row['id']}", {"slug": f"by-hand-{row['id']}"})
    moved = {
        key: replace(media, url=media.url.replace("http://127.0.0.1", "https://old.example"))
        for key, media in notes.kept.items()
    }
    notes.kept = dict(moved)
    done = publisher(site).update(replace(article, title="Edited"), first, notes, force=False)
    assert (done.state, len(site.media())) == ("public", len(article.images))
    assert {media.url for media in notes.kept.values()}.isdisjoint(media.url for media in moved.values())


def test_publishing_again_changes_nothing(site, tmp_path):
    article, notes = with_images(tmp_path), Notes()
    first = publish(publisher(site), article, notes)
    site.requests()
    assert publish(publisher(site), article, notes) == first
    assert [line for line in site.requests() if not line.startswith("GET")] == []
    assert publish(publisher(site), article, notes, first) == first


def test_plain_permalinks_work_alike(new_site, tmp_path):
    site = new_site(is_pretty=False)
    done = publish(publisher(site), with_images(tmp_path))
    (post,) = site.posts()
    assert done.url == f"{site.url}/?p={post['id']}"
    assert site.page(done.url)[0] == 200


def test_what_looks_like_a_shortcode_or_a_tag_in_a_title_does_not_run(site):
    done = publish(
        publisher(site), replace(ARTICLE, title="<script>alert(1)</script>", html="<p>[audio src=x] &amp;</p>")
    )
    page = site.page(done.url)[1]
    assert "<script>alert(1)" not in page
    assert "&#091;audio src=x]" in page


@pytest.mark.parametrize(
    "text",
    [
        "emoji 😀 and 👩‍👩‍👧‍👦",
        "back\\slashes \\\\ and \\' quotes \\\"",
        "{{ braces }} {% percent %} %s %1$s $1 \\1",
        "مرحبا بالعالم — טקסט מימין",
        "quotes “ ” ' \" -- ... <!-- a comment -->",
        "&amp; &lt;b&gt; &#8220; &nbsp; \u00a0",
    ],
)
def test_every_character_of_a_text_arrives_as_it_was_sent(site, text):
    target, notes = publisher(site), Notes()
    article = replace(ARTICLE, title=text, html=f"<p>{text}</p>\n<pre><code>{text}</code></pre>\n")
    done = publish(target, article, notes)
    assert done.state == "public", done
    (post,) = site.posts()
    assert post["content"]["raw"] == f"{article.html}\n<!-- igny8:{article.key} -->"
    assert html.unescape(post["title"]["raw"]) == text


@pytest.mark.parametrize("slug", ["日本語の長いスラッグ" * 3, "مرحبا-بالعالم", "x" * 200, "Ünïcödé", "2026", "feed"])
def test_a_slug_that_wordpress_writes_otherwise_is_found_again_and_published_once(site, slug):
    article, notes = replace(ARTICLE, slug=slug), Notes()
    done = publish(publisher(site), article, notes)
    assert done.state == "public", done
    assert publish(publisher(site), article, Notes()) == done
    assert publish(publisher(site), article, Notes(), done) == done
    (post,) = site.posts()
    assert post["link"] == done.url
    assert len(unquote(post["slug"]).encode()) <= 200


def test_a_slug_that_a_person_has_taken_stops_the_article_and_their_post_stays(site):
    theirs = site.ask("POST", "/posts", {"title": "Mine", "content": "hands off", "slug": "say-hi", "status": "draft"})
    failure = publish(publisher(site), ARTICLE)
    assert (failure.scope, "somebody else's post" in failure.message) == ("article", True)
    assert [(post["id"], post["content"]["raw"]) for post in site.posts()] == [(theirs["id"], "hands off")]


def test_a_recorded_number_that_is_somebody_elses_post_now_is_never_touched(site):
    theirs = site.ask("POST", "/posts", {"title": "Mine", "content": "hands off", "status": "publish"})
    known = Remote(str(theirs["id"]), "", "draft", fingerprint="of long ago")
    done = publish(publisher(site), ARTICLE, Notes(), known)
    assert done.remote_id != known.remote_id
    assert site.posts()[0]["content"]["raw"] == "hands off"


def test_a_draft_in_the_trash_stops_the_article(site):
    target, notes = publisher(site), Notes()
    draft = target.prepare(ARTICLE, notes, None)
    site.ask("DELETE", f"/posts/{draft.remote_id}")
    for known in (draft, None):
        failure = target.prepare(ARTICLE, notes, known)
        assert (failure.scope, "trash" in failure.message) == ("article", True)
    assert "trash" in target.publish(ARTICLE, draft, notes).message
    assert [post["status"] for post in site.posts()] == ["trash"]


def test_a_draft_that_a_person_changed_is_not_overwritten_and_not_published(site):
    target, notes = publisher(site), Notes()
    draft = target.prepare(ARTICLE, notes, None)
    site.ask("POST", f"/posts/{draft.remote_id}", {"title": "Better"})
    assert target.prepare(replace(ARTICLE, title="New"), notes, draft).scope == "changed-by-hand"
    assert target.publish(ARTICLE, draft, notes).scope == "changed-by-hand"
    assert [(post["title"]["raw"], post["status"]) for post in site.posts()] == [("Better", "draft")]


def test_a_draft_of_ours_is_brought_up_to_date(site, tmp_path):
    target, notes = publisher(site), Notes()
    draft = target.prepare(ARTICLE, notes, None)
    again = target.prepare(with_images(tmp_path, replace(ARTICLE, title="New")), notes, draft)
    assert again.remote_id == draft.remote_id
    (post,) = site.posts()
    assert (post["title"]["raw"], post["featured_media"] > 0) == ("New", True)


def test_what_a_person_published_before_its_slot_counts_as_public(site):
    target, notes = publisher(site), Notes()
    draft = target.prepare(ARTICLE, notes, None)
    site.ask("POST", f"/posts/{draft.remote_id}", {"status": "publish", "title": "Better"})
    assert publish(target, ARTICLE, notes, draft).state == "public"
    assert site.posts()[0]["title"]["raw"] == "Better"


def test_an_update_keeps_slug_and_date_and_refuses_a_change_by_hand(site, tmp_path):
    target, notes = publisher(site), Notes()
    first = publish(target, ARTICLE, notes)
    edited = with_images(tmp_path, replace(ARTICLE, title="Edited", slug="other-slug", html="<p>New.</p>"))
    second = target.update(edited, first, notes, force=False)
    (post,) = site.posts()
    assert (post["slug"], post["date_gmt"], post["title"]["raw"]) == ("say-hi", "2024-05-15T14:00:00", "Edited")
    assert (second.url, second.state) == (first.url, "public")
    site.ask("POST", f"/posts/{first.remote_id}", {"content": "by hand"})
    refused = target.update(ARTICLE, second, notes, force=False)
    assert (refused.scope, site.posts()[0]["content"]["raw"]) == ("changed-by-hand", "by hand")
    assert target.update(ARTICLE, second, notes, force=True).state == "public"
    assert "by hand" not in site.posts()[0]["content"]["raw"]


def test_withdrawn_is_a_draft_and_comes_back_at_its_old_address_and_date(site):
    target, notes = publisher(site), Notes()
    first = publish(target, ARTICLE, notes)
    gone = target.withdraw(first)
    assert (gone.state, site.page(first.url)[0]) == ("draft", 404)
    assert target.withdraw(first).state == "draft"
    back = publish(target, ARTICLE, notes, gone)
    assert (back.url, back.remote_id) == (first.url, first.remote_id)
    assert site.posts()[0]["date_gmt"] == "2024-05-15T14:00:00"


def test_a_look_sees_what_is_public_changed_trashed_and_gone(site):
    target = publisher(site)
    made = [publish(target, replace(ARTICLE, key=f"key-{n}", slug=f"post-{n}")) for n in range(4)]
    site.ask("POST", f"/posts/{made[1].remote_id}", {"title": "By hand"})
    site.ask("DELETE", f"/posts/{made[2].remote_id}")
    site.ask("DELETE", f"/posts/{made[3].remote_id}", force="true")
    seen = target.look(made)
    assert [remote.state for remote in seen] == ["public", "public", "trashed", "missing"]
    assert [now.fingerprint == then.fingerprint for now, then in zip(seen, made, strict=True)] == [
        True, False, True, False,
    ]  # fmt: skip


def test_categories_are_found_or_made_and_an_author_of_the_site_is_named(site):
    existing = site.ask("POST", "/categories", {"name": "R&D <b>"})
    target = publisher(site, categories=["r&d <b>", "Guides"], category_per_sector=True, author="author")
    publish(target, ARTICLE)
    names = {row["id"]: html.unescape(row["name"]) for row in site.ask("GET", "/categories")}
    (post,) = site.posts()
    assert {names[number] for number in post["categories"]} == {names[existing["id"]], "Guides", "hiking"}
    assert site.ask("GET", f"/users/{post['author']}")["slug"] == "author"
    tags = {html.unescape(row["name"]) for row in site.ask("GET", "/tags")}
    assert tags == {"1.10", "R&D"}
    site.requests()
    publish(publisher(site), replace(ARTICLE, key="next", slug="next", tags=("r&d", "1.10", "New", "日本")))
    # One is found by the slug that it must have; the slug of R&D is guessed wrong, and making it tells its number.
    asked = [request for request in site.requests() if request.endswith("/tags")]
    assert asked == ["GET /wp/v2/tags", *["POST /wp/v2/tags"] * 3]
    assert len(site.ask("GET", "/tags")) == 4


def test_the_author_with_the_name_of_the_articles_author_is_taken_without_a_setting(site):
    publish(publisher(site), replace(ARTICLE, author="Author Person", author_name="somebody"))
    assert site.ask("GET", f"/users/{site.posts()[0]['author']}")["slug"] == "author"


def test_who_may_not_name_another_author_publishes_under_the_own_name(site):
    done = publish(publisher(site, "author"), replace(ARTICLE, author="Editor Person", author_name="nobody"))
    assert done.state == "public", done
    (post,) = site.posts()
    assert post["author"] == site.ask("GET", "/users/me", role="author")["id"]


def test_a_declared_author_that_the_site_lacks_stops_the_site_and_names_those_it_has(site):
    failure = publish(publisher(site, author="nobody"), ARTICLE)
    assert failure.scope == "site"
    assert "editor" in failure.hint
    assert site.posts() == []


def test_seo_meta_is_written_where_the_site_registers_it_and_a_warning_says_where_not(new_site):
    fields = ("_yoast_wpseo_title", "_yoast_wpseo_metadesc", "_yoast_wpseo_canonical")
    site = new_site(meta=fields)
    assert publisher(site).check().warnings == ()
    publish(publisher(site), replace(ARTICLE, canonical_url="https://main.example/say-hi/"))
    assert site.posts()[0]["meta"] == dict(
        zip(fields, ("Meta", "Described", "https://main.example/say-hi/"), strict=True)
    )
    assert publisher(site).check().no_canonical == ""
    bare = new_site()
    assert "meta title and description are not stored" in publisher(bare).check().warnings[0]
    assert "no SEO plugin lets the canonical address" in publisher(bare).check().no_canonical
    refused = publish(publisher(bare), replace(ARTICLE, canonical_url="https://main.example/say-hi/"))
    assert (refused.scope, bare.posts()) == ("site", []), "a copy that names nothing would compete with the article"


def test_twins_of_a_lost_answer_become_one_public_post(site):
    """A draft whose answer was lost may be inserted after we have looked for it."""
    target, notes = publisher(site), Notes()
    first = target.prepare(ARTICLE, notes, None)
    post = site.posts()[0]
    twin = site.ask(
        "POST", "/posts",
        {"title": post["title"]["raw"], "content": post["content"]["raw"], "slug": "say-hi", "status": "draft"},
        role="editor",
    )  # fmt: skip
    known = replace(first, remote_id=str(twin["id"]))
    done = target.publish(ARTICLE, known, notes)
    assert done.remote_id == first.remote_id, "the older one"
    assert [row["status"] for row in site.posts()] == ["publish"]


def test_the_check_says_who_we_are_and_what_is_allowed(site):
    seen = publisher(site).check()
    assert (seen.who, seen.missing, seen.is_enough) == ("Editor Person (editor)", (), True)
    author = publisher(site, "author").check()
    assert (author.is_enough, author.least_role) == (True, "author")
    assert any("may not make categories" in warning for warning in author.warnings)
    asked = publisher(site, "author", categories=["Uncategorized", "x"], author="editor").check()
    assert (asked.missing, asked.least_role) == (("publish under the name of editor", "make the category x"), "editor")
    assert publisher(site, "author", categories=["Uncategorized"], author="author").check().is_enough
    contributor = publisher(site, "contributor").check()
    assert (contributor.is_enough, contributor.missing) == (
        False, ("upload images", "publish", "update what is published"),
    )  # fmt: skip
    assert site.posts() == []


def test_an_author_publishes_what_an_editor_publishes(site, tmp_path):
    done = publish(publisher(site, "author"), with_images(tmp_path))
    assert done.state == "public", done
    assert isinstance(publish(publisher(site, "editor"), with_images(tmp_path)), Remote)
    assert len(site.posts()) == 1


def test_text_that_the_user_may_not_store_never_becomes_public(site):
    failure = publish(
        publisher(site, "author"), replace(ARTICLE, html="<p>x</p><iframe src='https://a.example'></iframe>")
    )
    assert isinstance(failure, PublishFailure)
    assert "stored content" in failure.message
    assert "unfiltered_html" in failure.hint
    assert [post["status"] for post in site.posts()] == ["draft"]
