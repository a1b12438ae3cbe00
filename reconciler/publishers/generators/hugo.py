"""Hugo: an article is a leaf bundle, `content/posts/SLUG/index.md`, with its images beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC
from importlib.resources import files
from typing import Any

from reconciler.publishers.generators.port import Generator
from reconciler.publishers.port import Article, ArticleImage

_LAYOUTS = ("baseof.html", "list.html", "page.html", "_markup/render-image.html")
_CODE = re.compile(r"(```.*?```|~~~.*?~~~|`[^`\n]+`)", re.DOTALL)
_HEADING = re.compile(r"^(#{2,3})\s+(.+?)\s*#*$")


def page(article: Article) -> str:
    """Return the bundle's index.md: front matter with every string quoted, then the Markdown made inert."""
    return f"---\n{_front_matter(article)}---\n\n{_body(article)}"


def _front_matter(article: Article) -> str:
    """Return YAML that every generator reads alike: a JSON string is a quoted YAML string, a JSON list a YAML list."""
    at = article.publish_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    featured = next((image for image in article.images if image.role == "featured"), None)
    fields: dict[str, Any] = {
        "title": article.title,
        "slug": article.slug,
        "date": at,
        "lastmod": at,
        "description": article.meta_description,
        "summary": article.excerpt or article.meta_description,
        "tags": list(article.tags),
        "authors": [article.author],
        "images": [image.file_name for image in article.images],
    }
    parameters: dict[str, Any] = {"igny8": article.key, "seo_title": article.meta_title, "simulated": article.simulated}
    if featured is not None:
        parameters |= {"featured": featured.file_name, "featured_alt": featured.alt}
        parameters |= {"featured_caption": featured.caption}
    lines = [f"{name}: {_yaml(value)}" for name, value in fields.items()]
    lines.append("params:")
    lines += [f"  {name}: {_yaml(value)}" for name, value in parameters.items()]
    return "\n".join(lines) + "\n"


def _yaml(value: Any) -> str:
    return (
        json.dumps(value, ensure_ascii=False)
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
        .replace("\x7f", "")
    )


def _body(article: Article) -> str:
    placed = [image for image in article.images if image.role != "featured"]
    by_heading: dict[str, list[ArticleImage]] = {}
    for image in placed:
        by_heading.setdefault(image.after_heading.casefold(), []).append(image)
    lines: list[str] = []
    for line in neutralize(article.markdown).rstrip().split("\n"):
        lines.append(line)
        heading = _HEADING.match(line)
        for image in by_heading.pop(heading[2].casefold(), []) if heading else []:
            lines += ["", _figure(image)]
    for left in by_heading.values():
        lines += [part for image in left for part in ("", _figure(image))]
    return "\n".join(lines) + "\n"


def _figure(image: ArticleImage) -> str:
    alt = re.sub(r"[\[\]\n]", " ", image.alt)
    caption = image.caption.replace('"', "”").replace("\n", " ")
    return neutralize(f'![{alt}]({image.file_name} "{caption}")' if caption else f"![{alt}]({image.file_name})")


def neutralize(markdown: str) -> str:
    """Return Markdown in which nothing runs: no shortcode anywhere, and no HTML tag outside of code.

    A zero-width joiner parts the braces of `{{`: Hugo looks for shortcodes even in code, and has no escape there.
    """
    parts = _CODE.split(markdown.replace("{{", "{\u200d{"))
    parts[::2] = [re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", part) for part in parts[::2]]
    return "".join(parts)


def url(site_url: str, slug: str) -> str:
    """Return where Hugo serves the article."""
    return f"{site_url.rstrip('/')}/posts/{slug}/"


def starter(site_url: str, title: str, language: str) -> Mapping[str, str]:
    """Return the files of a small working site, by path."""
    config = f"baseURL = {json.dumps(site_url.rstrip('/') + '/')}\ntitle = {json.dumps(title, ensure_ascii=False)}\n"
    config += f'defaultContentLanguage = "{language.split("-")[0].lower()}"\nlocale = "{language}"\n'
    config += 'disableKinds = ["taxonomy", "term"]\nbuildFuture = true\n'
    layouts = files("reconciler.publishers.generators") / "hugo_site" / "layouts"
    return {"hugo.toml": config, **{f"layouts/{name}": (layouts / name).read_text("utf-8") for name in _LAYOUTS}}


GENERATOR = Generator(
    name="hugo",
    folder=lambda slug: f"content/posts/{slug}",
    page_name="index.md",
    page=page,
    url=url,
    starter=starter,
    config_names=("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config.toml", "config.yaml", "config.yml"),
)
