"""Eleventy: an article is `posts/SLUG/index.md` with its images beside it, which the site's config copies through."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from reconciler.publishers.generators.front_matter import front_matter, instant, quoted
from reconciler.publishers.generators.inert_markdown import Dialect, inert_markdown
from reconciler.publishers.generators.jekyll import html_figure
from reconciler.publishers.generators.port import Generator, Place, featured_image, figures, image_marks
from reconciler.publishers.generators.starters import starter_files
from reconciler.publishers.port import Article

# The front matter switches templates off for the page, code and all.
DIALECT = Dialect(keeps_html=True)

# A tag becomes the name of a collection; these are on every object of JavaScript already and fail the whole site.
_NO_COLLECTIONS = {
    "__proto__", "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString",
    "valueOf", "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__",
}  # fmt: skip


def page(article: Article, place: Place) -> str:
    """Return the page: Markdown that no template language reads."""
    at = instant(article.publish_at)
    fields: dict[str, Any] = {
        "title": article.title,
        "permalink": place.permalink,
        "date": at,
        "updated": at,
        "description": article.meta_description,
        "excerpt": article.excerpt or article.meta_description,
        "seo_title": article.meta_title,
        "tags": [tag for tag in article.tags if tag not in _NO_COLLECTIONS],
        "author": article.author,
        "templateEngineOverride": "md",
        "simulated": article.simulated,
        "igny8": article.key,
        "igny8_images": image_marks(article),
    }
    if article.canonical_url:
        fields["canonical_url"] = article.canonical_url
    if featured := featured_image(article):
        fields |= {"image": featured.file_name, "image_alt": featured.alt, "image_caption": featured.caption}
    return f"{front_matter(fields)}\n{inert_markdown(article.markdown, DIALECT, figures(article, html_figure))}"


def starter(site_url: str, title: str, language: str) -> Mapping[str, str]:
    """Return the files of a small working site, by path."""
    data = quoted({"title": title, "url": site_url.rstrip("/"), "lang": language})
    return {"_data/site.json": f"{data}\n", **starter_files("eleventy_site")}


GENERATOR = Generator(
    name="eleventy",
    articles="posts",
    permalink="/posts/{slug}/",
    pages="*/index.md",
    page_path=lambda slug, _: f"{slug}/index.md",
    slug_of=lambda page: PurePosixPath(page).parent.name,
    rivals=lambda slug: (f"{slug}.*", f"{slug}/index.*"),
    images_beside=True,
    page=page,
    starter=starter,
    config_names=(
        "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs", "eleventy.config.ts", ".eleventy.js",
    ),
    output="_site",
)  # fmt: skip
