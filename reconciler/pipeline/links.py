"""Links inside a site: which articles an article may link to, and putting links into Markdown without touching the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.pipeline.checklist import is_internal
from reconciler.pipeline.duplicates import normal_form
from reconciler.pipeline.port import ItemReader

CANDIDATES_MAX = 20
LINKS_MAX = 4
# Among the newest so many the nearest in subject are chosen.
_LOOKED_AT = 400

_LINK = re.compile(r"(?<!!)\[([^\]\n]+)\]\(<?([^)\s>]+)>?(?:\s+\"[^\"\n]*\")?\)")
# What a link must not stand in: code, headings, images, other links, URLs, rows of tables.
_CLOSED = re.compile(
    r"```.*?(?:```|\Z)|`[^`\n]*`|^#{1,6}[^\n]*$|!?\[[^\]\n]*\]\([^)\n]*\)|<?https?://\S+|^\s*\|[^\n]*$",
    re.DOTALL | re.MULTILINE,
)


def link_candidates(reader: ItemReader, about: str, *, besides: int | None = None) -> list[dict[str, str]]:
    """Return title and URL of up to 20 live articles of the site, the nearest to a subject first, then the newest.

    Only what is published and has its place; never the article `besides`.
    """
    from rapidfuzz.fuzz import token_set_ratio

    live = reader.select("publication", ("content_id", "url"), {"state": "published"}, newest=_LOOKED_AT)
    urls = {
        int(row["content_id"]): str(row["url"]) for row in live if str(row["url"]).startswith(("http://", "https://"))
    }
    urls.pop(besides or 0, None)
    articles = reader.select("content", ("id", "title"), {"state": "published"}, newest=_LOOKED_AT)
    subject = normal_form(about)
    ranked = sorted(
        (row for row in articles if int(row["id"]) in urls),
        key=lambda row: (-round(token_set_ratio(subject, normal_form(str(row["title"]))), -1), -int(row["id"])),
    )
    return [{"title": str(row["title"]), "url": urls[int(row["id"])]} for row in ranked[:CANDIDATES_MAX]]


def links_of(markdown: str) -> tuple[str, ...]:
    """Return the addresses that a Markdown text links to, in order."""
    return tuple(match[2] for match in _LINK.finditer(markdown))


def drop_invented_links(markdown: str, site_url: str, known: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    """Return the text without links to pages of the site that are not known, and those links; their words stay.

    A page that nobody has published would be a dead link: models like to guess addresses.
    """
    allowed, dropped = set(known), []

    def keep_or_drop(match: re.Match[str]) -> str:
        if match[2] in allowed or match[2].startswith("#") or not is_internal(match[2], site_url):
            return match[0]
        dropped.append(match[2])
        return match[1]

    return _LINK.sub(keep_or_drop, markdown), tuple(dropped)


def insert_links(markdown: str, links: Sequence[tuple[str, str]]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the text with each (words, address) linked once, at the first place where the words stand in prose.

    Also returns those that found a place. Nothing but the brackets and the address is added.
    """
    placed: list[tuple[str, str]] = []
    for words, url in links:
        start = _place_of(markdown, words)
        if start is not None:
            end = start + len(words)
            markdown = f"{markdown[:start]}[{markdown[start:end]}]({url}){markdown[end:]}"
            placed.append((words, url))
    return markdown, tuple(placed)


def _place_of(markdown: str, words: str) -> int | None:
    closed = [match.span() for match in _CLOSED.finditer(markdown)]
    pattern = re.escape(words)
    pattern = (r"(?<!\w)" if words[:1].isascii() and words[:1].isalnum() else "") + pattern
    pattern += r"(?!\w)" if words[-1:].isascii() and words[-1:].isalnum() else ""
    for match in re.finditer(pattern, markdown):
        if not any(start < match.end() and match.start() < end for start, end in closed):
            return match.start()
    return None
