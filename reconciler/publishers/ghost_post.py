"""From an article to Ghost's fields and back: pure functions, and the limits that Ghost sets."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.ids import digest
from reconciler.publishers.figures import featured, place_figures, plain_figure
from reconciler.publishers.port import Article, ArticleImage, PublishFailure, Remote, RemoteState

# Of Ghost 6: core/server/data/schema/schema.js. A longer value is refused with 422, so it is told before anything is sent.
LIMITS: Mapping[str, int] = {
    "title": 255,
    "slug": 191,
    "custom_excerpt": 300,
    "meta_title": 300,
    "meta_description": 500,
    "canonical_url": 2000,
    "feature_image_alt": 191,
}
_TAG_CHARACTERS_MAX = 191
_OURS = (
    "title", "custom_excerpt", "meta_title", "meta_description", "canonical_url", "feature_image", "feature_image_alt",
    "feature_image_caption",
)  # fmt: skip


def key_tag(key: str) -> str:
    """Return the internal tag that carries an article's key; readers never see it."""
    return f"#igny8-{key}"


def key_tag_slug(key: str) -> str:
    """Return the slug that Ghost gives to that tag."""
    return f"hash-igny8-{key.lower()}"


def article_fields(
    article: Article, urls: Mapping[str, str], *, tags: Sequence[str], author: str | None
) -> dict[str, Any]:
    """Return Ghost's fields of an article. `urls` are the addresses of its images by SHA-256; `author` is a staff slug."""
    picture = featured(article.images)
    body = place_figures(article.html, article.images, lambda image: _figure(image, urls))
    fields: dict[str, Any] = {
        "title": article.title,
        "slug": article.slug,
        "custom_excerpt": article.excerpt or None,
        "meta_title": article.meta_title or None,
        "meta_description": article.meta_description or None,
        "canonical_url": article.canonical_url or None,
        "feature_image": urls.get(picture.sha256) if picture else None,
        "feature_image_alt": (picture.alt or None) if picture else None,
        "feature_image_caption": (html.escape(picture.caption, quote=False) or None) if picture else None,
        "lexical": lexical(body),
        "tags": [{"name": name} for name in dict.fromkeys((*tags, *article.tags, key_tag(article.key)))],
    }
    if author:
        fields["authors"] = [{"slug": author}]
    return fields


def _figure(image: ArticleImage, urls: Mapping[str, str]) -> str:
    classes = "kg-card kg-image-card kg-card-hascaption" if image.caption else "kg-card kg-image-card"
    return plain_figure(urls[image.sha256], image, figure_class=classes, image_class="kg-image")


def lexical(body: str) -> str:
    """Return a document of Ghost's editor with one HTML card: the one form in which Ghost keeps every byte."""
    card = {"type": "html", "version": 1, "html": body}
    root = {"children": [card], "direction": None, "format": "", "indent": 0, "type": "root", "version": 1}
    return json.dumps({"root": root}, ensure_ascii=False)


def find_too_long(article: Article) -> PublishFailure | None:
    """Return which fields are longer than Ghost takes, all of them at once; None when it takes everything."""
    urls = {image.sha256: "" for image in article.images}
    fields = article_fields(article, urls, tags=(), author=None)
    long = [
        f"{name} has {len(fields[name])} characters, Ghost takes {most}"
        for name, most in LIMITS.items()
        if fields[name] and len(fields[name]) > most
    ]
    long += [
        f"the tag {name[:40]!r}… has {len(name)} characters, Ghost takes {_TAG_CHARACTERS_MAX}"
        for name in article.tags
        if len(name) > _TAG_CHARACTERS_MAX
    ]
    if not article.title.strip():
        long.append("the title is empty")
    return PublishFailure("; ".join(long), "article", hint="shorten it: igny8 content edit") if long else None


def fingerprint(post: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what we write into a post, as Ghost stores it; slug, date, tags and authors are left out."""
    stored = post.get("lexical")
    try:
        document = json.loads(stored) if isinstance(stored, str) else stored
    except ValueError:
        document = stored
    return digest({"lexical": document} | {name: post.get(name) or "" for name in _OURS})


def differing(post: Mapping[str, Any], fields: Mapping[str, Any]) -> list[str]:
    """Return the names of what Ghost stores otherwise than it was sent."""
    names = [name for name in _OURS if (post.get(name) or "") != (fields[name] or "")]
    if body_of(post.get("lexical")) != body_of(fields["lexical"]):
        names.append("content")
    return names


def lacks_tags(post: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Tell whether a post lacks a tag that it was given, or has to be given; Ghost writes a tag that it has as it has it."""
    there = {str(tag.get("name")).casefold() for tag in post.get("tags") or ()}
    return any(tag["name"].casefold() not in there for tag in fields["tags"])


def body_of(stored: object) -> str | None:
    """Return the HTML of a document that is one HTML card; None for any other document."""
    try:
        root = json.loads(stored)["root"] if isinstance(stored, str) else {}
        (card,) = root["children"]
        return str(card["html"]) if card["type"] == "html" else None
    except (ValueError, TypeError, KeyError):
        return None


def remote_of(post: Mapping[str, Any]) -> Remote:
    """Return how a post stands at Ghost. `scheduled` by a person is no draft of ours and not public yet."""
    state: RemoteState = "public" if post.get("status") in ("published", "sent") else "draft"
    return Remote(
        remote_id=str(post["id"]),
        url=str(post.get("url") or ""),
        state=state,
        version=str(post.get("updated_at") or ""),
        fingerprint=fingerprint(post),
    )
