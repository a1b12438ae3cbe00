"""An article with two images, and a notebook: what the tests of publishers publish."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.publishers.port import Article, ArticleImage, Publisher, PublishFailure, Remote, RemoteMedia

# Each kind of text that a site could spoil: quotes, backslashes, braces, emoji, right-to-left, markup that is only told.
HTML = (
    '<p>Say "hi" &amp; \\n {{ site }} {% if %} 😀 مرحبا &lt;script&gt;</p>\n<h2>First part</h2>\n<p>Body -- text.</p>\n'
    "<pre><code>a &lt; b\n  c\n</code></pre>\n<table><thead><tr><th>A</th></tr></thead></table>\n"
)

ARTICLE = Article(
    key="7d0c0f2e-90c8-5d0c-8a54-3f3a8a5f4c11", site="blog", site_title="The Blog", language="en",
    title='Say "hi": a \\ guide 😀', slug="say-hi", excerpt="Short & sweet", meta_title="Meta title",
    meta_description="Described", markdown="Intro.\n\n## First part\n\nBody.\n", html=HTML, tags=("Hiking", "1.10"),
    author="Ann", author_name="ann", publish_at=datetime(2026, 11, 18, 14, tzinfo=UTC),
)  # fmt: skip


def with_images(folder: Path, article: Article = ARTICLE) -> Article:
    """Return the article with a featured image and one below its first heading."""
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    images = []
    for role, colour in (("featured", "teal"), ("in_article", "maroon")):
        path = folder / f"{role}.png"
        Image.new("RGB", (8, 8), colour).save(path)
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        heading = "" if role == "featured" else "First part"
        name = f"say-hi-{len(images) + 1}.png"
        alt = f'a "{colour}" square'
        images.append(ArticleImage(str(path), sha, name, "image/png", role, alt, f"In {colour} & more", heading))
    return replace(article, images=tuple(images))


@dataclass
class MemoryNotebook:
    """A notebook in memory; a test keeps it where igny8 keeps its own in the database."""

    kept: dict[str, RemoteMedia] = field(default_factory=dict)
    is_blank: bool = False

    def media(self, sha256: str) -> RemoteMedia | None:
        return self.kept.get(sha256)

    def keep_media(self, *media: RemoteMedia) -> None:
        self.kept |= {one.sha256: one for one in media}


@dataclass
class Recorded:
    """What igny8 records between the steps of a publication, so that a test can begin again with it."""

    notebook: MemoryNotebook = field(default_factory=MemoryNotebook)
    remote: Remote | None = None


def publish(publisher: Publisher, article: Article, recorded: Recorded) -> Remote | PublishFailure:
    """Prepare, record and publish, as a publication does."""
    prepared = publisher.prepare(article, recorded.notebook, recorded.remote)
    if isinstance(prepared, PublishFailure):
        return prepared
    recorded.remote = prepared
    end = publisher.publish(article, prepared, recorded.notebook)
    if isinstance(end, Remote):
        recorded.remote = end
    return end
