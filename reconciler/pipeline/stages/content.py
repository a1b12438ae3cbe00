"""Stage 4: each pending task becomes an article."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.acceptance import AcceptedText, accept_text, check, words_wanted
from reconciler.pipeline.answers import ArticleAnswer, read_answer
from reconciler.pipeline.articles import make_slug
from reconciler.pipeline.checklist import ArticleText
from reconciler.pipeline.duplicates import has_form, normal_form
from reconciler.pipeline.functions import GENERATE_CONTENT
from reconciler.pipeline.links import link_candidates
from reconciler.pipeline.port import Insert, ItemReader, MadeBy, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs

# Where a model wrote no description, the beginning of the excerpt stands in.
_DESCRIPTION_MAX = 160


class Content(TextStage):
    """Tasks to articles. Links are offered only to live articles of the same site."""

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
        sentence="Generated {done}",
        noun="article",
    )
    item_kind = "task"
    tier_limit = "articles_per_month_max"
    pending: Row = {"state": "pending"}
    asks_per_batch = False

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        idea = reader.get("idea", int(items[0]["idea_id"]))
        words = words_wanted(context)
        return {
            **common_inputs(context, str(items[0]["sector"])),
            "idea": {key: idea[key] for key in ("title", "description", "keyword", "keywords", "outline")},
            "link_candidates": link_candidates(reader, f"{idea['title']} {idea['keyword']}"),
            "word_count": {"min": words.min, "max": words.max},
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(ArticleAnswer, text)
        if isinstance(answer, str):
            return answer
        task = items[0]
        idea = reader.get("idea", int(task["idea_id"]))
        candidates = link_candidates(reader, f"{idea['title']} {idea['keyword']}")
        accepted = accept_text(context, answer.markdown, known_urls=[link["url"] for link in candidates])
        if isinstance(accepted, str):
            return accepted
        there = reader.select("content", ("id", "title", "slug"), {})
        form = normal_form(answer.title)
        repeated = next((row for row in there if has_form(str(row["title"]), form)), None)
        if repeated is not None:
            return f"the title “{answer.title}” repeats that of content {repeated['id']}, “{repeated['title']}”"
        values = {
            "sector": task["sector"],
            "task_id": task["id"],
            "state": "draft" if context.is_on("prompts") and context.is_on("images") else "review",
            "slug": make_slug(
                answer.slug, answer.title, (str(row["slug"]) for row in there),
                fallback=f"article-{task['id']}", language=context.site.language,
            ),
            "tags": list(answer.tags),
            "model": made_by.model,
            "simulated": made_by.simulated,
            **_texts(answer),
            **accepted.values(),
        }  # fmt: skip
        article = ArticleText(**_texts_checked(values))
        values["checklist"] = check(context, article, str(idea["keyword"]), can_link=bool(candidates)).to_json()
        writes = (Insert("content", values), Update("task", int(task["id"]), {"state": "completed"}))
        return Outcome(writes, (int(task["id"]),), summary=f"“{answer.title}”{_dropped(accepted)}")


def _texts(answer: ArticleAnswer) -> dict[str, str]:
    return {
        "title": answer.title,
        "excerpt": answer.excerpt,
        "meta_title": answer.meta_title or answer.title,
        "meta_description": answer.meta_description or answer.excerpt[:_DESCRIPTION_MAX],
    }


def _texts_checked(values: Row) -> dict[str, str]:
    return {name: str(values[name]) for name in ("title", "meta_title", "meta_description", "markdown", "html")}


def _dropped(accepted: AcceptedText) -> str:
    number = len(accepted.dropped_links)
    return f"; {number} links to pages that are not there were dropped" if number else ""
