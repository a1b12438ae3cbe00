"""Optimization: an article is written anew where its checklist says so. It never gets worse by its own checklist."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.acceptance import accept_text, current_checklist, keyword_of, recheck, words_wanted
from reconciler.pipeline.answers import OptimizedAnswer, read_answer
from reconciler.pipeline.articles import read_page
from reconciler.pipeline.checklist import read_checklist
from reconciler.pipeline.duplicates import normal_form
from reconciler.pipeline.functions import OPTIMIZE_CONTENT
from reconciler.pipeline.improvements.port import Improvement
from reconciler.pipeline.links import links_of
from reconciler.pipeline.port import ItemReader, MadeBy, Outcome, Row, SiteContext
from reconciler.pipeline.rendering import common_inputs
from reconciler.pipeline.revising import revise
from reconciler.providers.tokens import count_tokens

_METADATA_TOKENS = 300


class Optimization(Improvement):
    """An article to a better one. Its links, its address and the headings that its images stand under stay."""

    declaration = StageDeclaration(
        "optimization", 9, "Optimization", "contents", "optimization", "writer", OPTIMIZE_CONTENT, 1, 0,
        sentence="Optimized {done}", noun="article",
    )  # fmt: skip
    item_kind = "content"
    pending: Row = {}
    asks_per_batch = False

    def why_nothing(self, context: SiteContext, article: Row, reader: ItemReader) -> str:
        return "" if current_checklist(context, article, reader).failed else "every check of it passes"

    def answer_tokens(self, article: Row) -> int:
        return count_tokens(str(article["markdown"])) + _METADATA_TOKENS

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        article, words = items[0], words_wanted(context)
        failed = current_checklist(context, article, reader).failed
        names = ("title", "meta_title", "meta_description", "excerpt", "markdown")
        return {
            **common_inputs(context, str(article["sector"])),
            "article": {**{name: article[name] for name in names}, "keyword": keyword_of(article, reader)},
            "findings": [{"title": check.title, "reason": check.reason} for check in failed],
            "word_count": {"min": words.min, "max": words.max},
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(OptimizedAnswer, text)
        if isinstance(answer, str):
            return answer
        article = items[0]
        links = links_of(str(article["markdown"]))
        accepted = accept_text(context, answer.markdown, known_urls=links)
        if isinstance(accepted, str):
            return accepted
        lost = sorted(set(links) - set(links_of(accepted.markdown)))
        if lost:
            return f"links of the article were lost: {', '.join(lost)}"
        headings = {heading for _, heading in read_page(accepted.html).headings}
        under = {str(row["after_heading"]) for row in reader.find("image_prompt", {"content_id": article["id"]})}
        gone = sorted((under & {heading for _, heading in read_page(str(article["html"])).headings}) - headings)
        if gone:
            return f"headings under which images stand were changed: {', '.join(gone)}"
        if _repeats(answer.title, article, reader):
            return f"the title “{answer.title}” is that of another article"
        values = {
            **accepted.values(),
            "title": answer.title,
            "meta_title": answer.meta_title,
            "meta_description": answer.meta_description,
            "excerpt": answer.excerpt or article["excerpt"],
        }
        values = recheck(context, article, values, reader)
        before, after = current_checklist(context, article, reader), read_checklist(values["checklist"])
        if after is None or after.score < before.score:
            worse = "; ".join(check.reason for check in (after.failed if after else ()))
            return f"its checklist fell from {before.score} to {after.score if after else 0}: {worse}"
        writes = revise(article, values, reader, changed_by=made_by.model, change="it was optimized")
        changes = f": {answer.changes}" if answer.changes else ""
        return Outcome(writes, (int(article["id"]),), summary=f"score {before.score} to {after.score}{changes}"[:500])


def _repeats(title: str, article: Row, reader: ItemReader) -> bool:
    form = normal_form(title)
    others = reader.select("content", ("id", "title"), {})
    return any(normal_form(str(row["title"])) == form for row in others if row["id"] != article["id"])
