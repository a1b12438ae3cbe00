"""Publications: an article's slot, and whether it went out. A slot holds one article: a unique key says so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.pipeline.port import Row
from reconciler.store.tables import content, publication

_DUE_STATES = ("scheduled", "publishing")


def due_publications(connection: Connection, now: datetime, *, site: str | None = None) -> list[Row]:
    """Return what must go out by now, in the order of the slots; also what an interrupted worker began."""
    statement = sa.select(publication).where(
        publication.c.state.in_(_DUE_STATES), publication.c.slot_at <= now, publication.c.set_aside_at.is_(None)
    )
    if site is not None:
        statement = statement.where(publication.c.site == site)
    return [row._asdict() for row in connection.execute(statement.order_by(publication.c.slot_at, publication.c.id))]


def begin_publication(connection: Connection, publication_id: int) -> bool:
    """Write down the intent to publish; False when it went out meanwhile."""
    where = sa.and_(publication.c.id == publication_id, publication.c.state.in_(_DUE_STATES))
    return connection.execute(publication.update().where(where).values(state="publishing")).rowcount == 1


def complete_publication(connection: Connection, row: Row, *, remote_id: str, url: str, at: datetime) -> None:
    """Record that an article is public."""
    values = {"state": "published", "remote_id": remote_id, "url": url, "published_at": at, "error": ""}
    connection.execute(publication.update().where(publication.c.id == row["id"]).values(**values))
    connection.execute(
        content.update().where(content.c.id == row["content_id"]).values(state="published", waits_for="")
    )


def fail_publication(connection: Connection, row: Row, reason: str, *, final: bool) -> None:
    """Record a failed try; a final one leaves the article failed until a person looks at it."""
    values = {
        "attempts": publication.c.attempts + 1,
        "error": reason[:500],
        "state": "failed" if final else "scheduled",
    }
    connection.execute(publication.update().where(publication.c.id == row["id"]).values(**values))
    if final:
        connection.execute(
            content.update().where(content.c.id == row["content_id"]).values(state="failed", waits_for=reason[:500])
        )


def scheduled_articles(connection: Connection, site: str) -> list[tuple[Row, str]]:
    """Return a site's publications that wait for their slot, in the order of the slots, each with its title."""
    statement = (
        sa.select(publication, content.c.title.label("article_title"))
        .join(content, content.c.id == publication.c.content_id)
        .where(publication.c.site == site, publication.c.state == "scheduled")
        .order_by(publication.c.slot_at)
    )
    return [(row._asdict(), str(row.article_title)) for row in connection.execute(statement)]


def slots_held(connection: Connection, site: str) -> set[datetime]:
    """Return the slots of a site that any publication has, also one that went out or failed."""
    return set(connection.scalars(sa.select(publication.c.slot_at).where(publication.c.site == site)))


def move_publication(connection: Connection, content_id: int, to_at: datetime) -> None:
    """Give a scheduled article another slot."""
    where = sa.and_(publication.c.content_id == content_id, publication.c.state == "scheduled")
    connection.execute(publication.update().where(where).values(slot_at=to_at))


def unschedule(connection: Connection, content_id: int, waits_for: str) -> None:
    """Take a scheduled article's slot away; it waits as approved."""
    where = sa.and_(publication.c.content_id == content_id, publication.c.state == "scheduled")
    connection.execute(publication.delete().where(where))
    connection.execute(content.update().where(content.c.id == content_id).values(state="approved", waits_for=waits_for))


def list_calendar(
    connection: Connection, *, since: datetime, until: datetime, site: str | None = None
) -> list[Mapping[str, Any]]:
    """Return slots with their articles between two instants, in order."""
    statement = (
        sa.select(publication, content.c.title, content.c.slug)
        .join(content, content.c.id == publication.c.content_id)
        .where(publication.c.slot_at >= since, publication.c.slot_at <= until)
        .order_by(publication.c.slot_at, publication.c.site)
    )
    if site is not None:
        statement = statement.where(publication.c.site == site)
    return [row._asdict() for row in connection.execute(statement)]
