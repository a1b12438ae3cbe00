"""Stage 4: each pending task becomes an article."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.kinds.strategy import WordCount
from reconciler.pipeline.answers import ArticleAnswer, read_answer
from reconciler.pipeline.functions import GENERATE_CONTENT
from reconciler.pipeline.port import Insert, ItemReader, MadeBy, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs, count_words, make_slug, markdown_to_html

_LINK_CANDIDATES_MAX = 20


class Content(TextStage):
    """Tasks to articles. Links are offered only to articles of the same site that have their place already."""

    declaration = StageDeclaration(
        "content",
        4,
        "Content",
        "tasks",
        "content",
        "writer",
        GENERATE_CONTENT,
        1,
        5,
        40,
        "live",
        sentence="Generated {done} articles",
    )
    item_kind = "task"
    tier_limit = "articles_per_month_max"
    pending: Row = {"state": "pending"}
    asks_per_batch = False

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        idea = reader.get("idea", int(items[0]["idea_id"]))
        words = context.strategy.word_count if context.strategy and context.account.modules.thinker else WordCount()
        return {
            **common_inputs(context, str(items[0]["sector"])),
            "idea": {key: idea[key] for key in ("title", "description", "keyword", "keywords", "outline")},
            "link_candidates": _link_candidates(reader),
            "word_count": {"min": words.min, "max": words.max},
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(ArticleAnswer, text)
        if isinstance(answer, str):
            return answer
        html = markdown_to_html(answer.markdown)
        if not html.strip():
            return "the article is empty once it is made safe"
        task = items[0]
        taken = {str(row["slug"]) for row in reader.find("content", {})}
        owes_images = context.is_on("prompts") and context.is_on("images")
        values = {
            "sector": task["sector"],
            "task_id": task["id"],
            "state": "draft" if owes_images else "review",
            "title": answer.title,
            "slug": make_slug(
                answer.slug, answer.title, taken, fallback=f"article-{task['id']}", language=context.site.language
            ),
            "excerpt": answer.excerpt,
            "meta_title": answer.meta_title or answer.title,
            "meta_description": answer.meta_description or answer.excerpt,
            "tags": list(answer.tags),
            "markdown": answer.markdown,
            "html": html,
            "words": count_words(answer.markdown),
            "model": made_by.model,
            "simulated": made_by.simulated,
        }
        writes = (Insert("content", values), Update("task", int(task["id"]), {"state": "completed"}))
        return Outcome(writes, (int(task["id"]),), summary=f"“{answer.title}”")


def _link_candidates(reader: ItemReader) -> list[dict[str, str]]:
    published = reader.find("publication", {"state": "published"})
    newest = list(published)[-_LINK_CANDIDATES_MAX:]
    return [
        {"title": str(reader.get("content", int(row["content_id"]))["title"]), "url": str(row["url"])} for row in newest
    ]
