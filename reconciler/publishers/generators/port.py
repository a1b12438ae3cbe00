"""What the static publisher asks of a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.publishers.port import Article, ArticleImage


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article stands, from the site's root: its page, the folder of its images, and its address on the site."""

    page: str
    images: str
    permalink: str


@dataclass(frozen=True, slots=True)
class Generator:
    """A static site generator. Pure: it names places and texts, the publisher writes them.

    `articles` is the folder of articles unless the site names another, `permalink` likewise the address, with `{slug}`.
    `page_path` gives a page below the folder of articles, `slug_of` finds the slug in such a path, `pages` is the glob
    of all of them, `rivals` gives globs of whatever would be built to the address of a slug. `images_beside` says that images stand in the page's folder; else they stand at the permalink, where
    the generator copies them to. `page` gives the page's text, `starter` the files of a site that does not exist yet.
    `output` is the folder that it builds into.
    """

    name: str
    articles: str
    permalink: str
    pages: str
    page_path: Callable[[str, datetime], str]
    slug_of: Callable[[str], str]
    rivals: Callable[[str], tuple[str, ...]]
    images_beside: bool
    page: Callable[[Article, Place], str]
    starter: Callable[[str, str, str], Mapping[str, str]]
    config_names: tuple[str, ...]
    output: str


def featured_image(article: Article) -> ArticleImage | None:
    """Return the image that stands for the article, or None."""
    return next((image for image in article.images if image.role == "featured"), None)


def image_marks(article: Article) -> list[str]:
    """Return what a page says of its images so that a change by hand is seen: each file's name and SHA-256."""
    return [f"{image.file_name} {image.sha256}" for image in article.images]


def figures(article: Article, figure: Callable[[ArticleImage], str]) -> dict[str, Sequence[str]]:
    """Return the article's other images as Markdown, by the casefolded heading that they belong under."""
    by_heading: dict[str, Sequence[str]] = {}
    for image in article.images:
        if image.role != "featured":
            heading = image.after_heading.casefold()
            by_heading[heading] = (*by_heading.get(heading, ()), figure(image))
    return by_heading
