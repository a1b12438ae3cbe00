"""Shopify, against a stand-in that follows its documentation; no shop was ever asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from articles import ARTICLE, Recorded, publish, with_images
from losing_proxy import proxied
from pydantic import ValidationError
from stand_in_shopify import TOKEN, StandInShopify, standing_in

from reconciler.clock import SystemClock
from reconciler.pipeline.publishing import finding_of
from reconciler.publishers.port import Preflight, PublishFailure, Remote
from reconciler.publishers.shopify import ShopifySettings, make
from reconciler.publishers.shopify_api import ShopifyApi
from reconciler.publishers.shopify_publisher import ShopifyPublisher


@pytest.fixture
def shop() -> Iterator[StandInShopify]:
    with standing_in() as opened:
        yield opened


@pytest.fixture
def article(tmp_path):
    return with_images(tmp_path)


def publisher(url: str, pauses: list[float] | None = None, token: str = TOKEN, blog: str = "news") -> ShopifyPublisher:
    """A publisher that does not wait, and writes down how long it would have."""
    api = ShopifyApi(url, token, SystemClock().now, ([] if pauses is None else pauses).append)
    return ShopifyPublisher(api, blog, "https://shop.example")


def only(shop: StandInShopify) -> dict[str, Any]:
    (article,) = shop.articles.values()
    return article


def expect_published_once(shop: StandInShopify, article: Any) -> None:
    stored = only(shop)
    assert (stored["isPublished"], stored["handle"], stored["title"]) == (True, article.slug, article.title)
    assert stored["key"] == {"value": article.key}
    assert sorted(item["filename"] for item in shop.files.values()) == sorted(
        f"igny8-{image.sha256}.png" for image in article.images
    )


def test_it_is_made_from_the_settings_of_a_site(shop, article):
    settings = {"shop": shop.url, "blog": "news", "access_token": {"env": "X"}}
    target = make(settings, "https://shop.example", Path(), {"access_token": TOKEN})
    assert isinstance(target.prepare(replace(article, images=()), Recorded().notebook, None), Remote)
    target.close()


@pytest.mark.parametrize("shop_name", ["the-shop.example", "https://x.myshopify.com", "http://far.example"])
def test_the_shop_is_its_myshopify_host(shop_name):
    with pytest.raises(ValidationError):
        ShopifySettings.model_validate({"shop": shop_name, "blog": "news", "access_token": {"env": "X"}})


def test_an_article_is_invisible_before_it_is_public_and_arrives_whole(shop, article):
    target, recorded = publisher(shop.url), Recorded()
    draft = target.prepare(article, recorded.notebook, None)
    assert isinstance(draft, Remote) and draft.state == "draft" and not only(shop)["isPublished"]
    public = target.publish(article, draft, recorded.notebook)
    assert isinstance(public, Remote)
    assert (public.state, public.url) == ("public", "https://shop.example/blogs/news/say-hi")
    stored = only(shop)
    assert (stored["author"], stored["tags"], stored["summary"]) == (
        {"name": "Ann"},
        ["Hiking", "1.10"],
        "Short & sweet",
    )
    assert stored["metafields"]["global.title_tag"] == "Meta title"
    assert stored["metafields"]["global.description_tag"] == "Described"
    assert (
        stored["image"]["url"].startswith("https://cdn.shopify.com/")
        and stored["image"]["altText"] == 'a "teal" square'
    )
    assert '<img src="https://cdn.shopify.com/' in stored["body"]
    expect_published_once(shop, article)


@pytest.mark.parametrize("before", [False, True], ids=["answer lost", "request lost"])
def test_whatever_request_is_lost_one_article_comes_of_it(article, before):
    for number in itertools.count(1):
        with standing_in() as shop, proxied(shop.url) as proxy:
            recorded = Recorded()
            proxy.again(number, before=before)
            lost = publish(publisher(proxy.url), article, recorded)
            if isinstance(lost, PublishFailure):
                assert lost.scope == "try-again", lost
                proxy.again()
                assert isinstance(publish(publisher(proxy.url), article, recorded), Remote)
            expect_published_once(shop, article)
            if isinstance(lost, Remote):
                break
    assert number > 12, "one after the other, every request was lost"


def test_publishing_again_makes_nothing_new(shop, article):
    recorded = Recorded()
    publish(publisher(shop.url), article, recorded)
    publish(publisher(shop.url), article, recorded)
    publish(publisher(shop.url), article, Recorded())
    expect_published_once(shop, article)


def test_somebody_elses_article_at_our_handle_is_left_alone(shop, article):
    publish(publisher(shop.url), replace(ARTICLE, key="another", title="Mine"), Recorded())
    end = publish(publisher(shop.url), article, Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "article"
    assert "belongs to another article, “Mine”" in end.message
    assert only(shop)["title"] == "Mine"


def test_a_handle_that_only_begins_alike_is_no_hit(shop):
    publish(publisher(shop.url), replace(ARTICLE, key="another", slug="say-hi-2"), Recorded())
    assert isinstance(publish(publisher(shop.url), ARTICLE, Recorded()), Remote)
    assert len(shop.articles) == 2


def test_an_update_keeps_handle_and_date_and_respects_people(shop, article):
    target, recorded = publisher(shop.url), Recorded()
    remote = publish(target, article, recorded)
    date = only(shop)["publishedAt"]
    newer = replace(article, title="Newer", slug="other")
    remote = target.update(newer, remote, recorded.notebook, force=False)
    assert isinstance(remote, Remote)
    assert (only(shop)["title"], only(shop)["handle"], only(shop)["publishedAt"]) == ("Newer", "say-hi", date)
    only(shop)["body"] = "<p>Mine.</p>"
    end = target.update(article, remote, recorded.notebook, force=False)
    assert isinstance(end, PublishFailure) and end.scope == "changed-by-hand"
    assert only(shop)["body"] == "<p>Mine.</p>"
    assert isinstance(target.update(article, remote, recorded.notebook, force=True), Remote)


def test_an_update_whose_answer_was_lost_is_taken_for_ours(shop, article):
    recorded = Recorded()
    remote = publish(publisher(shop.url), article, recorded)
    newer = replace(article, title="Newer")
    with proxied(shop.url) as proxy:
        proxy.again(2 + len(article.images))
        lost = publisher(proxy.url).update(newer, remote, recorded.notebook, force=False)
        assert isinstance(lost, PublishFailure) and only(shop)["title"] == "Newer"
    assert isinstance(publisher(shop.url).update(newer, remote, recorded.notebook, force=False), Remote)


def test_an_image_that_somebody_deleted_from_the_shops_files_is_sent_again(shop, article):
    recorded = Recorded()
    remote = publish(publisher(shop.url), article, recorded)
    deleted = next(iter(shop.files))
    del shop.files[deleted]
    end = publisher(shop.url).update(replace(article, title="Newer"), remote, recorded.notebook, force=False)
    assert isinstance(end, Remote)
    assert {item["filename"] for item in shop.files.values()} == {
        f"igny8-{image.sha256}.png" for image in article.images
    }
    assert deleted not in {media.remote_id for media in recorded.notebook.kept.values()}


def test_an_older_text_that_is_public_already_is_not_taken_for_the_one_of_now(shop, article):
    """It went out, nobody recorded that, and it was edited and approved anew before the next try."""
    publish(publisher(shop.url), article, Recorded())
    for title, finding in ((article.title, ""), ("Edited", "changed-by-hand")):
        end = publish(publisher(shop.url), replace(article, title=title), Recorded())
        assert isinstance(end, Remote) and end.state == "public"
        seen = publisher(shop.url).look([end])
        assert not isinstance(seen, PublishFailure)
        assert finding_of("published", end, seen[0]) == finding


def test_hidden_shown_missing(shop, article):
    target, recorded = publisher(shop.url), Recorded()
    remote = publish(target, article, recorded)
    hidden = target.withdraw(remote)
    assert hidden.state == "draft" and target.withdraw(hidden) == hidden
    recorded.remote = hidden
    assert isinstance(publish(target, article, recorded), Remote)
    assert [item.state for item in target.look([remote, Remote("gid://shopify/Article/1", "", "public")])] == [
        "public",
        "missing",
    ]
    shop.articles.clear()
    assert target.withdraw(remote).state == "missing"
    gone = target.update(article, remote, recorded.notebook, force=False)
    assert isinstance(gone, PublishFailure) and "gone at Shopify" in gone.message


def test_a_draft_that_a_person_works_on_is_not_published(shop, article):
    target, recorded = publisher(shop.url), Recorded()
    draft = target.prepare(article, recorded.notebook, None)
    only(shop)["body"] = "<p>Mine.</p>"
    for end in (target.publish(article, draft, recorded.notebook), target.prepare(article, recorded.notebook, draft)):
        assert isinstance(end, PublishFailure) and end.scope == "changed-by-hand"
    ours = target.update(article, draft, recorded.notebook, force=True)
    assert isinstance(ours, Remote) and ours.state == "draft"
    assert isinstance(target.publish(article, ours, recorded.notebook), Remote)
    expect_published_once(shop, article)


def throttled(available: float, rate: float = 50.0) -> tuple[int, Any]:
    status = {"maximumAvailable": 2000.0, "currentlyAvailable": available, "restoreRate": rate}
    error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
    cost = {"requestedQueryCost": 200, "actualQueryCost": None, "throttleStatus": status}
    return 200, {"errors": [error], "extensions": {"cost": cost}}


def test_a_throttle_in_a_200_is_waited_for_as_long_as_the_bucket_needs(shop):
    pauses: list[float] = []
    shop.answers += [throttled(0), throttled(100)]
    assert isinstance(publish(publisher(shop.url, pauses), ARTICLE, Recorded()), Remote)
    assert pauses == [4.0, 2.0]


def test_a_long_throttle_is_for_the_caller_to_plan(shop):
    shop.answers.append(throttled(0, rate=2.0))
    end = publish(publisher(shop.url), ARTICLE, Recorded())
    assert isinstance(end, PublishFailure)
    assert (end.scope, end.retry_after) == ("try-again", 100.0)


def test_an_image_that_takes_long_is_waited_for_and_never_sent_twice(shop, article):
    pauses: list[float] = []
    shop.polls_until_ready = 15
    end = publish(publisher(shop.url, pauses), article, recorded := Recorded())
    assert isinstance(end, PublishFailure) and (end.scope, end.retry_after) == ("try-again", 30.0)
    while isinstance(end := publish(publisher(shop.url, pauses), article, recorded), PublishFailure):
        assert end.scope == "try-again"
    assert len(pauses) > 15
    expect_published_once(shop, article)


def user_error(message: str) -> tuple[int, Any]:
    error = {"code": "INVALID", "field": ["article", "title"], "message": message}
    return 200, {"data": {"articleCreate": {"article": None, "userErrors": [error]}}}


def graph_error(code: str) -> tuple[int, Any]:
    return 200, {"errors": [{"message": f"said {code}", "extensions": {"code": code}}]}


@pytest.mark.parametrize(
    ("answer", "scope", "told"),
    [
        (graph_error("ACCESS_DENIED"), "site", "said ACCESS_DENIED"),
        (graph_error("INTERNAL_SERVER_ERROR"), "try-again", "said INTERNAL"),
        (graph_error("undefinedField"), "article", "said undefinedField"),
        ((402, {"errors": "Payment Required"}), "site", "Payment Required"),
        ((503, {}), "try-again", "fails with 503"),
        ((200, []), "site", "does not answer as Shopify's API does"),
    ],
)
def test_each_kind_of_failure_stops_as_much_as_it_should(shop, answer, scope, told):
    shop.answers.append(answer)
    end = publish(publisher(shop.url), ARTICLE, Recorded())
    assert isinstance(end, PublishFailure)
    assert end.scope == scope and told in end.message


def test_user_errors_in_a_200_are_the_articles_fault(shop):
    target, notebook = publisher(shop.url), Recorded().notebook
    data = {"data": {"blogs": {"nodes": [shop.blog]}}}
    shop.answers += [(200, data), (200, {"data": {"articles": {"nodes": []}}}), user_error("Title can't be blank")]
    end = target.prepare(ARTICLE, notebook, None)
    assert isinstance(end, PublishFailure) and end.scope == "article"
    assert "article.title: Title can't be blank" in end.message


def test_a_wrong_token_or_blog_stops_the_site(shop):
    for target in (publisher(shop.url, token="gibberish"), publisher(shop.url, blog="elsewhere")):
        for end in (target.check(), target.prepare(ARTICLE, Recorded().notebook, None)):
            assert isinstance(end, PublishFailure) and end.scope == "site"
            assert "gibberish" not in end.message


@pytest.mark.parametrize("token", ["shpat_sésame", "shpat_sesame\nshpat_other", "shpat_sesame\x00"])
def test_a_token_that_no_header_can_hold_stops_the_site_and_is_not_repeated(shop, article, token):
    """A line too many in a secret file: what is told goes into messages and the database."""
    end = publish(publisher(shop.url, token=token), article, Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "site"
    assert "X-Shopify-Access-Token" in end.message and "sesame" not in repr(end)
    assert "write the secret anew" in end.hint


@pytest.mark.parametrize("data", [None, {}, {"blogs": None}, {"articleUpdate": {"article": None, "userErrors": []}}])
def test_an_answer_in_no_documented_shape_stops_the_site_and_never_the_pass(shop, article, data):
    for number in range(3):
        shop.answers += [(200, {"data": {"blogs": {"nodes": [shop.blog]}, "articles": {"nodes": []}}})] * number
        shop.answers.append((200, {"data": data}))
        end = publish(publisher(shop.url), replace(article, images=()), Recorded())
        assert isinstance(end, PublishFailure) and end.scope == "site"
        assert "answers in a shape that Shopify does not have" in end.message


def test_the_preflight_names_the_app_and_the_scope_that_is_missing(shop):
    whole = publisher(shop.url).check()
    assert isinstance(whole, Preflight) and whole.is_enough
    assert whole.who == "the app igny8 at The Shop"
    assert any("canonical" in text for text in whole.warnings)
    shop.scopes = ("read_content", "write_content")
    part = publisher(shop.url).check()
    assert isinstance(part, Preflight) and not part.is_enough
    assert part.missing == ("upload images (scope write_files)",)


def test_a_canonical_url_cannot_be_carried_and_nothing_is_sent(shop):
    end = publish(publisher(shop.url), replace(ARTICLE, canonical_url="https://first.example/"), Recorded())
    assert isinstance(end, PublishFailure) and "canonical" in end.message
    assert shop.operations == []
