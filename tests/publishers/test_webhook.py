"""The webhook, received by an HTTP server that verifies with the library of Standard Webhooks and keeps what it got."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from articles import ARTICLE, Recorded, publish, with_images
from losing_proxy import proxied
from standardwebhooks.webhooks import Webhook
from webhook_receiver import SECRET, Receiver, receiving

from reconciler.publishers.port import Preflight, PublishFailure, Remote
from reconciler.publishers.webhook import make
from reconciler.publishers.webhook_publisher import sign


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as opened:
        yield opened


def publisher(url: str, secret: str = SECRET, **settings: Any):
    whole = {"endpoint": f"{url}/hook?token=sesame", "secret": {"env": "S"}, **settings}
    return make(whole, "https://blog.example", Path(), {"secret": secret})


def test_the_signature_is_that_of_the_library():
    at = datetime(2026, 11, 18, 14, tzinfo=UTC)
    body = '{"a": "ü"}'
    assert sign(SECRET, "msg_1", int(at.timestamp()), body.encode()) == Webhook(SECRET).sign("msg_1", at, body)


def test_the_signature_is_that_of_the_published_example():
    """What the libraries of Standard Webhooks, in every language, are tested against."""
    secret, identity = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    signature = sign(secret, identity, 1614265330, b'{"test": 2432232314}')
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receiver_gets_the_whole_article_once(receiver, tmp_path):
    article = with_images(tmp_path, replace(ARTICLE, canonical_url="https://first.example/x/"))
    receiver.answer = {"url": "https://blog.example/a/say-hi", "id": 77}
    remote = publish(publisher(receiver.url), article, Recorded())
    assert isinstance(remote, Remote)
    assert (remote.remote_id, remote.url, remote.state) == ("77", "https://blog.example/a/say-hi", "public")
    (message,) = receiver.done.values()
    assert (message["type"], message["timestamp"]) == ("article.published", "2026-11-18T14:00:00Z")
    data = message["data"]
    assert (data["title"], data["key"], data["canonical_url"]) == (
        article.title,
        article.key,
        "https://first.example/x/",
    )
    assert '<img src="say-hi-2.png"' in data["html"]
    for image, told in zip(article.images, data["images"], strict=True):
        assert base64.b64decode(told["data"]) == Path(image.path).read_bytes()
        assert (told["alt"], told["caption"]) == (image.alt, image.caption)


@pytest.mark.parametrize(
    "told",
    [{"url": "https://[blog/x"}, {"url": "https:///x"}, {"url": "https://blog.example/a b"}, {"id": "7\x007"},
     {"url": "https://blog.example/\x00"}, {"url": f"https://blog.example/{'x' * 2000}"}, {"id": "7" * 2001}, {"id": True}],
)  # fmt: skip
def test_an_answer_whose_address_or_id_is_none_counts_as_one_without(receiver, told):
    """The article is out: what nobody can keep, or announce, must not end the pass that has just sent it."""
    receiver.answer = told
    remote = publish(publisher(receiver.url), ARTICLE, Recorded())
    assert isinstance(remote, Remote)
    assert (remote.remote_id, remote.url, remote.state) == (ARTICLE.key, "", "public")


def test_what_a_site_says_is_told_as_text(receiver):
    receiver.answers.append((400, {}, b"no \x00 \x1b[31mbinary\x9c \r\n answers"))
    end = publish(publisher(receiver.url), ARTICLE, Recorded())
    assert isinstance(end, PublishFailure) and end.message.isprintable()


def test_images_can_be_left_out(receiver, tmp_path):
    publish(publisher(receiver.url, images="omit"), with_images(tmp_path), Recorded())
    (message,) = receiver.done.values()
    assert all("data" not in image for image in message["data"]["images"])


def test_each_try_of_a_message_has_one_id(receiver, tmp_path):
    article, recorded = with_images(tmp_path), Recorded()
    with proxied(receiver.url) as proxy:
        for _ in range(3):
            proxy.again(1)
            lost = publish(publisher(proxy.url), article, recorded)
            assert isinstance(lost, PublishFailure) and lost.scope == "try-again"
            # As after a crash: another process, with what was recorded before the message went out.
        proxy.again()
        assert isinstance(publish(publisher(proxy.url), article, recorded), Remote)
    assert len(receiver.tries) == 4 and len(set(receiver.tries)) == 1
    assert receiver.events() == ["article.published"]


def test_what_is_recorded_as_public_is_not_sent_again(receiver):
    recorded = Recorded()
    publish(publisher(receiver.url), ARTICLE, recorded)
    publish(publisher(receiver.url), ARTICLE, recorded)
    assert len(receiver.tries) == 1


def test_each_thing_that_happens_to_an_article_is_a_message_of_its_own(receiver):
    target, recorded = publisher(receiver.url), Recorded()
    remote = publish(target, ARTICLE, recorded)
    newer = replace(ARTICLE, title="Newer")
    remote = target.update(newer, remote, recorded.notebook, force=False)
    remote = target.update(ARTICLE, remote, recorded.notebook, force=False)
    hidden = target.withdraw(remote)
    assert hidden.state == "draft" and target.withdraw(hidden) == hidden
    assert target.update(newer, hidden, recorded.notebook, force=True) == hidden
    recorded.remote = hidden
    again = publish(target, ARTICLE, recorded)
    assert isinstance(again, Remote) and again.state == "public"
    assert receiver.events() == [
        "article.published", "article.updated", "article.updated", "article.unpublished", "article.published",
    ]  # fmt: skip
    assert len(set(receiver.tries)) == 5


def test_an_update_whose_answer_was_lost_is_the_same_message_again(receiver):
    target, recorded = publisher(receiver.url), Recorded()
    remote = publish(target, ARTICLE, recorded)
    newer = replace(ARTICLE, title="Newer")
    with proxied(receiver.url) as proxy:
        proxy.again(1)
        assert isinstance(publisher(proxy.url).update(newer, remote, recorded.notebook, force=False), PublishFailure)
    target.update(newer, remote, recorded.notebook, force=False)
    assert receiver.events() == ["article.published", "article.updated"]


@pytest.mark.parametrize(
    ("status", "headers", "scope"),
    [
        (401, {}, "site"), (403, {"content-type": "text/html"}, "site"), (404, {}, "site"), (410, {}, "site"),
        (302, {"location": "https://else.example/"}, "site"), (429, {"retry-after": "9"}, "try-again"),
        (500, {}, "try-again"), (503, {"content-type": "text/html"}, "try-again"), (400, {}, "article"),
        (413, {}, "article"), (422, {}, "article"),
    ],
)  # fmt: skip
def test_each_kind_of_failure_stops_as_much_as_it_should(receiver, status, headers, scope):
    receiver.answers.append((status, headers, b"no"))
    end = publish(publisher(receiver.url), ARTICLE, Recorded())
    assert isinstance(end, PublishFailure)
    assert (end.scope, end.retry_after) == (scope, 9.0 if status == 429 else None)
    assert "sesame" not in end.message + end.hint


@pytest.mark.parametrize("secret", ["hunter2", "whsec_", "whsec_" + base64.b64encode(b"short").decode()])
def test_a_weak_secret_is_refused_and_not_repeated(receiver, secret):
    for end in (publisher(receiver.url, secret).check(), publish(publisher(receiver.url, secret), ARTICLE, Recorded())):
        assert isinstance(end, PublishFailure) and end.scope == "site"
        assert "openssl rand" in end.hint and "hunter2" not in end.message
    assert receiver.tries == []


def test_the_preflight_proves_the_secret(receiver):
    end = publisher(receiver.url).check()
    assert isinstance(end, Preflight) and end.is_enough and end.warnings == ()
    assert receiver.events() == ["endpoint.check"]
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    wrong = publisher(receiver.url, other).check()
    assert isinstance(wrong, PublishFailure) and "401" in wrong.message


def test_a_receiver_cannot_be_asked_how_an_article_stands(receiver):
    end = publisher(receiver.url).look([Remote("1", "", "public")])
    assert isinstance(end, PublishFailure)


def test_a_missing_picture_is_told_before_anything_is_sent(receiver, tmp_path):
    article = with_images(tmp_path)
    Path(article.images[0].path).unlink()
    end = publish(publisher(receiver.url), article, Recorded())
    assert isinstance(end, PublishFailure) and end.scope == "article"
    assert receiver.tries == []
