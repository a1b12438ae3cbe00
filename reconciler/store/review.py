"""What review needs of the database: articles by filter, decisions, slots that are given back, and images of the past."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.pipeline.port import Row
from reconciler.store.tables import content, content_decision, image, image_prompt, publication

_GIVES_BACK = ("scheduled", "failed")
# What a publication is that nobody has tried yet.
_WAITING: dict[str, Any] = {"attempts": 0, "error": "", "set_aside_at": None, "next_attempt_at": None}


def find_articles(
    connection: Connection, *, sites: Collection[str] | None = None, states: Collection[str] = (),
    written_before: datetime | None = None,
) -> list[Row]:  # fmt: skip
    """Return the ids, sites, states and titles of live articles that a filter selects, oldest first."""
    columns = (content.c.id, content.c.site, content.c.state, content.c.title, content.c.created_at)
    statement = sa.select(*columns).where(content.c.superseded_at.is_(None))
    if sites is not None:
        statement = statement.where(content.c.site.in_(list(sites)))
    if states:
        statement = statement.where(content.c.state.in_(list(states)))
    if written_before is not None:
        statement = statement.where(content.c.created_at < written_before)
    return [row._asdict() for row in connection.execute(statement.order_by(content.c.id))]


def articles_held_for_veto(connection: Connection) -> list[Row]:
    """Return the articles in review that the machine approves when their time has come, oldest first."""
    where = (content.c.state == "review", content.c.veto_until.is_not(None), content.c.superseded_at.is_(None))
    return [row._asdict() for row in connection.execute(sa.select(content).where(*where).order_by(content.c.id))]


def articles_due(connection: Connection, now: datetime) -> list[Row]:
    """Return the scheduled articles that go out by now."""
    statement = (
        sa.select(content)
        .join(publication, publication.c.content_id == content.c.id)
        .where(publication.c.state == "scheduled", publication.c.slot_at <= now)
        .order_by(publication.c.slot_at)
    )
    return [row._asdict() for row in connection.execute(statement)]


def find_article(connection: Connection, content_id: int) -> Row | None:
    """Return an article, also one that is history, or None."""
    row = connection.execute(sa.select(content).where(content.c.id == content_id)).one_or_none()
    return None if row is None else row._asdict()


def lock_article(connection: Connection, content_id: int) -> Row | None:
    """Return an article, or None; nobody else decides about it until the transaction ends."""
    row = connection.execute(sa.select(content).where(content.c.id == content_id).with_for_update()).one_or_none()
    return None if row is None else row._asdict()


def publication_of(connection: Connection, content_id: int) -> Row | None:
    """Return the publication of an article, or None."""
    row = connection.execute(sa.select(publication).where(publication.c.content_id == content_id)).one_or_none()
    return None if row is None else row._asdict()


def give_slot_back(connection: Connection, content_id: int) -> bool:
    """Take an article off the calendar; False when it is on its way out, or public.

    One that was public before is withdrawn again: the site knows it, and what is known of it there is kept.
    """
    where = (publication.c.content_id == content_id, publication.c.state.in_(_GIVES_BACK))
    row = publication_of(connection, content_id)
    if row is not None and row["published_at"] is not None:
        # What has no slot keeps an instant of its own that is none of the schedule's: when it was public first.
        at, taken = row["published_at"], _instants_of(connection, str(row["site"]))
        while at in taken:
            at += datetime.resolution
        connection.execute(publication.update().where(*where).values(_WAITING | {"slot_at": at, "state": "withdrawn"}))
    else:
        connection.execute(publication.delete().where(*where))
    left = publication_of(connection, content_id)
    return left is None or left["state"] == "withdrawn"


def _instants_of(connection: Connection, site: str) -> set[datetime]:
    return set(connection.scalars(sa.select(publication.c.slot_at).where(publication.c.site == site)))


def set_slot(connection: Connection, content_id: int, at: datetime) -> bool:
    """Let an article go out at an instant, tried anew if it failed; False when it is on its way out, or public."""
    where = (publication.c.content_id == content_id, publication.c.state.in_((*_GIVES_BACK, "withdrawn")))
    values = _WAITING | {"slot_at": at, "state": "scheduled"}
    return connection.execute(publication.update().where(*where).values(**values)).rowcount == 1


def record_decision(
    connection: Connection, article: Row, kind: str, *, by: str, at: datetime, reason: str = "", content_hash: str = ""
) -> None:
    """Write down what somebody decided about an article."""
    values = {"site": article["site"], "content_id": article["id"], "kind": kind, "decided_by": by, "at": at}
    connection.execute(content_decision.insert().values(**values, reason=reason[:2000], content_hash=content_hash))


def decisions_of(connection: Connection, content_id: int) -> list[Row]:
    """Return what was decided about an article, in order."""
    statement = sa.select(content_decision).where(content_decision.c.content_id == content_id)
    return [row._asdict() for row in connection.execute(statement.order_by(content_decision.c.id))]


def taken_slugs(connection: Connection, site: str, *, besides: int) -> set[str]:
    """Return the slugs of a site that other articles have, also such as are put away."""
    statement = sa.select(content.c.slug).where(content.c.site == site, content.c.id != besides)
    return set(connection.scalars(statement))


def archive_article(connection: Connection, content_id: int, now: datetime) -> None:
    """Put an article away for good: it keeps its text and history, and gives up its slug and its place in lists."""
    slug = content.c.slug + "~" + sa.cast(content.c.id, sa.Text)
    values = {"archived_at": now, "superseded_at": now, "slug": slug, "waits_for": "", "veto_until": None}
    connection.execute(content.update().where(content.c.id == content_id).values(**values))


def every_image_of(connection: Connection, content_id: int) -> list[Row]:
    """Return all images of an article, also those of the past, by the place in it and then by age."""
    statement = (
        sa.select(image, image_prompt.c.role, image_prompt.c.position, image_prompt.c.alt, image_prompt.c.caption)
        .join(image_prompt, image_prompt.c.id == image.c.prompt_id)
        .where(image.c.content_id == content_id, image_prompt.c.superseded_at.is_(None))
        .order_by(image_prompt.c.position, image.c.id)
    )
    return [row._asdict() for row in connection.execute(statement)]


def find_image(connection: Connection, image_id: int) -> Row | None:
    """Return an image with the prompt that it was drawn from as `asked`, and what else is known of its place, or None."""
    facts = ("role", "caption", "alt", "after_heading", "sector", "position")
    statement = sa.select(image, image_prompt.c.prompt.label("asked"), *(image_prompt.c[name] for name in facts))
    statement = statement.join(image_prompt, image_prompt.c.id == image.c.prompt_id).where(image.c.id == image_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else row._asdict()


def choose_image(connection: Connection, chosen: Row) -> None:
    """Let an image be the current one of its place; the others of the place stay as history."""
    place = image.c.prompt_id == chosen["prompt_id"]
    connection.execute(image.update().where(place, image.c.id != chosen["id"]).values(is_current=False))
    connection.execute(image.update().where(image.c.id == chosen["id"]).values(is_current=True))


def forget_image_failures(connection: Connection, ids: Iterable[int]) -> None:
    """Forget that images could not be drawn anew: they are there, and nothing waits for them."""
    values = {"attempts": 0, "error": "", "set_aside_at": None}
    connection.execute(image.update().where(image.c.id.in_(list(ids))).values(**values))
