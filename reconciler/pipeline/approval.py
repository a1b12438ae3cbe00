"""Approving an article and giving it its slot: one step, whoever approves."""

from __future__ import annotations

from datetime import datetime

from reconciler.ids import derive_id
from reconciler.pipeline.port import Insert, ItemReader, Row, SiteContext, Update
from reconciler.schedule.slots import next_free_slot


def approve(
    context: SiteContext, article: Row, reader: ItemReader, *, by: str, now: datetime, taken: set[datetime]
) -> tuple[tuple[Insert | Update, ...], str]:
    """Return the writes that approve an article, and what it waits for now.

    With auto_publish it takes the next free slot; `taken` are the slots that are not free, and gets the new one added.
    """
    approved = {"approved_by": by, "approved_at": now, "waits_for": ""}
    content_id = int(article["id"])
    if not context.platform.modules.publishing:
        waits_for = "the module publishing"
    elif not context.site.publishing.auto_publish:
        waits_for = "a person to schedule it (auto_publish is off)"
    else:
        slot = next_free_slot(context.site.publishing, context.site.timezone, after=now, taken=taken)
        if slot is not None:
            taken.add(slot)
            return _scheduled(context, article, slot, approved), ""
        waits_for = "a schedule with slots"
    return (Update("content", content_id, approved | {"state": "approved", "waits_for": waits_for}),), waits_for


def taken_slots(reader: ItemReader) -> set[datetime]:
    """Return the slots of the site that hold an article already."""
    return {row["slot_at"] for row in reader.find("publication", {})}


def _scheduled(
    context: SiteContext, article: Row, slot: datetime, approved: Row
) -> tuple[Insert | Update, ...]:  # fmt: skip
    content_id = int(article["id"])
    publication = {
        "content_id": content_id,
        "slot_at": slot,
        "key": derive_id("publication", context.site.name, article["slug"]),
        "state": "scheduled",
        "simulated": article["simulated"],
    }
    return (Insert("publication", publication), Update("content", content_id, {**approved, "state": "scheduled"}))
