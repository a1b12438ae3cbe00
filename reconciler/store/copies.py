"""Copies of articles at further places: which there are, and which are due. What becomes of one is in `publications.py`.

A row here is a row of `publication_copy` with what its article's publication says: `slot_at`, `canonical_url` (where it
stands), and `article_state`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.ids import derive_id
from reconciler.pipeline.port import Row
from reconciler.store.publications import IS_PUBLIC
from reconciler.store.tables import publication, publication_copy


def add_copies(connection: Connection, row: Row, due: Mapping[str, datetime], now: datetime) -> None:
    """Let an article's copies go out, by the names of their places; one that is there already stays as it is."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for name, due_at in due.items():
        values = {"site": row["site"], "state": "scheduled", "content_id": row["content_id"], "target_name": name}
        # From the article's key, which is its own for good: the same copy has the same key, whenever it is made.
        key = derive_id("copy", row["key"], name)
        statement = make(publication_copy).values(**values, key=key, due_at=due_at, created_at=now)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["content_id", "target_name"]))


def due_copies(connection: Connection, now: datetime, *, site: str | None = None) -> list[Row]:
    """Return the copies that must go out by now, in order; none of an article that is not public, or nobody knows where."""
    states = publication_copy.c.state.in_(("scheduled", "publishing"))
    statement = _copies().where(states, publication_copy.c.due_at <= now, *IS_PUBLIC)
    if site is not None:
        statement = statement.where(publication_copy.c.site == site)
    return _rows(connection, statement.order_by(publication_copy.c.due_at, publication_copy.c.id))


def find_copy(connection: Connection, content_id: int, name: str) -> Row | None:
    """Return the copy of an article at a place, or None."""
    return next((row for row in copies_of(connection, content_id) if row["target_name"] == name), None)


def copies_of(connection: Connection, content_id: int) -> list[Row]:
    """Return the copies of an article, by the names of their places."""
    statement = _copies().where(publication_copy.c.content_id == content_id)
    return _rows(connection, statement.order_by(publication_copy.c.target_name))


def copies_at(connection: Connection, site: str, name: str, states: Sequence[str]) -> list[Row]:
    """Return the copies of a site's articles at one place in these states, in the order in which they were due."""
    where = (publication_copy.c.site == site, publication_copy.c.target_name == name)
    statement = _copies().where(*where, publication_copy.c.state.in_(states))
    return _rows(connection, statement.order_by(publication_copy.c.due_at, publication_copy.c.id))


def hold_copy(connection: Connection, row: Row, reason: str) -> None:
    """Say why a copy that is due does not go out; no attempt is counted."""
    if row["error"] != reason:
        where = publication_copy.c.id == row["id"]
        connection.execute(publication_copy.update().where(where).values(error=reason))


def drop_waiting_copies(connection: Connection, site: str) -> None:
    """Forget the copies of a site that were to go out and were never begun."""
    where = (
        publication_copy.c.site == site,
        publication_copy.c.state == "scheduled",
        publication_copy.c.remote_id == "",
    )
    connection.execute(publication_copy.delete().where(*where))


def count_public(connection: Connection, site: str | None = None) -> dict[str, int]:
    """Return how many articles of each site, or of one, are public there."""
    counted = sa.select(publication.c.site, sa.func.count()).where(publication.c.state == "published")
    if site is not None:
        counted = counted.where(publication.c.site == site)
    return {str(site): int(number) for site, number in connection.execute(counted.group_by(publication.c.site))}


def count_copies(connection: Connection, site: str | None = None) -> dict[str, dict[str, int]]:
    """Return how many copies are public, by site, or of one, and by place."""
    columns = (publication_copy.c.site, publication_copy.c.target_name)
    counted = sa.select(*columns, sa.func.count()).where(publication_copy.c.state == "published").group_by(*columns)
    if site is not None:
        counted = counted.where(publication_copy.c.site == site)
    found: dict[str, dict[str, int]] = {}
    for owner, name, number in connection.execute(counted.order_by(*columns)):
        found.setdefault(str(owner), {})[str(name)] = int(number)
    return found


def _copies() -> sa.Select[tuple[object, ...]]:
    of_article = publication.c.content_id == publication_copy.c.content_id
    of_its = (
        publication.c.slot_at,
        publication.c.url.label("canonical_url"),
        publication.c.state.label("article_state"),
    )
    return sa.select(publication_copy, *of_its).join(publication, of_article)


def _rows(connection: Connection, statement: sa.Select[tuple[object, ...]]) -> list[Row]:
    return [row._asdict() for row in connection.execute(statement)]
