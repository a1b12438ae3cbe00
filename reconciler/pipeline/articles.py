"""From a model's Markdown to an article: safe HTML, what stands in it, its words, its slug."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import quote

# What a person would write in an article, and nothing that runs, frames, tracks or restyles.
_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "figcaption", "figure", "h2", "h3", "h4", "hr", "img", "li", "ol", "p",
    "pre", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
# Classes stay where publishers and highlighters need them: the language of code, the place of an image.
_ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "figure": {"class"},
    "img": {"src", "alt", "title", "class"},
    "td": {"align"},
    "th": {"align"},
}
SLUG_BYTES_MAX = 200
_SLUG_CHARACTERS = 80
_KEEPS_ITS_SCRIPT = {"ja", "zh", "ko", "th", "lo", "km", "my"}
_WIDE = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
_REMAINS = (
    (re.compile(r"^\s*#{2,6}\s*\S", re.MULTILINE), "##"),
    (re.compile(r"\*\*"), "**"),
    (re.compile(r"^\s*```", re.MULTILINE), "```"),
    (re.compile(r"\]\(https?://"), "[text](url)"),
    (re.compile(r"^\s*\|?\s*:?-{3,}:?\s*\|", re.MULTILINE), "|---|"),
)
_LEADING_H1 = re.compile(r"\A\s*#(?!#)[ \t]+[^\n]*\n+")


def markdown_to_html(markdown: str) -> str:
    """Return the sanitised HTML of an article's Markdown; links and images to http(s) and relative places only.

    Whoever marks a page, with a key in a comment, say, does so after this: comments do not survive it.
    """
    import nh3
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).render(markdown)
    return nh3.clean(html, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"}, link_rel=None)


def body_of(markdown: str) -> str:
    """Return an article's Markdown without a heading of level 1 at its start: the title is rendered as that."""
    return _LEADING_H1.sub("", markdown)


@dataclass(frozen=True, slots=True)
class Page:
    """What stands in an article's HTML: headings with their level, alt texts of images (None = none), links, text.

    `text` is without code; blocks are parted by line breaks.
    """

    headings: tuple[tuple[int, str], ...]
    image_alts: tuple[str | None, ...]
    links: tuple[str, ...]
    text: str


def read_page(html: str) -> Page:
    """Return what stands in an article's HTML."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    text = "".join(reader.words)
    return Page(tuple(reader.headings), tuple(reader.alts), tuple(reader.links), text)


class _Reader(HTMLParser):
    """Collects what the checks look at."""

    _BLOCKS = frozenset(
        {"p", "li", "blockquote", "td", "th", "tr", "figcaption", "br", "h1", "h2", "h3", "h4", "h5", "h6"}
    )

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.headings: list[tuple[int, str]] = []
        self.alts: list[str | None] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._code = 0
        self._heading: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("code", "pre"):
            self._code += 1
        elif tag == "img":
            self.alts.append(values.get("alt"))
        elif tag == "a" and values.get("href"):
            self.links.append(str(values["href"]))
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self._heading = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("code", "pre"):
            self._code -= 1
        elif len(tag) == 2 and tag[0] == "h" and tag[1].isdigit() and self._heading is not None:
            self.headings.append((int(tag[1]), "".join(self._heading).strip()))
            self._heading = None
        if tag in self._BLOCKS:
            self.words.append("\n")

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading.append(data)
        if not self._code:
            self.words.append(data)


def find_markdown_remains(page: Page) -> tuple[str, ...]:
    """Return the marks of Markdown that readers would see: a page that was rendered in full has none outside code."""
    return tuple(mark for pattern, mark in _REMAINS if pattern.search(page.text))


def count_words(text: str) -> int:
    """Return the words of a text; in scripts without spaces two characters count as a word."""
    plain = re.sub(r"[#>*_`|\[\]()-]", " ", text)
    wide = len(_WIDE.findall(plain))
    return len(_WIDE.sub(" ", plain).split()) + wide // 2


def is_wide(language: str) -> bool:
    """Tell whether a language's characters take the room of two."""
    return language.split("-")[0] in ("ja", "zh", "ko")


def make_slug(wanted: str, title: str, taken: Iterable[str], *, fallback: str, language: str) -> str:
    """Return a slug that is not taken: from the wished one, else the title, else the fallback.

    It has at most 80 characters and, encoded in a URL, 200 bytes. Scripts that cannot be transliterated without
    knowing the language stay as they are; a title of symbols alone has no slug, so that the fallback stands in.
    """
    from slugify import slugify

    stays = language.split("-")[0] in _KEEPS_ITS_SCRIPT

    def slug_of(text: str) -> str:
        return _within_bytes(slugify(text, max_length=_SLUG_CHARACTERS, word_boundary=True, allow_unicode=stays), "")

    base = slug_of(wanted) or slug_of(title) or fallback
    known = set(taken)
    slug, number = base, 2
    while slug in known:
        slug, number = _within_bytes(base, f"-{number}"), number + 1
    return slug


def _within_bytes(slug: str, ending: str) -> str:
    """Return a slug with its ending that fits into a URL; whole characters are cut off."""
    while len(quote(slug + ending)) > SLUG_BYTES_MAX:
        slug = slug[:-1]
    return slug.strip("-") + ending
