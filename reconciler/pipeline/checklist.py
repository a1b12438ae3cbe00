"""The checks of an article that search engines and readers would make: a scored list with reasons.

A heuristic, said to be one: no search engine tells how it ranks. What does not apply, or cannot be known here, gives no
points and takes none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.pipeline.articles import Page, count_words, find_markdown_remains, is_wide, read_page
from reconciler.pipeline.duplicates import holds_phrase
from reconciler.pipeline.languages import find_wrong_language
from reconciler.pipeline.readability import measure_readability

TITLE_LENGTH, DESCRIPTION_LENGTH = (30, 60), (70, 160)
INTERNAL_LINKS_MAX, EXTERNAL_LINKS_MAX = 10, 10
EASE_MIN = 40
_ALT_TEXTS = "alt_texts"
_INTRO_WORDS, _INTRO_CHARACTERS_WIDE = 100, 200


@dataclass(frozen=True, slots=True)
class Check:
    """One check: whether it passed (None = it does not apply), what it is worth, and the reason in a sentence."""

    key: str
    title: str
    passed: bool | None
    weight: int
    reason: str


@dataclass(frozen=True, slots=True)
class Checklist:
    """All checks of an article, and what they add up to."""

    checks: tuple[Check, ...]

    @property
    def score(self) -> int:
        """Return the share of the points that the article has, in percent, 100 when nothing applies."""
        counted = [check for check in self.checks if check.passed is not None]
        whole = sum(check.weight for check in counted)
        return 100 if not whole else round(100 * sum(check.weight for check in counted if check.passed) / whole)

    @property
    def failed(self) -> tuple[Check, ...]:
        """Return the checks that did not pass, the weightiest first."""
        return tuple(sorted((check for check in self.checks if check.passed is False), key=lambda c: -c.weight))

    def to_json(self) -> dict[str, Any]:
        """Return the form that is stored with an article and shown as JSON."""
        return {"score": self.score, "checks": [asdict(check) for check in self.checks]}


@dataclass(frozen=True, slots=True)
class ArticleText:
    """What of an article is checked. `image_alts` are those of its images, which stand outside of the text."""

    title: str
    meta_title: str
    meta_description: str
    markdown: str
    html: str
    image_alts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class CheckedFor:
    """What an article is checked against. `can_link`: the site has other live articles to link to."""

    keyword: str
    language: str
    site_url: str
    words_min: int
    words_max: int
    can_link: bool = False


def read_checklist(stored: Mapping[str, Any] | None) -> Checklist | None:
    """Return the checklist that was stored with an article, None when there is none."""
    if not stored:
        return None
    return Checklist(tuple(Check(**{name: check[name] for name in Check.__slots__}) for check in stored["checks"]))


def check_article(article: ArticleText, checked_for: CheckedFor) -> Checklist:
    """Return the checklist of an article. The same text always gets the same, whatever was there before."""
    page = read_page(article.html)
    return Checklist(
        (
            *_metadata(article, checked_for),
            *_headings(page),
            *_keyword(article, page, checked_for),
            *_links(page, checked_for),
            *_text(article, page, checked_for),
        )
    )


def with_new_images(checklist: Checklist, html: str, alts: Sequence[str]) -> Checklist:
    """Return an article's checklist with the alternative texts of the images that it gets now; all else stays."""
    in_text = read_page(html).image_alts if "<img" in html else ()
    found = _alt_texts((*in_text, *alts))
    return Checklist(tuple(found if check.key == _ALT_TEXTS else check for check in checklist.checks))


def _metadata(article: ArticleText, checked_for: CheckedFor) -> tuple[Check, ...]:
    title = article.meta_title or article.title
    return (
        _length("title_length", "Title for search results", title, TITLE_LENGTH, checked_for.language, 10),
        _length(
            "description_length", "Description", article.meta_description, DESCRIPTION_LENGTH, checked_for.language, 10
        ),
    )


def _length(key: str, what: str, text: str, bounds: tuple[int, int], language: str, weight: int) -> Check:
    """Check a length in characters; those that take the room of two count as two."""
    least, most = (bound // 2 for bound in bounds) if is_wide(language) else bounds
    reason = f"{len(text)} characters; {least} to {most} are shown in full"
    return Check(key, what, least <= len(text) <= most, weight, reason)


def _headings(page: Page) -> tuple[Check, ...]:
    levels = [level for level, _ in page.headings]
    extra = levels.count(1)
    steps = [(a, b) for a, b in zip([1, *levels], levels, strict=False) if b > a + 1]
    order = f"a heading of level {steps[0][1]} follows one of level {steps[0][0]}" if steps else "no level is skipped"
    one = f"{extra} more in the text than the title" if extra else "the title, and no other"
    return (
        Check("one_h1", "One H1", extra == 0, 8, one),
        Check("heading_order", "Headings in order", not steps, 6, order),
        Check("subheadings", "Subheadings", levels.count(2) >= 2, 4, f"{levels.count(2)} of level 2; 2 or more guide"),
    )


def _keyword(article: ArticleText, page: Page, checked_for: CheckedFor) -> tuple[Check, ...]:
    keyword = checked_for.keyword
    title = "Keyword in the title", "Keyword in the introduction", "Keyword in a subheading"
    keys = ("keyword_in_title", "keyword_in_intro", "keyword_in_heading")
    if not keyword:
        return tuple(
            Check(key, what, None, 0, "the article has no keyword") for key, what in zip(keys, title, strict=True)
        )
    words = page.text.split()
    intro = (
        page.text.strip()[:_INTRO_CHARACTERS_WIDE] if is_wide(checked_for.language) else " ".join(words[:_INTRO_WORDS])
    )
    in_title = holds_phrase(keyword, article.title) or holds_phrase(keyword, article.meta_title)
    in_intro = holds_phrase(keyword, intro)
    in_heading = any(holds_phrase(keyword, text) for _, text in page.headings)

    def said(there: bool, where: str) -> str:
        return f"“{keyword}” stands {where}" if there else f"“{keyword}” does not stand {where}"

    return (
        Check(keys[0], title[0], in_title, 12, said(in_title, "in the title")),
        Check(keys[1], title[1], in_intro, 10, said(in_intro, "in the first 100 words")),
        Check(keys[2], title[2], in_heading, 3, said(in_heading, "in a subheading")),
    )


def _links(page: Page, checked_for: CheckedFor) -> tuple[Check, ...]:
    internal = sum(is_internal(url, checked_for.site_url) for url in page.links)
    external = sum(is_web(url) for url in page.links) - sum(
        is_internal(url, checked_for.site_url) for url in page.links if is_web(url)
    )
    few = f"{internal}; 1 to {INTERNAL_LINKS_MAX} help readers on"
    if not checked_for.can_link and not internal:
        links = Check("internal_links", "Links to own articles", None, 6, "there is no live article to link to yet")
    else:
        links = Check("internal_links", "Links to own articles", 1 <= internal <= INTERNAL_LINKS_MAX, 6, few)
    most = f"{external}; up to {EXTERNAL_LINKS_MAX} look like sources, more like an advertisement"
    return (links, Check("external_links", "Links to other sites", external <= EXTERNAL_LINKS_MAX, 2, most))


def is_web(url: str) -> bool:
    """Tell whether a link names its host."""
    return url.startswith(("http://", "https://"))


def is_internal(url: str, site_url: str) -> bool:
    """Tell whether a link stays on a site: relative, or with the site's own host."""
    if not is_web(url):
        return url.startswith("/") or (not url.startswith("#") and ":" not in url)
    return _host(url) == _host(site_url)


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _text(article: ArticleText, page: Page, checked_for: CheckedFor) -> tuple[Check, ...]:
    words = count_words(page.text)
    least, most = checked_for.words_min, checked_for.words_max
    wrong = find_wrong_language(page.text, checked_for.language)
    remains = find_markdown_remains(page)
    return (
        _alt_texts((*page.image_alts, *article.image_alts)),
        # A tenth more or less is what people mean by a length.
        Check("length", "Length", least * 0.9 <= words <= most * 1.1, 8, f"{words} words; {least} to {most} are asked for"),
        _readability(page, checked_for.language),
        Check("language", "Language", not wrong, 10, wrong or f"nothing speaks against {checked_for.language}"),
        Check(
            "no_markdown", "No Markdown in the page", not remains, 5,
            f"readers would see {', '.join(remains)}" if remains else "everything is rendered",
        ),
    )  # fmt: skip


def _alt_texts(alts: Sequence[str | None]) -> Check:
    missing = sum(not (alt or "").strip() for alt in alts)
    reason = f"{missing} of {len(alts)} images have none" if missing else f"{len(alts)} images, none without"
    return Check(_ALT_TEXTS, "Alt texts of images", missing == 0 if alts else None, 6, reason if alts else "no images")


def _readability(page: Page, language: str) -> Check:
    found = measure_readability(page.text, language)
    if isinstance(found, str):
        return Check("readability", "Readability", None, 6, f"not measured: {found}")
    reason = f"Flesch reading ease {found.ease}; {EASE_MIN} and more is read without effort"
    return Check("readability", "Readability", found.ease >= EASE_MIN, 6, reason)
