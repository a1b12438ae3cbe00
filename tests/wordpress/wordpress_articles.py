"""Articles to publish, and a notebook that remembers like the database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from wordpress_site import RealSite

from reconciler.publishers.port import Article, ArticleImage, Publisher, PublishFailure, Remote, RemoteMedia
from reconciler.publishers.wordpress import make
from reconciler.publishers.wordpress.post import content_of

# A Wednesday in the past of every machine: WordPress holds back what is dated in its future.
RUN_AT = datetime(2024, 5, 15, 10, 30, tzinfo=UTC)
SLOT = datetime(2024, 5, 15, 14, 0, tzinfo=UTC)
ARTICLE = Article(
    key="3f0c1a52-6f0e-5d55-8a1f-6b1f5c9f0001", site="blog", site_title="The Blog", language="en",
    title='Say "hi" & <wave>: a \\ guide 😀', slug="say-hi", excerpt="short & sweet", meta_title="Meta",
    meta_description="Described", markdown="",
    html="<p>Intro text — with “quotes” and \\backslashes\\ 😀.</p>\n<h2>First part</h2>\n<p>Body, {{ braces }} and [gallery].</p>\n",
    tags=("1.10", "R&D"), author="Ann Lee", author_name="ann-lee", publish_at=SLOT, categories=("hiking",),
)  # fmt: skip


def picture(folder: Path, color: str, size: int = 32) -> Path:
    from PIL import Image

    path = folder / f"{color}-{size}.png"
    if not path.exists():
        Image.new("RGB", (size, size), color).save(path)
    return path


def with_images(folder: Path, article: Article = ARTICLE) -> Article:
    """Return the article with a featured image and two in the text."""
    facts = [("teal", "featured", ""), ("red", "in_article", "First part"), ("navy", "in_article", "")]
    images = []
    for number, (color, role, heading) in enumerate(facts):
        path = picture(folder, color)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        images.append(
            ArticleImage(
                str(path),
                sha256,
                f"say-hi-{number + 1}.png",
                "image/png",
                role,
                f'alt "{color}"',
                f"A {color} one",
                heading,
            )
        )
    return replace(article, images=tuple(images))


@dataclass
class Notes:
    """A notebook in memory."""

    kept: dict[str, RemoteMedia] = field(default_factory=dict)
    is_blank: bool = False

    def media(self, sha256: str) -> RemoteMedia | None:
        return self.kept.get(sha256)

    def keep_media(self, *media: RemoteMedia) -> None:
        self.kept |= {one.sha256: one for one in media}


def publisher(site: RealSite, role: str = "editor", *, password: str = "", **settings: Any) -> Publisher:
    """Return our publisher of a site, as the user of a role."""
    given = {"username": role, "application_password": {"env": "NOT_READ_HERE"}, **settings}
    return make(given, site.url, Path(), {"application_password": password or site.passwords.get(role, "wrong")})


def publish(target: Publisher, article: Article, notes: Notes | None = None, known: Remote | None = None) -> Any:
    """Do what a pass does with an article."""
    notes = notes or Notes()
    found = target.prepare(article, notes, known)
    return found if isinstance(found, PublishFailure) else target.publish(article, found, notes)


def assert_once(site: RealSite, article: Article) -> None:
    """One public post with the article's whole text, at its slot, no other post, and each image once."""
    posts = site.posts()
    assert [post["status"] for post in posts] == ["publish"], [(p["id"], p["status"], p["slug"]) for p in posts]
    (post,) = posts
    assert post["slug"] == article.slug
    assert post["date_gmt"] == f"{article.publish_at:%Y-%m-%dT%H:%M:%S}"
    images = {row["slug"]: row for row in site.media()}
    expected = sorted(f"igny8-{image.sha256}" for image in article.images)
    assert sorted(row["slug"] for row in site.media()) == expected, list(images)
    media = {
        image.sha256: RemoteMedia(image.sha256, str(row["id"]), row["source_url"])
        for image in article.images
        for row in [images[f"igny8-{image.sha256}"]]
    }
    assert post["content"]["raw"] == content_of(article, media)
