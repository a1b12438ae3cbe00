"""Linking: words of an article become links to other live articles of the site. Nothing else of its text changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.acceptance import accept_text, recheck
from reconciler.pipeline.answers import LinksAnswer, read_answer
from reconciler.pipeline.functions import LINK_CONTENT
from reconciler.pipeline.improvements.port import Improvement
from reconciler.pipeline.links import LINKS_MAX, insert_links, link_candidates, links_of
from reconciler.pipeline.port import ItemReader, MadeBy, Outcome, Row, SiteContext
from reconciler.pipeline.rendering import common_inputs
from reconciler.pipeline.revising import revise

_ANSWER_TOKENS = 60 * LINKS_MAX


class Linking(Improvement):
    """An article to the same article with links. The model names words and pages; the links are put in here."""

    declaration = StageDeclaration(
        "linking", 8, "Linking", "contents", "linking", "writer", LINK_CONTENT, 1, 0,
        sentence="Linked {done}", noun="article",
    )  # fmt: skip
    item_kind = "content"
    pending: Row = {}
    asks_per_batch = False

    def why_nothing(self, context: SiteContext, article: Row, reader: ItemReader) -> str:
        return "" if _unlinked(article, reader) else "the site has no other live article that it does not link to"

    def answer_tokens(self, article: Row) -> int:
        return _ANSWER_TOKENS

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        article = items[0]
        return {
            **common_inputs(context, str(article["sector"])),
            "article": {"title": article["title"], "markdown": article["markdown"]},
            "link_candidates": _unlinked(article, reader),
            "links_max": LINKS_MAX,
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(LinksAnswer, text)
        if isinstance(answer, str):
            return answer
        article = items[0]
        content_id = int(article["id"])
        offered = {link["url"] for link in _unlinked(article, reader)}
        wanted = {link.url: link.anchor for link in answer.links if link.url in offered}
        if answer.links and not wanted:
            return "none of the addresses is one of those that were offered"
        pairs = [(anchor, url) for url, anchor in wanted.items()][:LINKS_MAX]
        markdown, placed = insert_links(str(article["markdown"]), pairs)
        if pairs and not placed:
            return "none of the anchors stands, word for word, in a paragraph of the article"
        if not placed:
            return Outcome((), (content_id,), summary="no link helps; nothing was changed")
        accepted = accept_text(context, markdown, known_urls={*offered, *links_of(str(article["markdown"]))})
        if isinstance(accepted, str):
            return accepted
        values = recheck(context, article, accepted.values(), reader)
        summary = f"linked “{'”, “'.join(anchor for anchor, _ in placed)}”"
        writes = revise(article, values, reader, changed_by=made_by.model, change="links were added")
        return Outcome(writes, (content_id,), summary=summary)


def _unlinked(article: Row, reader: ItemReader) -> list[dict[str, str]]:
    there = set(links_of(str(article["markdown"])))
    candidates = link_candidates(reader, str(article["title"]), besides=int(article["id"]))
    return [link for link in candidates if link["url"] not in there]
