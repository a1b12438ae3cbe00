"""An article's title, slug, excerpt, tags and what search engines show of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from slugify import slugify

if TYPE_CHECKING:
    from reconciler.providers.offline.articles import Brief

_TAGS_MAX = 5
_SLUG_MAX = 60
_TITLE_MIN, _TITLE_MAX = 30, 60
_DESCRIPTION_MAX = 160
_GERMAN = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("Ä", "ae"), ("Ö", "oe"), ("Ü", "ue"), ("ß", "ss"))
_BEYOND_LATIN = re.compile("[\u0370-\u1dff\u2e80-\U0003ffff]")


def write_metadata(brief: Brief) -> dict[str, Any]:
    """Return everything of an article answer except its Markdown."""
    keyword = brief.language.quote(brief.keyword)
    return {
        "title": brief.title,
        "meta_title": write_meta_title(brief),
        "meta_description": _cut(brief.lot.pick("meta", _fitting(brief)), _DESCRIPTION_MAX),
        "slug": write_slug(brief.title) or write_slug(brief.keyword),
        "excerpt": brief.lot.pick("excerpt", brief.language.excerpts).format(k=keyword),
        "tags": [tag for tag in (brief.keyword, *brief.keywords) if brief.allows(tag)][:_TAGS_MAX],
    }


def write_meta_title(brief: Brief) -> str:
    """Return the title with the site's name where it is short, without its second half where it is long."""
    title = brief.title
    if len(title) > _TITLE_MAX:
        title = re.split(r"[:|｜]\s*", title)[0]
    if len(title) < _TITLE_MIN and brief.site_name:
        title = f"{title}{brief.language.site_joint}{brief.site_name}"
    if len(title) < _TITLE_MIN:
        title = f"{title}{brief.language.site_joint}{brief.language.themes[0].headings[0]}"
    return _cut(title, _TITLE_MAX)


def write_slug(text: str) -> str:
    """Return the text in lower-case ASCII with hyphens; "" for a script that is not Latin."""
    if _BEYOND_LATIN.search(text):
        return ""
    return slugify(text, replacements=_GERMAN, max_length=_SLUG_MAX, word_boundary=True)


def _fitting(brief: Brief) -> list[str]:
    texts = [text.format(k=brief.language.quote(brief.keyword)) for text in brief.language.meta_descriptions]
    return [text for text in texts if len(text) <= _DESCRIPTION_MAX] or [min(texts, key=len)]


def _cut(text: str, limit: int) -> str:
    """Return the text, cut at a word's end where it is too long."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    return (head.rsplit(" ", 1)[0] if " " in head else head).rstrip(" ,;:-") + "…"
