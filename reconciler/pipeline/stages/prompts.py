"""Stage 5: each draft gets the prompts of its images: one featured and up to max_in_article_images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.answers import ImagePromptsAnswer, read_answer
from reconciler.pipeline.checklist import read_checklist, with_new_images
from reconciler.pipeline.functions import GENERATE_IMAGE_PROMPTS
from reconciler.pipeline.port import Insert, ItemReader, MadeBy, Outcome, Row, SiteContext, TextStage, Update
from reconciler.pipeline.rendering import common_inputs

_HEADING = re.compile(r"^#{2,3}\s+(.+?)\s*#*$", re.MULTILINE)


class Prompts(TextStage):
    """Drafts to image prompts, the featured one first."""

    declaration = StageDeclaration(
        "prompts",
        5,
        "Image prompts",
        "contents",
        "images",
        "writer",
        GENERATE_IMAGE_PROMPTS,
        1,
        5,
        5,
        "live",
        sentence="Wrote image prompts for {done}",
        noun="article",
    )
    item_kind = "content"
    pending: Row = {"state": "draft", "prompts_written": False}
    asks_per_batch = False

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        article = items[0]
        return {
            **common_inputs(context, str(article["sector"])),
            "article": {
                "title": article["title"],
                "excerpt": article["excerpt"],
                "headings": _HEADING.findall(str(article["markdown"])),
            },
            "image_style": context.site.ai.image_style,
            "in_article_max": context.site.ai.max_in_article_images,
        }

    def read(
        self, context: SiteContext, items: Sequence[Row], text: str, reader: ItemReader, made_by: MadeBy
    ) -> Outcome | str:
        answer = read_answer(ImagePromptsAnswer, text)
        if isinstance(answer, str):
            return answer
        article = items[0]
        wanted = [("featured", answer.featured)]
        wanted += [("in_article", item) for item in answer.in_article[: context.site.ai.max_in_article_images]]
        shared = {"content_id": article["id"], "sector": article["sector"], "state": "pending"}
        shared |= {"simulated": made_by.simulated}
        writes: list[Insert | Update] = [
            Insert("image_prompt", shared | {"position": position, "role": role} | item.model_dump(mode="json"))
            for position, (role, item) in enumerate(wanted)
        ]
        values: dict[str, Any] = {"prompts_written": True}
        checklist = read_checklist(article["checklist"])
        if checklist is not None:
            alts = [item.alt for _, item in wanted]
            values["checklist"] = with_new_images(checklist, str(article["html"]), alts).to_json()
        writes.append(Update("content", int(article["id"]), values))
        return Outcome(tuple(writes), (int(article["id"]),), summary=f"{len(wanted)} image prompts")
