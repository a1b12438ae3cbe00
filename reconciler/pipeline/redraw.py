"""Drawing one image of an article anew: the same prompt, with a person's wish added to it if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reconciler.kinds.extensions import ModelChoice, StageDeclaration
from reconciler.kinds.site import StageSettings
from reconciler.pipeline.port import ImageStage, ItemReader, MadeBy, Outcome, Picture, Row, SiteContext, Update
from reconciler.pipeline.stages.images import Images, drawn_image


class Redraw(ImageStage):
    """An image to another one of the same place. The old one stays in the history; no article changes its state."""

    declaration: StageDeclaration = Images.declaration
    item_kind = "image"
    pending: Row = {}

    def __init__(self, asked: str) -> None:
        self._asked = asked

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        return Images().inputs(context, [{**items[0], "prompt": self._asked}], reader)

    def read_picture(
        self, context: SiteContext, item: Row, picture: Picture, reader: ItemReader, made_by: MadeBy
    ) -> Outcome:
        drawn = drawn_image(item["content_id"], item["prompt_id"], picture, made_by)
        others = reader.find("image", {"prompt_id": item["prompt_id"], "is_current": True})
        retired = tuple(Update("image", int(other["id"]), {"is_current": False}) for other in others)
        return Outcome((*retired, drawn), (int(item["id"]),), summary="1 image drawn anew")


def wish(original: str, added: str) -> str:
    """Return the prompt of an image with what a person adds to it."""
    return f"{original}. {added.strip()}" if added.strip() else original


def with_model(context: SiteContext, choice: ModelChoice | None) -> SiteContext:
    """Return a site's context whose images stage calls the Testing or the Live model; None leaves it as declared."""
    if choice is None:
        return context
    settings = context.site.stages.get("images") or StageSettings()
    stages = {**context.site.stages, "images": settings.model_copy(update={"model": choice})}
    return replace(context, site=context.site.model_copy(update={"stages": stages}))
