"""Astro: an article is an entry of a content collection, `src/content/posts/SLUG/index.md`, with its images beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from reconciler.publishers.generators.front_matter import front_matter, instant, quoted
from reconciler.publishers.generators.inert_markdown import Dialect, inert_line, inert_markdown
from reconciler.publishers.generators.port import Generator, Place, featured_image, figures, image_marks
from reconciler.publishers.generators.starters import starter_files
from reconciler.publishers.port import Article, ArticleImage

DIALECT = Dialect(keeps_html=True)


def page(article: Article, place: Place) -> str:
    """Return the entry, with the fields of Astro's own blog template and ours beside them."""
    at = instant(article.publish_at)
    fields: dict[str, Any] = {
        "title": article.title,
        "slug": PurePosixPath(place.permalink).name,
        "pubDate": at,
        "updatedDate": at,
        "description": article.meta_description,
        "excerpt": article.excerpt or article.meta_description,
        "seoTitle": article.meta_title,
        "tags": list(article.tags),
        "author": article.author,
        "simulated": article.simulated,
        "igny8": article.key,
        "igny8_images": image_marks(article),
    }
    if article.canonical_url:
        fields["canonicalURL"] = article.canonical_url
    if featured := featured_image(article):
        fields |= {"heroImage": f"./{featured.file_name}", "heroAlt": featured.alt, "heroCaption": featured.caption}
    return f"{front_matter(fields)}\n{inert_markdown(article.markdown, DIALECT, figures(article, _figure))}"


def _figure(image: ArticleImage) -> str:
    """Return an image in Markdown, which Astro processes, in a figure of HTML, which it keeps."""
    picture = f"![{inert_line(image.alt)}](./{image.file_name})"
    if not image.caption.strip():
        return picture
    return f"<figure>\n\n{picture}\n\n<figcaption>{inert_line(image.caption)}</figcaption>\n</figure>"


def starter(site_url: str, title: str, language: str) -> Mapping[str, str]:
    """Return the files of a small working site, by path."""
    config = 'import { defineConfig } from "astro/config";\n\n'
    config += f'export default defineConfig({{ site: {quoted(site_url.rstrip("/"))}, trailingSlash: "always" }});\n'
    site = f"export const SITE = {{ title: {quoted(title)}, lang: {quoted(language)} }};\n"
    return {"astro.config.mjs": config, "src/site.mjs": site, **starter_files("astro_site")}


GENERATOR = Generator(
    name="astro",
    articles="src/content/posts",
    permalink="/posts/{slug}/",
    pages="*/index.md",
    page_path=lambda slug, _: f"{slug}/index.md",
    slug_of=lambda page: PurePosixPath(page).parent.name,
    rivals=lambda slug: (f"{slug}.*", f"{slug}/index.*"),
    images_beside=True,
    page=page,
    starter=starter,
    config_names=("astro.config.mjs", "astro.config.js", "astro.config.ts", "astro.config.mts"),
    output="dist",
)
