"""Changing the text of an article that is there: what it said is kept, and an approval that it had is void."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.pipeline.approval import MACHINE
from reconciler.pipeline.port import Insert, ItemReader, Remove, Row, Update, Write

# What is kept of an article before each change.
_KEPT = ("title", "excerpt", "meta_title", "meta_description", "markdown")
_APPROVED = ("approved", "scheduled")


def keep_version(article: Row, reader: ItemReader, *, changed_by: str, change: str) -> Insert:
    """Return the write that keeps what an article says now, before it is changed."""
    number = len(reader.select("content_version", ("id",), {"content_id": article["id"]})) + 1
    before = {name: article[name] for name in _KEPT}
    values = {**before, "content_id": article["id"], "number": number, "changed_by": changed_by, "change": change}
    return Insert("content_version", values)


def revise(
    article: Row, values: Mapping[str, Any], reader: ItemReader, *, changed_by: str, change: str
) -> tuple[Write, ...]:
    """Return the writes that give an article these values.

    One that was approved goes back to review and gives its slot back: what was approved was another text. What stage 7
    approved it may approve again; what a person approved waits for a person. A published article stays published.
    """
    content_id = int(article["id"])
    kept = keep_version(article, reader, changed_by=changed_by, change=change)
    if article["state"] not in _APPROVED:
        return (kept, Update("content", content_id, values))
    waits_for = "" if article["approved_by"] == MACHINE else f"a person: {change} after it was approved"
    gone = dict.fromkeys(("approved_by", "approved_at", "approved_hash", "veto_until", "unscheduled_at"))
    void = {**gone, "state": "review", "waits_for": waits_for}
    slots = reader.select("publication", ("id",), {"content_id": content_id, "state": "scheduled"})
    return (
        kept,
        *(Remove("publication", int(row["id"])) for row in slots),
        Update("content", content_id, {**values, **void}),
    )
