"""Whether an article that a model wrote can be taken: everything that would embarrass its site is a reason to ask again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.kinds.strategy import WordCount
from reconciler.pipeline.articles import body_of, count_words, find_markdown_remains, markdown_to_html, read_page
from reconciler.pipeline.checklist import ArticleText, CheckedFor, Checklist, check_article, read_checklist
from reconciler.pipeline.languages import find_wrong_language
from reconciler.pipeline.links import drop_invented_links
from reconciler.pipeline.port import ItemReader, Row, SiteContext

# What is shorter than a tenth, or longer than three times of what was asked for, is no article but an accident.
_SHORTEST_SHARE, _LONGEST_TIMES = 10, 3


@dataclass(frozen=True, slots=True)
class AcceptedText:
    """A text that can be taken: its Markdown as it is kept, its HTML, its words, and the links that were dropped."""

    markdown: str
    html: str
    words: int
    dropped_links: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """Return the columns of an article that follow from its text."""
        return {"markdown": self.markdown, "html": self.html, "words": self.words}


def words_wanted(context: SiteContext) -> WordCount:
    """Return how long an article of a site is to be."""
    return context.strategy.word_count if context.strategy and context.account.modules.thinker else WordCount()


def accept_text(context: SiteContext, markdown: str, *, known_urls: Iterable[str]) -> AcceptedText | str:
    """Return a text with its HTML, or why it cannot be taken.

    Links to pages of the site that are not among `known_urls` are dropped, and a heading of level 1 at the beginning.
    """
    site = context.site
    markdown, dropped = drop_invented_links(body_of(markdown), site.url, known_urls)
    html = markdown_to_html(markdown)
    if not html.strip():
        return "the article is empty once it is made safe"
    page = read_page(html)
    remains = find_markdown_remains(page)
    if remains:
        return f"readers would see raw Markdown in the article: {', '.join(remains)}"
    words, wanted = count_words(page.text), words_wanted(context)
    if words * _SHORTEST_SHARE < wanted.min or words > wanted.max * _LONGEST_TIMES:
        return f"the article has {words} words; {wanted.min} to {wanted.max} are asked for"
    wrong = find_wrong_language(page.text, site.language)
    if wrong:
        return f"the article is not in the site's language: {wrong}"
    return AcceptedText(markdown, html, words, dropped)


def check(context: SiteContext, article: ArticleText, keyword: str, *, can_link: bool) -> Checklist:
    """Return the checklist of an article of a site."""
    wanted = words_wanted(context)
    site = context.site
    return check_article(article, CheckedFor(keyword, site.language, site.url, wanted.min, wanted.max, can_link))


def keyword_of(article: Row, reader: ItemReader) -> str:
    """Return the phrase that an article was written for."""
    ideas = reader.select("idea", ("keyword",), {"id": reader.get("task", int(article["task_id"]))["idea_id"]})
    return str(ideas[0]["keyword"]) if ideas else ""


def current_checklist(context: SiteContext, article: Row, reader: ItemReader) -> Checklist:
    """Return an article's checklist as it stands: the stored one, else one that is made now."""
    return read_checklist(article["checklist"]) or _check_now(context, article, reader)


def recheck(context: SiteContext, article: Row, values: Mapping[str, Any], reader: ItemReader) -> dict[str, Any]:
    """Return new values of an article with the checklist that they bring."""
    return {**values, "checklist": _check_now(context, {**article, **values}, reader).to_json()}


def _check_now(context: SiteContext, article: Row, reader: ItemReader) -> Checklist:
    names = ("title", "meta_title", "meta_description", "markdown", "html")
    images = reader.select("image_prompt", ("alt",), {"content_id": article["id"]})
    text = ArticleText(
        **{name: str(article[name]) for name in names}, image_alts=tuple(str(row["alt"]) for row in images)
    )
    others = reader.select("publication", ("content_id",), {"state": "published"}, newest=2)
    can_link = any(row["content_id"] != article["id"] for row in others)
    return check(context, text, keyword_of(article, reader), can_link=can_link)
