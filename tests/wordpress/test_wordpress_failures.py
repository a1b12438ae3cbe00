"""What a site can do wrong, whom it stops, and that a lost answer never makes a second post or image."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from wordpress_articles import ARTICLE, Notes, assert_once, picture, publish, publisher, with_images

from reconciler.clock import SystemClock
from reconciler.publishers.port import ArticleImage, PublishFailure, Remote
from reconciler.publishers.wordpress.api import WordPressApi

PAGE = "<!doctype html><html><head><title>Just a moment &amp; more</title></head><body>no</body></html>"


def fail(site, article=ARTICLE, role="editor", **more) -> PublishFailure:
    end = publish(publisher(site, role, **more), article)
    assert isinstance(end, PublishFailure), end
    return end


def test_a_wrong_password_stops_the_site_before_anything_is_made(site):
    failure = fail(site, password="wrong wrong wrong")
    assert failure.scope == "site"
    assert "does not accept the user name editor" in failure.message
    assert "Authorization header" in failure.hint
    assert fail(site, role="nobody").scope == "site"
    assert (site.posts(), site.media()) == ([], [])


@pytest.mark.parametrize(
    ("role", "what"),
    [("subscriber", "write drafts, upload images, publish"), ("contributor", "upload images, publish")],
)
def test_too_few_rights_stop_the_site_and_name_the_role_that_is_enough(site, role, what):
    failure = fail(site, role=role)
    assert (failure.scope, what in failure.message) == ("site", True)
    assert "the role Editor" in failure.hint
    assert (site.posts(), site.media()) == ([], [])


def test_an_author_may_not_make_a_category_and_is_told_so(site):
    failure = fail(site, role="author", categories=["New"])
    assert (failure.scope, "may not make categories" in failure.message) == ("site", True)
    assert site.posts() == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_site_that_fails_is_tried_again(site, status):
    site.answer(status, PAGE, times=1)
    failure = fail(site)
    assert (failure.scope, failure.retry_after) == ("try-again", None)
    assert publish(publisher(site), ARTICLE).state == "public"


@pytest.mark.parametrize("status", [429, 503])
def test_how_long_a_site_asks_us_to_wait_is_passed_on(site, status):
    site.answer(status, PAGE, headers={"Retry-After": "120"})
    failure = fail(site)
    assert (failure.scope, failure.retry_after) == ("try-again", 120.0)


@pytest.mark.parametrize("status", [200, 401, 403, 404])
def test_a_page_instead_of_the_api_stops_the_site(site, status):
    site.answer(status, PAGE, route="/posts$")
    failure = fail(site)
    assert failure.scope == "site"
    assert "page" in failure.message


def test_a_redirect_is_not_followed_and_says_where_it_leads(site):
    site.answer(301, "", headers={"Location": "https://www.blog.example/"}, route="/users/me")
    failure = fail(site)
    assert (failure.scope, "https://www.blog.example/" in failure.message) == ("site", True)


def test_a_place_without_wordpress_stops_the_site(site):
    end = publish(publisher(replace(site, name="nothing-is-here")), ARTICLE)
    assert (end.scope, "REST API" in end.message) == ("site", True)


def test_a_site_that_is_not_there_is_tried_again(site):
    assert publish(publisher(replace(site, port=1)), ARTICLE).scope == "try-again"


def test_the_password_is_in_no_message_and_no_text_of_the_publisher(site):
    secret = "abcd efgh ijkl mnop"
    target = publisher(site, password=secret)
    failure = publish(target, ARTICLE)
    assert secret not in f"{failure} {target!r}"


def big_image(tmp_path) -> ArticleImage:
    path = picture(tmp_path, "teal")
    return ArticleImage(str(path), "0" * 64, "big.png", "image/png", "featured", "alt", "")


def test_an_image_that_is_too_big_for_the_site_stops_the_article_and_says_which(site, tmp_path):
    site.answer(413, PAGE, route="/media$", method="POST")
    failure = fail(site, replace(ARTICLE, images=(big_image(tmp_path),)))
    assert (failure.scope, "big.png" in failure.message) == ("article", True)
    assert "client_max_body_size" in failure.hint
    assert site.posts() == []


def test_bytes_that_are_no_image_stop_the_article_and_say_which(site, tmp_path):
    path = tmp_path / "x.png"
    path.write_text("<?php echo 1;")
    image = ArticleImage(str(path), "0" * 64, "x.png", "image/png", "featured", "alt", "")
    failure = fail(site, replace(ARTICLE, images=(image,)))
    assert (failure.scope, "x.png" in failure.message) == ("article", True)


def test_an_image_file_that_is_gone_is_told(site, tmp_path):
    image = ArticleImage(str(tmp_path / "x.png"), "0" * 64, "x.png", "image/png", "featured", "alt", "")
    failure = fail(site, replace(ARTICLE, images=(image,)))
    assert (failure.scope, "cannot be read" in failure.message) == ("try-again", True)


STEPS = {
    "draft": ("POST", "/posts$"),
    "media": ("POST", "/media$"),
    "tag": ("POST", "/tags$"),
    "publish": ("POST", r"/posts/\d+$"),
    "look": ("GET", "/posts$"),
}


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_connection_cut_at_any_step_leaves_one_public_post_and_one_set_of_images(site, tmp_path, step, moment):
    method, route = STEPS[step]
    article, notes = with_images(tmp_path), Notes()
    site.go_wrong("cut", route, method=method, moment=moment)
    failure = publish(publisher(site), article, notes)
    assert failure.scope == "try-again", failure
    done = publish(publisher(site), article, notes)
    assert done.state == "public", done
    assert_once(site, article)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_lost_answer_on_an_update_is_nobodys_change(site, tmp_path, moment):
    article, notes = with_images(tmp_path), Notes()
    first = publish(publisher(site), article, notes)
    edited = replace(article, title="Edited", html="<p>New.</p>")
    site.go_wrong("cut", r"/posts/\d+$", method="POST", moment=moment)
    assert publisher(site).update(edited, first, notes, force=False).scope == "try-again"
    assert publisher(site).update(edited, first, notes, force=False).state == "public"
    assert site.posts()[0]["title"]["raw"] == "Edited"
    assert_once(site, edited)


# Where: method, route, how many such requests there are before (as a first attempt, and as a later one), and the moment.
MEETINGS = {
    "both upload": ("POST", "/media$", (0, 0), "before"),
    "both have uploaded": ("POST", "/media$", (4, 4), "after"),
    "both have found nothing": ("GET", "/posts$", (0, 2), "after"),
    "both make a draft": ("POST", "/posts$", (0, 0), "before"),
    "both have made a draft": ("POST", "/posts$", (0, 0), "after"),
    "both have seen two drafts": ("GET", "/posts$", (2, 4), "after"),
    "both make it public": ("POST", r"/posts/\d+$", (0, 0), "before"),
}


@pytest.mark.parametrize("attempt", ["first", "later"])
@pytest.mark.parametrize("meeting", MEETINGS)
def test_two_daemons_that_know_nothing_of_each_other_make_one_public_post(site, tmp_path, meeting, attempt):
    """Wherever they meet: nothing at the site keeps both from making drafts and images, so both have to clear up."""
    article, is_first = with_images(tmp_path), attempt == "first"
    method, route, (after_first, after_later), moment = MEETINGS[meeting]
    after = after_first if is_first else after_later
    site.go_wrong("wait", route, method=method, moment=moment, after=after, times=2, others=2)
    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(lambda _: publish(publisher(site), article, Notes(is_blank=is_first)), range(2)))
    # WordPress refuses one of two uploads that make the folder of a month at the same moment.
    for_now = [end for end in ends if isinstance(end, PublishFailure)]
    assert [end.scope for end in for_now] in ([], ["try-again"]), ends
    assert all("Unable to create directory" in end.message for end in for_now)
    assert_once(site, article)
    (post,) = site.posts()
    again = publish(publisher(site), article, Notes())
    assert {end.remote_id for end in [again, *ends] if isinstance(end, Remote)} == {str(post["id"])}
    assert_once(site, article)


def test_a_draft_that_was_made_since_we_looked_is_ours_by_its_mark_and_not_a_taken_slug(site):
    draft = publisher(site).prepare(ARTICLE, Notes(), None)
    site.answer(200, "[]", route="/posts$", method="GET", headers={"Content-Type": "application/json"})
    assert publisher(site).prepare(ARTICLE, Notes(), None).remote_id == draft.remote_id
    assert len(site.posts()) == 1


def test_a_twin_that_takes_the_slug_at_the_last_moment_gives_it_back(site):
    target = publisher(site)
    draft = target.prepare(ARTICLE, Notes(), None)
    seen = json.dumps(site.posts())
    (first,) = site.posts()
    twin = {"title": first["title"]["raw"], "content": first["content"]["raw"], "slug": ARTICLE.slug, "status": "draft"}
    # What we see of the site as we look for twins is how it was before; WordPress gives nobody a slug that a draft has.
    site.ask("POST", f"/posts/{first['id']}", {"slug": "aside"})
    site.ask("POST", "/posts", twin)
    site.answer(200, seen, route="/posts$", method="GET", headers={"Content-Type": "application/json"})
    assert target.publish(ARTICLE, draft, Notes()).url == f"{site.url}/say-hi/"
    assert_once(site, ARTICLE)


def test_a_folder_of_the_site_that_cannot_be_written_is_tried_again_and_named(site, tmp_path):
    body = {"code": "rest_upload_sideload_error", "message": "Unable to create directory wp-content/uploads/2026/11."}
    site.answer(500, json.dumps(body), route="/media$", method="POST", headers={"Content-Type": "application/json"})
    failure = fail(site, with_images(tmp_path))
    assert (failure.scope, failure.hint) == ("try-again", "let the web server write there")
    assert "uploads/2026/11" in failure.message


def test_a_page_is_looked_at_as_a_reader_does_where_the_site_knows_no_other_question(site):
    class OnlyGet(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if self.path == "/gone" else 200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), OnlyGet) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        api = WordPressApi(site.url, "editor", "", SystemClock().now)
        base = f"http://127.0.0.1:{server.server_port}"
        assert [api.status_of(f"{base}/{path}") for path in ("there", "gone")] == [200, 404]
        assert [api.status_of(f"{site.url}/{path}") for path in ("", "no-such-page/")] == [200, 404]
        server.shutdown()


def test_the_api_is_found_where_something_in_front_takes_no_head():
    class NoHead(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(403)
            self.send_header("Content-Type", "text/html")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Link", f'<http://{self.headers["Host"]}/api/>; rel="https://api.w.org/"')
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"path": self.path}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), NoHead) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        api = WordPressApi(f"http://127.0.0.1:{server.server_port}", "editor", "", SystemClock().now)
        assert api.get("/wp/v2/users/me", "see who they are") == {"path": "/api/wp/v2/users/me"}
        server.shutdown()
