"""Hugo: an article is a leaf bundle, `content/posts/SLUG/index.md`, with its images beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from reconciler.publishers.generators.front_matter import front_matter, instant
from reconciler.publishers.generators.inert_markdown import Dialect, inert_markdown
from reconciler.publishers.generators.port import Generator, Place, featured_image, figures, image_marks
from reconciler.publishers.generators.starters import starter_files
from reconciler.publishers.port import Article, ArticleImage

# Hugo drops HTML from Markdown and looks for shortcodes even in code, where nothing can be escaped: a zero-width joiner
# parts the braces, each from the next: of three the last two would still open one.
DIALECT = Dialect(keeps_html=False, in_code=lambda text: re.sub(r"\{(?=\{)", "{\u200d", text))


def page(article: Article, place: Place) -> str:
    """Return the bundle's index.md."""
    at = instant(article.publish_at)
    parameters: dict[str, Any] = {"igny8": article.key, "igny8_images": image_marks(article)}
    parameters |= {"seo_title": article.meta_title, "simulated": article.simulated}
    if featured := featured_image(article):
        parameters |= {"featured": featured.file_name, "featured_alt": featured.alt}
        parameters |= {"featured_caption": featured.caption}
    if article.canonical_url:
        parameters["canonical_url"] = article.canonical_url
    fields: dict[str, Any] = {
        "title": article.title,
        "slug": PurePosixPath(place.permalink).name,
        "date": at,
        "lastmod": at,
        "description": article.meta_description,
        "summary": article.excerpt or article.meta_description,
        "tags": list(article.tags),
        "authors": [article.author],
        "images": [image.file_name for image in article.images],
        "params": parameters,
    }
    return f"{front_matter(fields)}\n{inert_markdown(article.markdown, DIALECT, figures(article, _figure))}"


def _figure(image: ArticleImage) -> str:
    """Return an image in Markdown with its caption as title: themes print both without decoding entities."""
    alt = DIALECT.in_code(" ".join(re.sub(r"[\[\]\\`*_<]", " ", image.alt).split()))
    caption = DIALECT.in_code(" ".join(image.caption.replace('"', "”").replace("\\", " ").split()))
    return f'![{alt}]({image.file_name} "{caption}")' if caption else f"![{alt}]({image.file_name})"


def starter(site_url: str, title: str, language: str) -> Mapping[str, str]:
    """Return the files of a small working site, by path."""
    config = f"baseURL = {json.dumps(site_url.rstrip('/') + '/')}\ntitle = {json.dumps(title, ensure_ascii=False)}\n"
    config += f'defaultContentLanguage = "{language.split("-")[0].lower()}"\nlocale = "{language}"\n'
    config += 'disableKinds = ["taxonomy", "term"]\nbuildFuture = true\n'
    return {"hugo.toml": config, **starter_files("hugo_site")}


GENERATOR = Generator(
    name="hugo",
    articles="content/posts",
    permalink="/posts/{slug}/",
    pages="*/index.md",
    page_path=lambda slug, _: f"{slug}/index.md",
    slug_of=lambda page: PurePosixPath(page).parent.name,
    rivals=lambda slug: (f"{slug}.*", f"{slug}/index.*"),
    images_beside=True,
    page=page,
    starter=starter,
    config_names=("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config.toml", "config.yaml", "config.yml"),
    output="public",
)
