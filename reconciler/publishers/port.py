"""The port that every publisher fills. Publishing is in two steps so that a crash between any two lines is harmless.

`prepare` finds what an earlier try left behind, by our key, or makes something that the public cannot see. `publish`
makes it public, by its id. Both may be repeated with the same key and end in one public article.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ArticleImage:
    """An image of an article: its bytes' place, and what people read about it. `role` is featured or in_article."""

    path: str
    file_name: str
    media_type: str
    role: str
    alt: str
    caption: str
    after_heading: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """What is published. `markdown` and `html` are the same text; `html` is sanitised already."""

    key: str
    site: str
    site_title: str
    language: str
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    markdown: str
    html: str
    tags: tuple[str, ...]
    author: str
    publish_at: datetime
    images: tuple[ArticleImage, ...] = field(default=())
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class Draft:
    """What `prepare` found or made: the remote id, and whether it is public already."""

    remote_id: str
    is_public: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What `publish` left: where the article stands."""

    remote_id: str
    url: str


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """Why an article did not get out; `permanent` means that trying again cannot help."""

    message: str
    permanent: bool


class Publisher(Protocol):
    """A place where articles go. It never raises for what a place can do wrong: that is a PublishFailure."""

    def prepare(self, article: Article) -> Draft | PublishFailure:
        """Find what carries the article's key, or make it where nobody sees it."""
        ...

    def publish(self, article: Article, draft: Draft) -> Receipt | PublishFailure:
        """Make it public and read back that it is there."""
        ...
