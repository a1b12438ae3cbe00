"""A signed webhook, after Standard Webhooks 1.0.0: for sites that take their articles themselves.

Whoever receives cannot be asked what stands there, so that "once" rests on the message's id: it is made from the article,
its revision, the event and the message before, and stays the same however often the message has to be sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2

from reconciler.clock import SystemClock
from reconciler.ids import canonical_bytes, digest
from reconciler.publishers.exchange import Answer, common_failure, exchange, host_of, make_client, shorten
from reconciler.publishers.figures import place_figures, plain_figure
from reconciler.publishers.port import Article, Notebook, Preflight, PublishFailure, Remote
from reconciler.publishers.webhook import WebhookSettings

Event = Literal["article.published", "article.updated", "article.unpublished", "endpoint.check"]

_PREFIX = "whsec_"
_SECRET_BYTES_MIN = 24
_TOLD_CHARACTERS_MAX = 2000
_SECRET_HINT = 'make one with: echo "whsec_$(openssl rand -base64 32)"'


def build(settings: WebhookSettings, _site_url: str, secret: str) -> WebhookPublisher:
    """Return the publisher that sends a site's articles to its endpoint."""
    return WebhookPublisher(settings.endpoint, secret, SystemClock().now, with_images=settings.images == "embed")


@dataclass(slots=True)
class WebhookPublisher:
    """Sends one message for each thing that happens to an article. `now` dates each try, not the event."""

    endpoint: str
    secret: str
    now: Callable[[], datetime]
    with_images: bool = True
    client: httpx2.Client = field(default_factory=make_client)

    def check(self) -> Preflight | PublishFailure:
        """Send a check that every receiver may ignore, signed as all messages are."""
        answer = self._send(f"msg_check_{int(self.now().timestamp())}", _message("endpoint.check", {}, self.now()))
        if isinstance(answer, PublishFailure):
            return answer
        return Preflight(
            who=f"the holder of the secret at {host_of(self.endpoint)}",
            may=("publish", "update", "take out of sight"),
            warnings=() if self.with_images else ("images are left out: images: omit",),
            least_role="the secret that the endpoint verifies signatures with",
        )

    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Send nothing: what a receiver gets is public at once."""
        problem = self._bad_secret()
        if problem is not None:
            return problem
        return known or Remote(remote_id=article.key, url="", state="missing")

    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Send `article.published`; what was recorded as public is not sent again."""
        if remote.state == "public":
            return remote
        return self._tell("article.published", article, remote, at=article.publish_at)

    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Send `article.updated`. Whether somebody changed the article there is for the receiver to know."""
        # What is not public yet, or not any more, is told whole when it is published.
        return self._tell("article.updated", article, remote, at=self.now()) if remote.state == "public" else remote

    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Send `article.unpublished`."""
        if remote.state != "public":
            return remote
        identity = message_id(remote.remote_id, remote.fingerprint, "article.unpublished", remote.version)
        data = {"id": remote.remote_id, "url": remote.url}
        answer = self._send(identity, _message("article.unpublished", data, self.now()))
        if isinstance(answer, PublishFailure):
            return answer
        return Remote(remote.remote_id, remote.url, "draft", identity, remote.fingerprint)

    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Refuse: a receiver cannot be asked."""
        return PublishFailure("a webhook cannot be asked how an article stands", "site")

    def close(self) -> None:
        """Release connections."""
        self.client.close()

    def _tell(self, event: Event, article: Article, remote: Remote, *, at: datetime) -> Remote | PublishFailure:
        revision = digest(article_facts(article, remote.remote_id))
        identity = message_id(article.key, revision, event, remote.version)
        data = article_facts(article, remote.remote_id)
        if self.with_images:
            try:
                for image, facts in zip(article.images, data["images"], strict=True):
                    facts["data"] = base64.b64encode(Path(image.path).read_bytes()).decode()
            except OSError as error:
                return PublishFailure(f"cannot read {error.filename}: {error.strerror}", "article")
        answer = self._send(identity, _message(event, data, at))
        if isinstance(answer, PublishFailure):
            return answer
        told = answer.body if isinstance(answer.body, dict) else {}
        return Remote(
            remote_id=_id_in(told) or remote.remote_id,
            url=_address_in(told) or remote.url,
            state="public",
            version=identity,
            fingerprint=revision,
        )

    def _send(self, identity: str, message: Mapping[str, Any]) -> Answer | PublishFailure:
        problem = self._bad_secret()
        if problem is not None:
            return problem
        body = canonical_bytes(message)
        at = int(self.now().timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "igny8",
            "webhook-id": identity,
            "webhook-timestamp": str(at),
            "webhook-signature": sign(self.secret, identity, at, body),
        }
        answer = exchange(self.client, "POST", self.endpoint, content=body, headers=headers)
        return answer if isinstance(answer, PublishFailure) else self._failure(answer) or answer

    def _failure(self, answer: Answer) -> PublishFailure | None:
        place, said = host_of(self.endpoint), shorten(answer.text)
        if answer.is_ok:
            return None
        if answer.status in (401, 403, 404, 405, 410) and not answer.is_page:
            hint = "look whether both sides have the same secret, and whether publisher.endpoint is right"
            return PublishFailure(f"{place} answers {answer.status}: {said}", "site", hint=hint)
        common = common_failure(answer, place, self.now())
        return common or PublishFailure(f"{place} refuses the message ({answer.status}): {said}", "article")

    def _bad_secret(self) -> PublishFailure | None:
        try:
            secret_bytes(self.secret)
        except ValueError as error:
            return PublishFailure(f"the webhook's secret {error}", "site", hint=_SECRET_HINT)
        return None


def message_id(key: str, revision: str, event: str, before: str) -> str:
    """Return the one id of a message: the same for each try, another once anything has happened to the article since."""
    return f"msg_{digest([key, revision, event, before])[:32]}"


def sign(secret: str, identity: str, at: int, body: bytes) -> str:
    """Return the signature of a message: HMAC-SHA256 over `id.timestamp.body`, in base64, behind `v1,`."""
    signed = b".".join((identity.encode(), str(at).encode(), body))
    return "v1," + base64.b64encode(hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()).decode()


def secret_bytes(secret: str) -> bytes:
    """Return the key of a secret, which is base64 behind `whsec_`; ValueError, without the secret, when it is none."""
    text = secret.removeprefix(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64 behind whsec_") from None
    if len(key) < _SECRET_BYTES_MIN:
        raise ValueError(f"has {len(key)} bytes, {_SECRET_BYTES_MIN} are the least")
    return key


def _id_in(told: Mapping[str, Any]) -> str:
    """Return the receiver's own id of an article, "" where it tells none that can be kept."""
    told_id = told.get("id")
    text = str(told_id) if isinstance(told_id, str | int) and not isinstance(told_id, bool) else ""
    return text if text.isprintable() and len(text) <= _TOLD_CHARACTERS_MAX else ""


def _address_in(told: Mapping[str, Any]) -> str:
    """Return where the receiver says that an article stands, "" where that is no address."""
    url = told.get("url")
    if not isinstance(url, str) or not url.isprintable() or " " in url or len(url) > _TOLD_CHARACTERS_MAX:
        return ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in ("https", "http") and parts.hostname else ""


def _message(event: Event, data: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return {"type": event, "timestamp": _instant(at), "data": dict(data)}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def article_facts(article: Article, remote_id: str) -> dict[str, Any]:
    """Return what a message tells of an article, without the bytes of its images. `html` refers to them by file name."""
    images = [
        {
            "file_name": image.file_name,
            "media_type": image.media_type,
            "sha256": image.sha256,
            "role": image.role,
            "alt": image.alt,
            "caption": image.caption,
            "after_heading": image.after_heading,
        }
        for image in article.images
    ]
    return {
        "id": remote_id,
        "key": article.key,
        "site": article.site,
        "language": article.language,
        "title": article.title,
        "slug": article.slug,
        "excerpt": article.excerpt,
        "meta_title": article.meta_title,
        "meta_description": article.meta_description,
        "canonical_url": article.canonical_url,
        "markdown": article.markdown,
        "html": place_figures(article.html, article.images, lambda image: plain_figure(image.file_name, image)),
        "tags": list(article.tags),
        "categories": list(article.categories),
        "author": article.author,
        "publish_at": _instant(article.publish_at),
        "images": images,
        "simulated": article.simulated,
    }
