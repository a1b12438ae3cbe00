"""An article as one page, as readers will see it: title, featured image, text with its images in their places."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape, unescape

from reconciler.pipeline.port import Row

_RIGHT_TO_LEFT = {"ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"}
_HEADING = re.compile(r"<h([2-4])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_STYLE = """
:root { --ink: #1d2433; --soft: #5b6478; --line: #e3e6ee; --paper: #fff; --link: #1b57c0; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ebf3; --soft: #a2abc0; --line: #2c3446; --paper: #141925; --link: #8db4ff; }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.65 Georgia, "Noto Serif", serif; }
main { max-width: 44rem; margin: 0 auto; padding: 1.25rem; }
h1, h2, h3, h4, .facts { font-family: system-ui, sans-serif; line-height: 1.25; }
a { color: var(--link); }
img { max-width: 100%; height: auto; border-radius: 8px; }
figure { margin: 1.2rem 0; }
figcaption, .facts { color: var(--soft); font-size: 14px; }
.facts { border-bottom: 1px solid var(--line); padding-bottom: .8rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid var(--line); padding: .45rem .5rem; text-align: start; }
pre { overflow-x: auto; }
"""


@dataclass(frozen=True, slots=True)
class PreviewImage:
    """An image of the page: where its bytes are, and the words with it."""

    source: str
    role: str
    alt: str
    caption: str
    after_heading: str


def preview_page(article: Row, images: Sequence[PreviewImage], *, site: str, language: str) -> str:
    """Return the page. The article's HTML was made safe when it was written; all else is escaped."""
    featured = [_figure(image) for image in images if image.role == "featured"]
    body = _with_images(str(article["html"]), [image for image in images if image.role != "featured"])
    title = escape(str(article["meta_title"] or article["title"]))
    facts = f"{escape(site)} · {escape(str(article['state']))} · /{escape(str(article['slug']))}/"
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="{escape(language)}" dir="{_direction(language)}">',
            "<head>",
            '<meta charset="utf-8">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            'img-src data: file: https: http:">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f'<meta name="description" content="{escape(str(article["meta_description"]))}">',
            f"<title>{title}</title>",
            f"<style>{_STYLE}</style>",
            "</head>",
            "<body><main><article>",
            f"<h1>{escape(str(article['title']))}</h1>",
            f'<p class="facts">{facts}</p>',
            *featured,
            body,
            "</article></main></body>",
            "</html>",
            "",
        )
    )


def _with_images(html: str, images: Sequence[PreviewImage]) -> str:
    """Return the HTML with each image below its heading; one whose heading is gone stands at the end."""
    waiting: dict[str, list[PreviewImage]] = {}
    for image in images:
        waiting.setdefault(image.after_heading.casefold(), []).append(image)

    def place(match: re.Match[str]) -> str:
        heading = unescape(_TAG.sub("", match[2])).strip().casefold()
        return match[0] + "".join(f"\n{_figure(image)}" for image in waiting.pop(heading, []))

    placed = _HEADING.sub(place, html)
    left = [_figure(image) for some in waiting.values() for image in some]
    return "\n".join((placed, *left))


def _direction(language: str) -> str:
    return "rtl" if language.split("-")[0].lower() in _RIGHT_TO_LEFT else "ltr"


def _figure(image: PreviewImage) -> str:
    caption = f"<figcaption>{escape(image.caption)}</figcaption>" if image.caption else ""
    return f'<figure><img src="{escape(image.source)}" alt="{escape(image.alt)}">{caption}</figure>'
