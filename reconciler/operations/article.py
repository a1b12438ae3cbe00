"""An article as publishers take it, out of its rows and its site's config."""

from __future__ import annotations

from dataclasses import asdict
from functools import lru_cache

from reconciler.ids import digest
from reconciler.operations.app import Installation
from reconciler.pipeline.port import Row, SiteContext
from reconciler.publishers.port import Article, ArticleImage
from reconciler.store.engine import Connection
from reconciler.store.items import find_content, images_of
from reconciler.store.media import picture_path

# What of an article is not sent, or not by us to choose once it is out.
_NOT_SENT = ("publish_at", "slug")


def article_of(installation: Installation, connection: Connection, context: SiteContext, row: Row) -> Article:
    """Return the article of a publication; a copy of it names where the article itself stands."""
    content = find_content(connection, int(row["content_id"]))
    assert content is not None
    images = images_of(connection, int(row["content_id"]))
    return Article(
        key=str(row["key"]),
        site=context.site.name,
        site_title=context.site.display_name or context.site.name,
        language=context.site.language,
        title=content["title"],
        slug=content["slug"],
        excerpt=content["excerpt"],
        meta_title=content["meta_title"],
        meta_description=content["meta_description"],
        markdown=content["markdown"],
        html=content["html"],
        tags=tuple(content["tags"]),
        author=context.author.display_name if context.author else context.site.display_name or context.site.name,
        publish_at=row["slot_at"],
        images=tuple(_image(installation, content["slug"], index, image) for index, image in enumerate(images)),
        simulated=bool(content["simulated"]),
        categories=(content["sector"],),
        author_name=context.author.name if context.author else "",
        canonical_url=str(row.get("canonical_url", "")),
    )


@lru_cache(maxsize=1)
def digest_of(article: Article) -> str:
    """Return the SHA-256 of what a site gets of an article: it differs once the article was edited here."""
    sent = {name: value for name, value in asdict(article).items() if name not in _NOT_SENT}
    sent["images"] = [{**image, "path": ""} for image in sent["images"]]
    return digest(sent)


def _image(installation: Installation, slug: str, index: int, image: Row) -> ArticleImage:
    path = picture_path(installation.media, image["sha256"], image["media_type"])
    return ArticleImage(
        path=str(path),
        sha256=image["sha256"],
        file_name=f"{slug[:60]}-{index + 1}{path.suffix}",
        media_type=image["media_type"],
        role=image["role"],
        alt=image["alt"],
        caption=image["caption"],
        after_heading=image["after_heading"],
    )
