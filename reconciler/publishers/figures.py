"""Puts the images of an article into its HTML, each below the heading that it belongs to."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from reconciler.publishers.port import ArticleImage

_HEADING = re.compile(r"<h([2-4])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")


def place_figures(text: str, images: tuple[ArticleImage, ...], figure: Callable[[ArticleImage], str]) -> str:
    """Return the HTML with a figure below the heading of each in-article image; without such a heading at the end.

    The featured image is no part of the text.
    """
    waiting: dict[str, list[ArticleImage]] = {}
    for image in images:
        if image.role != "featured":
            waiting.setdefault(image.after_heading.strip().casefold(), []).append(image)

    def below(heading: re.Match[str]) -> str:
        name = html.unescape(_TAG.sub("", heading[2])).strip().casefold()
        figures = "".join("\n" + figure(image) for image in waiting.pop(name, []))
        return heading[0] + figures

    placed = _HEADING.sub(below, text)
    left = [figure(image) for group in waiting.values() for image in group]
    return "\n".join([placed.rstrip("\n"), *left]) + "\n" if left else placed


def plain_figure(url: str, image: ArticleImage, *, figure_class: str = "", image_class: str = "") -> str:
    """Return a figure with its alt text, and with its caption if it has one."""
    caption = f"<figcaption>{html.escape(image.caption, quote=False)}</figcaption>" if image.caption else ""
    outer = f' class="{figure_class}"' if figure_class else ""
    inner = f' class="{image_class}"' if image_class else ""
    return f'<figure{outer}><img{inner} src="{html.escape(url)}" alt="{html.escape(image.alt)}" loading="lazy">{caption}</figure>'


def featured(images: tuple[ArticleImage, ...]) -> ArticleImage | None:
    """Return the image that stands for the whole article, None when it has none."""
    return next((image for image in images if image.role == "featured"), None)
