"""Articles as people look at them, and what they decide about them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.errors import UsageError
from reconciler.operations.context import load_contexts
from reconciler.operations.publishers import targets_of
from reconciler.operations.review import approve_article, carries
from reconciler.pipeline.acceptance import current_checklist
from reconciler.pipeline.approval import hash_of
from reconciler.pipeline.checklist import read_checklist
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.preview import PreviewImage, preview_page
from reconciler.store.copies import copies_of
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, find_content, images_of, keyword_of, list_content
from reconciler.store.media import picture_path
from reconciler.store.review import decisions_of

__all__ = ["ContentPage", "approve_article", "list_articles", "show_article"]


@dataclass(frozen=True, slots=True)
class ContentPage:
    """A page of articles, and how many there are in all."""

    articles: tuple[Row, ...]
    total: int


def list_articles(
    database: Database, *, site: str | None, state: str | None, limit: int, offset: int = 0,
    labels: Sequence[tuple[str, str]] = (), written_before: datetime | None = None,
) -> ContentPage:  # fmt: skip
    """Return a page of articles, oldest first; of sites that carry all labels, and written before an instant."""
    with database.read() as connection:
        contexts = load_contexts(connection)
        sites = [site] if site else None
        if labels:
            carrying = [name for name, context in contexts.items() if carries(context.site.labels, labels)]
            sites = [name for name in carrying if sites is None or name in sites]
        rows, total = list_content(
            connection, sites=sites, state=state, limit=limit, offset=offset, written_before=written_before
        )
    return ContentPage(tuple(dict(row) | _standing(row, contexts) for row in rows), total)


def show_article(database: Database, content_id: int) -> dict[str, Any]:
    """Return one article with its images, its checklist and the phrase that it was written for; UsageError if none."""
    with database.read() as connection:
        row = find_content(connection, content_id)
        if row is None:
            raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
        contexts = load_contexts(connection)
        context = contexts.get(str(row["site"]))
        checklist = read_checklist(row["checklist"])
        if checklist is None and context is not None:
            checklist = current_checklist(context, row, SiteItems(connection, context.site.name))
        return {
            **row,
            **_standing(row, contexts),
            "checklist": checklist.to_json() if checklist else None,
            "keyword": keyword_of(connection, content_id),
            "images": [dict(image) for image in images_of(connection, content_id)],
            "is_as_approved": _is_as_approved(connection, row),
            "copies": _copies(connection, content_id, context),
            "decisions": [dict(item) for item in decisions_of(connection, content_id)],
        }


def _copies(connection: Connection, content_id: int, context: SiteContext | None) -> list[dict[str, Any]]:
    """Return the article's copies, with whether their places are still declared."""
    declared = {target.name for target in targets_of(context.site)} if context else set()
    return [dict(copy) | {"is_declared": copy["target_name"] in declared} for copy in copies_of(connection, content_id)]


def preview(database: Database, content_id: int, media: Path, *, embedded: bool) -> str:
    """Return an article as one page of HTML; its images are embedded in it, or are links to their files."""
    with database.read() as connection:
        row = find_content(connection, content_id)
        if row is None:
            raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
        images = images_of(connection, content_id)
        context = load_contexts(connection).get(str(row["site"]))
    site = context.site if context else None
    shown = [
        PreviewImage(
            _source(picture_path(media, image["sha256"], image["media_type"]), image["media_type"], embedded=embedded),
            image["role"], image["alt"], image["caption"], image["after_heading"],
        )
        for image in images
    ]  # fmt: skip
    name = (site.display_name or site.name) if site else str(row["site"])
    return preview_page(row, shown, site=name, language=site.language if site else "en")


def _source(path: Path, media_type: str, *, embedded: bool) -> str:
    if not embedded or not path.exists():
        return path.absolute().as_uri()
    return f"data:{media_type};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _is_as_approved(connection: Connection, row: Row) -> bool | None:
    """Tell whether an article is what was approved; None where nothing was."""
    if not row["approved_hash"]:
        return None
    return bool(row["approved_hash"] == hash_of(row, SiteItems(connection, str(row["site"]))))


def _standing(row: Row, contexts: dict[str, Any]) -> dict[str, str]:
    """Return an article's state and what it waits for; one that is history waits for nothing."""
    if row["superseded_at"] is not None:
        return {"state": "archived" if row["archived_at"] is not None else "replaced", "waits_for": ""}
    return {"state": str(row["state"]), "waits_for": _waits_for(row, contexts)}


def _waits_for(row: Row, contexts: dict[str, Any]) -> str:
    """Return what an article in review waits for; the schedule's answer for others stands in the row."""
    context = contexts.get(str(row["site"]))
    if row["state"] != "review" or row["waits_for"] or context is None:
        return str(row["waits_for"])
    if not context.site.publishing.auto_approval:
        return "a person to approve it (auto_approval is off)"
    return "" if context.is_on("review") else "a person to approve it (the review stage is off)"
