"""Stage 6: each pending image prompt is drawn; an article whose last owed image is done goes to review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.functions import GENERATE_IMAGES
from reconciler.pipeline.port import ImageStage, Insert, ItemReader, MadeBy, Outcome, Picture, Row, SiteContext, Update
from reconciler.pipeline.rendering import common_inputs


class Images(ImageStage):
    """Image prompts to images. Prompts are taken oldest first, so an article's featured image comes before its others."""

    declaration = StageDeclaration(
        "images",
        6,
        "Images",
        "prompts",
        "images",
        "writer",
        GENERATE_IMAGES,
        1,
        20,
        30,
        "testing",
        sentence="Generated {done}",
        noun="image",
    )
    item_kind = "image_prompt"
    pending: Row = {"state": "pending"}

    def inputs(self, context: SiteContext, items: Sequence[Row], reader: ItemReader) -> dict[str, Any]:
        item = items[0]
        return {
            **common_inputs(context, str(item["sector"])),
            "image": {key: item[key] for key in ("prompt", "role", "caption", "alt")},
            "image_style": context.site.ai.image_style,
        }

    def read_picture(
        self, context: SiteContext, item: Row, picture: Picture, reader: ItemReader, made_by: MadeBy
    ) -> Outcome:
        drawn = drawn_image(item["content_id"], item["id"], picture, made_by)
        writes = (drawn, Update("image_prompt", int(item["id"]), {"state": "done"}))
        return Outcome((*writes, *_to_review(item, reader)), (int(item["id"]),), summary="1 image")

    def give_up(self, item: Row, reader: ItemReader) -> tuple[Insert | Update, ...]:
        """Return the writes for a prompt that is set aside: its article waits for a person, not for an image."""
        return (Update("image_prompt", int(item["id"]), {"state": "error"}), *_to_review(item, reader, gave_up=True))


def drawn_image(content_id: int, prompt_id: int, picture: Picture, made_by: MadeBy) -> Insert:
    """Return the write of a new image for a place in an article."""
    values = {
        "content_id": content_id,
        "prompt_id": prompt_id,
        "state": "generated",
        "sha256": picture.sha256,
        "media_type": picture.media_type,
        "width": picture.width,
        "height": picture.height,
        "size_bytes": picture.size_bytes,
        "model": made_by.model,
        "prompt": made_by.prompt,
        "simulated": made_by.simulated,
    }
    return Insert("image", values)


def _to_review(item: Row, reader: ItemReader, *, gave_up: bool = False) -> tuple[Update, ...]:
    """Return the update that sends an article to review when no other image of it is owed any more."""
    others = [row for row in reader.find("image_prompt", {"content_id": item["content_id"]}) if row["id"] != item["id"]]
    if any(row["state"] == "pending" for row in others):
        return ()
    missing = sum(row["state"] == "error" for row in others) + gave_up
    waits_for = f"a person: {missing} of {len(others) + 1} images could not be made" if missing else ""
    return (Update("content", int(item["content_id"]), {"state": "review", "waits_for": waits_for}),)
