"""Approving an article and giving it its slot: one step, whoever approves."""

from __future__ import annotations

from datetime import datetime

from reconciler.ids import derive_id
from reconciler.pipeline.port import Insert, ItemReader, Row, SiteContext, Update
from reconciler.schedule.slots import next_free_slot

Writes = tuple[Insert | Update, ...]


def approve(
    context: SiteContext, article: Row, *, by: str, now: datetime, taken: set[datetime]
) -> tuple[Writes, str]:  # fmt: skip
    """Return the writes that approve an article, and what it waits for now.

    With auto_publish it takes the next free slot; `taken` are the slots that are not free, and gets the new one added.
    """
    approved = {"approved_by": by, "approved_at": now}
    waits_for = why_no_slot(context)
    if not waits_for:
        return take_slot(context, article, now=now, taken=taken, values=approved), ""
    values = approved | {"state": "approved", "waits_for": waits_for}
    return (Update("content", int(article["id"]), values),), waits_for


def why_no_slot(context: SiteContext) -> str:
    """Return what approved articles of a site wait for, "" when they take slots by themselves."""
    if not context.platform.modules.publishing:
        return "the module publishing"
    if not context.site.publishing.auto_publish:
        return "a person to schedule it (auto_publish is off)"
    if not context.site.publishing.days or not context.site.publishing.time_slots:
        return "a schedule with slots"
    return ""


def take_slot(
    context: SiteContext, article: Row, *, now: datetime, taken: set[datetime], values: Row | None = None
) -> Writes:
    """Return the writes that schedule an approved article into the next free slot, which is added to `taken`."""
    slot = next_free_slot(context.site.publishing, context.site.timezone, after=now, taken=taken)
    assert slot is not None, "the caller has asked why_no_slot"
    taken.add(slot)
    content_id = int(article["id"])
    publication = {
        "content_id": content_id,
        "slot_at": slot,
        "key": derive_id("publication", context.site.name, article["slug"]),
        "state": "scheduled",
        "simulated": article["simulated"],
    }
    scheduled = {**(values or {}), "state": "scheduled", "waits_for": ""}
    return (Insert("publication", publication), Update("content", content_id, scheduled))


def taken_slots(reader: ItemReader) -> set[datetime]:
    """Return the slots of the site that hold an article already."""
    return {row["slot_at"] for row in reader.find("publication", {})}
