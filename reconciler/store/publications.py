"""Publications: an article's slot, and whether it went out. A slot holds one article: a unique key says so.

What is written of a publication is written alike of a copy at a further place: a row that has a `target_name` is one
(see `store/copies.py`). Only a publication decides the state of its article.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.pipeline.port import Row
from reconciler.publishers.port import Remote, RemoteState
from reconciler.store.statements import find_rows, later, run, updating
from reconciler.store.tables import content, publication, publication_copy

_DUE_STATES = ("scheduled", "publishing")
# What a copy can name as canonical: an article that is public at its site, at an address that we know.
IS_PUBLIC = (publication.c.state == "published", publication.c.url != "")
_IS_OF_PUBLIC = sa.exists().where(publication.c.content_id == publication_copy.c.content_id, *IS_PUBLIC)


def due_publications(connection: Connection, now: datetime, *, site: str | None = None) -> list[Row]:
    """Return what must go out by now, in the order of the slots; also what an interrupted worker began."""
    of_site = {} if site is None else {"of_site": site}
    return find_rows(connection, _due(bool(of_site)), {"of_now": now, **of_site})


@cache
def _due(is_of_site: bool) -> sa.Select[Any]:
    is_due = (_is_due(publication), publication.c.slot_at <= sa.bindparam("of_now"))
    statement = sa.select(publication).where(*is_due, publication.c.set_aside_at.is_(None))
    if is_of_site:
        statement = statement.where(publication.c.site == sa.bindparam("of_site"))
    return statement.order_by(publication.c.slot_at, publication.c.id)


def _is_due(table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.or_(*(table.c.state == state for state in _DUE_STATES))


def begin_publication(connection: Connection, row: Row) -> bool:
    """Write down the intent to publish; False when it went out or was moved meanwhile, or is a copy of what is not public."""
    table = _table_of(row)
    given = {"of_row": row["id"], "of_due": row["due_at" if table is publication_copy else "slot_at"]}
    return run(connection, _beginning(table), given).rowcount == 1


@cache
def _beginning(table: sa.Table) -> sa.Update:
    due_at = table.c.due_at if table is publication_copy else table.c.slot_at
    is_it = (table.c.id == sa.bindparam("of_row"), due_at == sa.bindparam("of_due"))
    statement = table.update().where(*is_it, _is_due(table)).values(state="publishing")
    return statement.where(_IS_OF_PUBLIC) if table is publication_copy else statement


def is_untried(row: Row) -> bool:
    """Tell whether nothing of an article was sent yet, as far as its publication says."""
    return row["state"] == "scheduled" and not (row["attempts"] or row["remote_id"] or row["error"])


def known_remote(row: Row, target: str) -> Remote | None:
    """Return what was recorded of a publication at this target, None when nothing was."""
    if not row["remote_id"] or row["target"] not in ("", target):
        return None
    state = cast(RemoteState, row["remote_state"] or "missing")
    return Remote(row["remote_id"], row["url"], state, row["remote_version"], row["remote_fingerprint"])


def record_remote(
    connection: Connection, row: Row, remote: Remote, *, target: str, sent_digest: str
) -> None:  # fmt: skip
    """Write down under which id an article stands at a site, and what of it was sent there."""
    _write(connection, row, _remote_values(remote) | {"target": target, "sent_digest": sent_digest})


def complete_publication(
    connection: Connection, row: Row, remote: Remote, *, at: datetime, target: str, sent_digest: str
) -> None:  # fmt: skip
    """Record that an article is public; what was public before keeps its time."""
    values = _remote_values(remote) | {"target": target, "sent_digest": sent_digest}
    values |= {"state": "published", "error": "", "attempts": 0, "next_attempt_at": None, "sync_finding": ""}
    _write(connection, row, values | {"published_at": row["published_at"] or at})
    _set_article(connection, row, "published")


def withdraw_publication(
    connection: Connection, row: Row, remote: Remote, waits_for: str, *, comes_back: bool = False
) -> None:  # fmt: skip
    """Record that an article was taken out of sight; it keeps its slot, its key and its place at the site.

    A copy that `comes_back` goes out again as soon as its article is public again.
    """
    values = _remote_values(remote) | {"state": "scheduled" if comes_back else "withdrawn", "sync_finding": ""}
    # What we wrote, not what was found: a person's change has to be seen when it is published again.
    values.pop("remote_fingerprint")
    _write(connection, row, values)
    _set_article(connection, row, "approved", waits_for)


def _table_of(row: Row) -> sa.Table:
    return publication_copy if row.get("target_name") else publication


def _write(connection: Connection, row: Row, values: Mapping[str, Any]) -> None:
    later(connection, *updating(_table_of(row), {"id": row["id"]}, values))


def _set_article(connection: Connection, row: Row, state: str, waits_for: str = "") -> None:
    """Give the article of a publication a state; a copy says nothing about its article."""
    if _table_of(row) is publication:
        values = {"state": state, "waits_for": waits_for[:500]}
        later(connection, *updating(content, {"id": row["content_id"]}, values))


def _remote_values(remote: Remote) -> dict[str, Any]:
    return {
        "remote_id": remote.remote_id,
        "url": remote.url,
        "remote_state": remote.state,
        "remote_version": remote.version,
        "remote_fingerprint": remote.fingerprint,
    }


def fail_publication(connection: Connection, row: Row, reason: str, *, again_at: datetime | None) -> None:
    """Record a failed attempt; one that is not made again leaves the article failed until a person looks at it."""
    table, state = _table_of(row), "failed" if again_at is None else "scheduled"
    values = {"error": reason[:500], "state": state, "next_attempt_at": again_at}
    counted = table.update().where(table.c.id == row["id"]).values(attempts=table.c.attempts + 1, **values)
    connection.execute(counted)
    if again_at is None:
        _set_article(connection, row, "failed", reason)


def postpone_publication(connection: Connection, row: Row, reason: str) -> None:
    """Put an article back that could not go out for no fault of its own; the attempt does not count."""
    table = _table_of(row)
    where = sa.and_(table.c.id == row["id"], table.c.state == "publishing")
    connection.execute(table.update().where(where).values(state="scheduled", error=reason[:500]))


def upcoming_publications(connection: Connection, *, after: datetime, until: datetime) -> list[Row]:
    """Return what goes out soon and was not tried in vain already, in the order of the slots."""
    where = sa.and_(publication.c.slot_at > after, publication.c.slot_at <= until)
    waits = sa.and_(publication.c.set_aside_at.is_(None), publication.c.next_attempt_at.is_(None))
    statement = sa.select(publication).where(publication.c.state == "scheduled", where, waits)
    return [row._asdict() for row in connection.execute(statement.order_by(publication.c.slot_at, publication.c.id))]


def postpone_until(connection: Connection, publication_id: int, reason: str, *, until: datetime) -> None:
    """Leave an article alone until an instant, with the reason; no attempt is counted."""
    where = sa.and_(publication.c.id == publication_id, publication.c.state == "scheduled")
    connection.execute(publication.update().where(where).values(next_attempt_at=until, error=reason[:500]))


def find_publication(connection: Connection, content_id: int) -> Row | None:
    """Return the publication of an article, None when it has no slot."""
    row = connection.execute(sa.select(publication).where(publication.c.content_id == content_id)).one_or_none()
    return None if row is None else row._asdict()


def publications_of(
    connection: Connection, site: str, states: Sequence[str], *, until: datetime | None = None
) -> list[Row]:  # fmt: skip
    """Return the publications of a site in these states, in the order of the slots."""
    statement = sa.select(publication).where(publication.c.site == site, publication.c.state.in_(states))
    if until is not None:
        statement = statement.where(publication.c.slot_at <= until)
    return [row._asdict() for row in connection.execute(statement.order_by(publication.c.slot_at, publication.c.id))]


def count_published(connection: Connection, *, since: datetime) -> dict[tuple[str, str], int]:
    """Return how many articles went out since an instant, by site and the name of the further place ("": its own)."""
    found: dict[tuple[str, str], int] = {}
    for table, name in ((publication, sa.literal("")), (publication_copy, publication_copy.c.target_name)):
        where = sa.and_(table.c.state == "published", table.c.published_at > since)
        counted = sa.select(table.c.site, name.label("name"), sa.func.count()).where(where).group_by(table.c.site, name)
        found |= {(str(site), str(place)): int(number) for site, place, number in connection.execute(counted)}
    return found


def reopen_publication(connection: Connection, row: Row, *, due_at: datetime) -> None:
    """Make an article due at an instant, whatever became of it before."""
    when = "slot_at" if _table_of(row) is publication else "due_at"
    values = {"state": "scheduled", when: due_at, "attempts": 0, "error": "", "next_attempt_at": None}
    _write(connection, row, values | {"set_aside_at": None})
    _set_article(connection, row, "scheduled")


def record_finding(connection: Connection, row: Row, *, remote_state: str, finding: str) -> None:
    """Record how an article was found at its site; "" is as we left it."""
    _write(connection, row, {"remote_state": remote_state, "sync_finding": finding})


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
    connection.execute(publication.update().where(where).values(slot_at=to_at, next_attempt_at=None))


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
