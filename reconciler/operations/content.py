"""Articles as people look at them, and what they decide about them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import ConflictError, UsageError
from reconciler.operations.context import context_of, load_contexts
from reconciler.pipeline.approval import approve, taken_slots
from reconciler.pipeline.port import Row
from reconciler.store.engine import Database
from reconciler.store.items import SiteItems, carry_out, find_content, images_of, keyword_of, list_content


@dataclass(frozen=True, slots=True)
class ContentPage:
    """A page of articles, and how many there are in all."""

    articles: tuple[Row, ...]
    total: int


def list_articles(
    database: Database, *, site: str | None, state: str | None, limit: int, offset: int = 0
) -> ContentPage:
    """Return a page of articles, oldest first."""
    with database.read() as connection:
        rows, total = list_content(connection, site=site, state=state, limit=limit, offset=offset)
        contexts = load_contexts(connection)
    return ContentPage(tuple(dict(row) | {"waits_for": _waits_for(row, contexts)} for row in rows), total)


def show_article(database: Database, content_id: int) -> dict[str, Any]:
    """Return one article with its images and the phrase that it was written for; UsageError when there is none."""
    with database.read() as connection:
        row = find_content(connection, content_id)
        if row is None:
            raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
        contexts = load_contexts(connection)
        return {
            **row,
            "waits_for": _waits_for(row, contexts),
            "keyword": keyword_of(connection, content_id),
            "images": [dict(image) for image in images_of(connection, content_id)],
        }


def approve_article(database: Database, clock: Clock, content_id: int, *, by: str) -> tuple[datetime | None, str]:
    """Approve an article in review; return its slot, or what it waits for."""
    with database.write() as connection:
        row = find_content(connection, content_id)
        if row is None:
            raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
        if row["state"] != "review":
            raise ConflictError(f"content {content_id} is {row['state']}, not in review")
        context = context_of(load_contexts(connection), str(row["site"]))
        reader = SiteItems(connection, context.site.name)
        now = clock.now()
        writes, waits_for = approve(context, row, by=by, now=now, taken=taken_slots(reader))
        carry_out(connection, context.site.name, writes, now)
        after = find_content(connection, content_id)
        return (after["slot_at"] if after else None), waits_for


def _waits_for(row: Row, contexts: dict[str, Any]) -> str:
    """Return what an article in review waits for; the schedule's answer for others stands in the row."""
    context = contexts.get(str(row["site"]))
    if row["state"] != "review" or row["waits_for"] or context is None:
        return str(row["waits_for"])
    if not context.site.publishing.auto_approval:
        return "a person to approve it (auto_approval is off)"
    return "" if context.is_on("review") else "a person to approve it (the review stage is off)"
