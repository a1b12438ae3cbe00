"""link_content and optimize_content: the same article with links, or with what its checklist misses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.providers.offline.articles import read_brief
from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.metadata import write_metadata

_WORDS_MIN, _WORDS_MAX = 2, 4
_PROSE = re.compile(r"^(?![#>|\-*\s\d`])[^\n]+$", re.MULTILINE)
_PLAIN = re.compile(r"[^\[\]()*_`<>#|“”\"]+")


def write_links(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield links from a few words of the article's prose to the pages that are offered; shorter versions hold fewer."""
    article, offered = inputs.get("article") or {}, inputs.get("link_candidates") or ()
    if not article.get("markdown"):
        return
    wanted = list(offered)[: max(1, int(inputs.get("links_max") or 1))]
    phrases = iter(lot.shuffled("anchors", _phrases(str(article["markdown"]))))
    links = [{"anchor": phrase, "url": link["url"]} for link, phrase in zip(wanted, phrases, strict=False)]
    for count in range(len(links), -1, -1):
        yield {"links": links[:count]}


def _phrases(markdown: str) -> list[str]:
    """Return a run of words from the middle of each paragraph, where it stands once; of unspaced scripts, some characters."""
    found: list[str] = []
    for paragraph in _PROSE.findall(markdown):
        pieces = [piece.strip() for piece in _PLAIN.findall(paragraph)]
        words = max(pieces, key=len, default="").split()
        middle = len(words) // 2
        phrase = " ".join(words[middle : middle + _WORDS_MAX]).strip(" .,:;!?。、")
        if len(words) < _WORDS_MIN:
            phrase = phrase[2:10]
        if len(phrase) > 3 and markdown.count(phrase) == 1:
            found.append(phrase)
    return found


def write_optimized(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield the article with metadata of the right length and its keyword in the introduction."""
    article = inputs.get("article") or {}
    title, markdown = str(article.get("title") or ""), str(article.get("markdown") or "")
    if not title or not markdown:
        return
    keyword = str(article.get("keyword") or title)
    brief = read_brief({**inputs, "idea": {"title": title, "keyword": keyword}}, lot)
    metadata = write_metadata(brief)
    if keyword.casefold() not in markdown[:600].casefold():
        markdown = f"{brief.fill(brief.language.intros, 'intro')[0]}\n\n{markdown}"
    yield {
        "title": title,
        "meta_title": metadata["meta_title"],
        "meta_description": metadata["meta_description"],
        "excerpt": str(article.get("excerpt") or metadata["excerpt"]),
        "markdown": markdown,
        "changes": "",
    }
