"""Jekyll: an article is `_posts/DATE-SLUG.md`; its images stand where its permalink leads, and are copied there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from reconciler.publishers.generators.front_matter import front_matter, instant, quoted
from reconciler.publishers.generators.inert_markdown import Dialect, inert_line, inert_markdown
from reconciler.publishers.generators.port import Generator, Place, featured_image, figures, image_marks
from reconciler.publishers.generators.starters import starter_files
from reconciler.publishers.port import Article, ArticleImage

# Jekyll 3 (GitHub Pages) runs Liquid whatever the front matter says, also in code.
DIALECT = Dialect(keeps_html=True, runs_in_code=re.compile(r"\{[{%]"))


def page(article: Article, place: Place) -> str:
    """Return the post: kramdown in which nothing is an attribute list, with Liquid switched off."""
    at = instant(article.publish_at)
    fields: dict[str, Any] = {
        "layout": "post",
        "title": article.title,
        "slug": PurePosixPath(place.permalink).name,
        "permalink": place.permalink,
        "date": at,
        "last_modified_at": at,
        "description": article.meta_description,
        "excerpt": article.excerpt or article.meta_description,
        "seo_title": article.meta_title,
        "tags": list(article.tags),
        "author": article.author,
        "render_with_liquid": False,
        "simulated": article.simulated,
        "igny8": article.key,
        "igny8_images": image_marks(article),
    }
    if article.canonical_url:
        fields["canonical_url"] = article.canonical_url
    if featured := featured_image(article):
        fields |= {"image": f"{place.permalink}{featured.file_name}"}
        fields |= {"image_alt": featured.alt, "image_caption": featured.caption}
    return f"{front_matter(fields)}\n{inert_markdown(article.markdown, DIALECT, figures(article, html_figure))}"


def html_figure(image: ArticleImage) -> str:
    """Return an image as a line of HTML, for generators that keep HTML in Markdown."""
    caption = f"<figcaption>{inert_line(image.caption)}</figcaption>" if image.caption.strip() else ""
    return f'<figure><img src="{image.file_name}" alt="{inert_line(image.alt)}" loading="lazy">{caption}</figure>'


def starter(site_url: str, title: str, language: str) -> Mapping[str, str]:
    """Return the files of a small working site, by path."""
    lines = [f"title: {quoted(title)}", f"url: {quoted(site_url.rstrip('/'))}", f"lang: {quoted(language)}"]
    lines += ['timezone: "UTC"', "future: true", "exclude: [Gemfile, Gemfile.lock, vendor]"]
    return {"_config.yml": "\n".join(lines) + "\n", **starter_files("jekyll_site")}


GENERATOR = Generator(
    name="jekyll",
    articles="_posts",
    permalink="/posts/{slug}/",
    pages="*.md",
    page_path=lambda slug, at: f"{instant(at)[:10]}-{slug}.md",
    slug_of=lambda page: PurePosixPath(page).stem[11:],
    rivals=lambda slug: (f"[0-9]*-{slug}.*",),
    images_beside=False,
    page=page,
    starter=starter,
    config_names=("_config.yml", "_config.yaml", "_config.toml"),
    output="_site",
)
