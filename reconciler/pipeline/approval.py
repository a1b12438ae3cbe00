"""Approving an article and giving it its slot: one step, whoever approves. An approval is of one content, by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from reconciler.clock import parse_duration_seconds
from reconciler.ids import derive_id, digest
from reconciler.pipeline.port import Insert, ItemReader, Row, SiteContext, Update
from reconciler.schedule.slots import next_free_slot

MACHINE = "stage 7"
Writes = tuple[Insert | Update, ...]
_TEXT = ("title", "slug", "excerpt", "meta_title", "meta_description", "tags", "markdown", "html")
_NAMED_MAX = 5
_IMAGE = ("role", "alt", "caption", "after_heading")


def content_hash(article: Row, images: Sequence[Row]) -> str:
    """Return the digest of what readers get of an article: its text and facts, and its images with their words."""
    shown = [[str(image["sha256"]), *(image[key] for key in _IMAGE)] for image in images]
    return digest([[article[key] for key in _TEXT], shown])


def hash_of(article: Row, reader: ItemReader) -> str:
    """Return the content hash of an article as it stands."""
    return content_hash(article, current_images(int(article["id"]), reader))


def current_images(content_id: int, reader: ItemReader) -> list[dict[str, Any]]:
    """Return the images of an article that readers get, with their words, in the order of its prompts."""
    prompts = {row["id"]: row for row in reader.find("image_prompt", {"content_id": content_id})}
    images = reader.find("image", {"content_id": content_id, "is_current": True})
    drawn = [(prompts[image["prompt_id"]], image) for image in images if image["prompt_id"] in prompts]
    drawn.sort(key=lambda pair: pair[0]["position"])
    return [{**image, **{key: prompt[key] for key in _IMAGE}} for prompt, image in drawn]


def approve(
    context: SiteContext, article: Row, *, of: str, by: str, now: datetime, taken: set[datetime]
) -> tuple[Writes, str]:  # fmt: skip
    """Return the writes that approve an article's content, `of` this hash, and what it waits for now.

    With auto_publish it takes the next free slot; `taken` are the slots that are not free, and gets the new one added.
    """
    approved = {"approved_by": by, "approved_at": now, "approved_hash": of, "veto_until": None, "unscheduled_at": None}
    waits_for = why_no_slot(context)
    if not waits_for:
        writes = take_slot(context, dict(article) | approved, now=now, taken=taken, values=approved)
        # Where no slot is left, it waits for one.
        return writes, next((str(write.values["waits_for"]) for write in writes if isinstance(write, Update)), "")
    values = approved | {"state": "approved", "waits_for": waits_for}
    return (Update("content", int(article["id"]), values),), waits_for


def hold_of(context: SiteContext) -> timedelta | None:
    """Return how long people may reject what the machine approves, None when its approval takes effect at once."""
    text = context.site.publishing.auto_approval_hold
    seconds = parse_duration_seconds(text) if text else 0
    return timedelta(seconds=seconds) if seconds else None


def hold_for_veto(article: Row, until: datetime) -> Update:
    """Return the write that lets the machine's approval wait, so that people can reject the article until then."""
    values = {
        "veto_until": until,
        "waits_for": f"its approval at {until:%Y-%m-%d %H:%M} UTC, unless somebody rejects it",
    }
    return Update("content", int(article["id"]), values)


def told_of_hold(articles: Sequence[Row], until: datetime) -> str:
    """Return what people are told whose veto counts: which articles, until when, and how."""
    named = ", ".join(f"{article['id']} “{article['title']}”" for article in articles[:_NAMED_MAX])
    more = f" and {len(articles) - _NAMED_MAX} more" if len(articles) > _NAMED_MAX else ""
    what = "1 article is" if len(articles) == 1 else f"{len(articles)} articles are"
    return (
        f"{what} approved at {until:%Y-%m-%d %H:%M} UTC unless somebody rejects {'it' if len(articles) == 1 else 'them'}"
        f" (igny8 content reject): {named}{more}"
    )


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
    """Return the writes that schedule an approved article into the next free slot, which is added to `taken`.

    None for an article that a person took off the schedule: a person puts it back.
    """
    if article["unscheduled_at"] is not None:
        return ()
    slot = next_free_slot(context.site.publishing, context.site.timezone, after=now, taken=taken)
    if slot is None:  # a blackout without end
        waits = {**(values or {}), "state": "approved", "waits_for": "a schedule with slots"}
        return (Update("content", int(article["id"]), waits),)
    taken.add(slot)
    return put_into(context, article, slot, values=values)


def put_into(context: SiteContext, article: Row, at: datetime, *, values: Row | None = None) -> Writes:
    """Return the writes that schedule an approved article for an instant that nobody has."""
    content_id = int(article["id"])
    publication = {
        "content_id": content_id,
        "slot_at": at,
        "key": derive_id("publication", context.site.name, article["slug"]),
        "state": "scheduled",
        "simulated": article["simulated"],
    }
    scheduled = {**(values or {}), "state": "scheduled", "waits_for": "", "unscheduled_at": None}
    return (Insert("publication", publication), Update("content", content_id, scheduled))


def taken_slots(reader: ItemReader) -> set[datetime]:
    """Return the slots of the site that hold an article already."""
    return {row["slot_at"] for row in reader.find("publication", {})}
