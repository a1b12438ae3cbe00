"""Changing the text of an article that is there: what it said is kept, and an approval that it had is void."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.pipeline.port import Insert, ItemReader, Remove, Row, Update, Write

# What is kept of an article before each change.
_KEPT = ("title", "excerpt", "meta_title", "meta_description", "markdown")
_APPROVED = ("approved", "scheduled")
_BY_MACHINE = "stage 7"


def revise(
    article: Row, values: Mapping[str, Any], reader: ItemReader, *, changed_by: str, change: str
) -> tuple[Write, ...]:
    """Return the writes that give an article these values.

    One that was approved goes back to review and gives its slot back: what was approved was another text. What stage 7
    approved it may approve again; what a person approved waits for a person. A published article stays published.
    """
    content_id = int(article["id"])
    number = len(reader.select("content_version", ("id",), {"content_id": content_id})) + 1
    before = {name: article[name] for name in _KEPT}
    kept = Insert(
        "content_version", {**before, "content_id": content_id, "number": number, "changed_by": changed_by, "change": change}
    )  # fmt: skip
    if article["state"] not in _APPROVED:
        return (kept, Update("content", content_id, values))
    waits_for = "" if article["approved_by"] == _BY_MACHINE else f"a person: {change} after it was approved"
    void = {"state": "review", "approved_by": None, "approved_at": None, "waits_for": waits_for}
    slots = reader.select("publication", ("id",), {"content_id": content_id, "state": "scheduled"})
    return (
        kept,
        *(Remove("publication", int(row["id"])) for row in slots),
        Update("content", content_id, {**values, **void}),
    )
