"""Work items: what is pending, what a stage reads, and carrying out what it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.kinds.site import Site
from reconciler.pipeline.port import Alias, Insert, Row, Update
from reconciler.store.engine import advisory_lock
from reconciler.store.tables import ITEMS, content, idea, image, image_prompt, keyword, publication, task

FAILURES_MAX = 3


@dataclass(frozen=True, slots=True)
class SiteItems:
    """Reads the items of one site on one connection."""

    connection: Connection
    site: str

    def find(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return the items with these column values, oldest first; limit 0 = all. Superseded ones are history."""
        table = ITEMS[kind]
        statement = sa.select(table).where(table.c.site == self.site, *_live(table), *_equal(table, where))
        statement = statement.order_by(table.c.id)
        rows = self.connection.execute(statement.limit(limit) if limit else statement)
        return [row._asdict() for row in rows.all()]

    def get(self, kind: str, item_id: int) -> Row:
        """Return one item; KeyError when there is none."""
        found = self.find(kind, {"id": item_id}, limit=1)
        if not found:
            raise KeyError(f"{self.site} has no {kind} {item_id}")
        return found[0]

    def pending(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return the items that a stage takes: pending, not set aside, oldest first."""
        return self.find(kind, {**where, "set_aside_at": None}, limit=limit)


def _live(table: sa.Table) -> Iterable[sa.ColumnElement[bool]]:
    if "superseded_at" in table.c:
        yield table.c.superseded_at.is_(None)


def _equal(table: sa.Table, where: Row) -> Iterable[sa.ColumnElement[bool]]:
    for name, value in where.items():
        yield table.c[name].is_(None) if value is None else table.c[name] == value


def carry_out(
    connection: Connection, site: str, writes: Iterable[Insert | Update], now: datetime, *, pin: int | None = None
) -> None:
    """Carry out the writes of an outcome, in order. What is made of an item that stays on a generation stays on it too."""
    ids: dict[str, int] = {}
    for write in writes:
        table = ITEMS[write.kind]
        values = {name: ids[value.name] if isinstance(value, Alias) else value for name, value in write.values.items()}
        if isinstance(write, Insert):
            if pin is not None and "pinned_generation" in table.c:
                values["pinned_generation"] = pin
            statement = table.insert().values(site=site, created_at=now, **values).returning(table.c.id)
            new_id = int(connection.execute(statement).scalar_one())
            if write.alias:
                ids[write.alias] = new_id
        else:
            where = sa.and_(table.c.id == write.item_id, table.c.site == site)
            connection.execute(table.update().where(where).values(**values))


def clear_failures(connection: Connection, kind: str, ids: Iterable[int]) -> None:
    """Forget the failures of items that are done."""
    table = ITEMS[kind]
    statement = table.update().where(table.c.id.in_(list(ids)), table.c.attempts > 0)
    connection.execute(statement.values(attempts=0, error=""))


def record_failure(connection: Connection, kind: str, item_id: int, reason: str, now: datetime) -> bool:
    """Count a failure of an item; True when it was its last and the item is set aside."""
    table = ITEMS[kind]
    row = connection.execute(
        table.update()
        .where(table.c.id == item_id)
        .values(attempts=table.c.attempts + 1, error=reason[:500])
        .returning(table.c.attempts)
    ).one()
    if row.attempts < FAILURES_MAX:
        return False
    connection.execute(table.update().where(table.c.id == item_id).values(set_aside_at=now))
    return True


def lock_site(connection: Connection, site: str) -> None:
    """Let nobody else begin a run of the site, or take its keywords in, until the transaction ends."""
    advisory_lock(connection, f"igny8-site:{site}")


def take_in_keywords(connection: Connection, site: Site, now: datetime) -> tuple[int, int]:
    """Make the site's keyword items follow its declaration; return how many are new and how many were archived.

    A keyword that is no longer declared is archived, never deleted; one that comes back is taken up again.
    """
    lock_site(connection, site.name)
    declared: dict[str, dict[str, Any]] = {}
    for sector in site.sectors:
        for entry in sector.keywords:
            term, volume, intent = (
                (entry, None, None) if isinstance(entry, str) else (entry.term, entry.volume, entry.intent)
            )  # fmt: skip
            declared.setdefault(term, {"sector": sector.name, "term": term, "volume": volume, "intent": intent})
    rows = connection.execute(sa.select(keyword).where(keyword.c.site == site.name)).all()
    known = {row.term: row for row in rows}
    new = [values for term, values in declared.items() if term not in known]
    if new:
        shared = {"site": site.name, "state": "new", "created_at": now}
        connection.execute(keyword.insert(), [values | shared for values in new])
    gone = [row.id for term, row in known.items() if term not in declared and row.archived_at is None]
    if gone:
        connection.execute(keyword.update().where(keyword.c.id.in_(gone)).values(archived_at=now))
    for term, values in declared.items():
        row = known.get(term)
        if row is not None and (row.archived_at or (row.sector, row.volume, row.intent) != _facts(values)):
            connection.execute(keyword.update().where(keyword.c.id == row.id).values(**values, archived_at=None))
    return len(new), len(gone)


def _facts(values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return values["sector"], values["volume"], values["intent"]


def count_states(connection: Connection, site: str) -> dict[str, dict[str, int]]:
    """Return how many items of each kind a site has in each state; the one count that every view shows."""
    counts: dict[str, dict[str, int]] = {}
    for kind, table in ITEMS.items():
        where = [table.c.site == site, *_live(table)]
        if kind == "keyword":
            where.append(table.c.archived_at.is_(None))
        rows = connection.execute(sa.select(table.c.state, sa.func.count()).where(*where).group_by(table.c.state))
        counts[kind] = {str(state): int(number) for state, number in rows}
    return counts


def count_set_aside(connection: Connection, site: str) -> int:
    """Return how many items of a site were set aside after repeated failures."""
    return sum(
        int(
            connection.scalar(
                sa.select(sa.func.count()).where(
                    table.c.site == site, table.c.set_aside_at.is_not(None), *_live(table)
                )
            )
            or 0
        )
        for table in ITEMS.values()
    )  # fmt: skip


def find_content(connection: Connection, content_id: int) -> Row | None:
    """Return one article with its slot, or None."""
    statement = _content_select().where(content.c.id == content_id)
    row = connection.execute(statement).one_or_none()
    return None if row is None else row._asdict()


def list_content(
    connection: Connection, *, sites: Sequence[str] | None, state: str | None, limit: int, offset: int = 0,
    written_before: datetime | None = None,
) -> tuple[list[Row], int]:  # fmt: skip
    """Return a page of articles with their slots, oldest first, and how many there are in all.

    Articles that were put away are those of the state `archived`, and of no other.
    """
    where: list[sa.ColumnElement[bool]] = [
        content.c.superseded_at.is_(None) if state != "archived" else content.c.archived_at.is_not(None)
    ]
    where += [content.c.site.in_(sites)] if sites is not None else []
    where += [content.c.state == state] if state and state != "archived" else []
    where += [content.c.created_at < written_before] if written_before is not None else []
    total = int(connection.scalar(sa.select(sa.func.count()).select_from(content).where(*where)) or 0)
    statement = _content_select().where(*where).order_by(content.c.id).limit(limit).offset(offset)
    return [row._asdict() for row in connection.execute(statement)], total


def _content_select() -> sa.Select[Any]:
    joined = content.outerjoin(publication, publication.c.content_id == content.c.id)
    columns = [publication.c.slot_at, publication.c.published_at, publication.c.url]
    return sa.select(content, *columns, publication.c.error.label("publish_error")).select_from(joined)


def keyword_of(connection: Connection, content_id: int) -> str:
    """Return the search phrase that an article was written for."""
    statement = sa.select(idea.c.keyword).join(task, task.c.idea_id == idea.c.id)
    statement = statement.join(content, content.c.task_id == task.c.id).where(content.c.id == content_id)
    return str(connection.scalar(statement) or "")


def images_of(connection: Connection, content_id: int) -> list[Row]:
    """Return the current images of an article with their captions, the featured one first."""
    statement = (
        sa.select(
            image, image_prompt.c.role, image_prompt.c.caption, image_prompt.c.alt, image_prompt.c.after_heading
        )
        .join(image_prompt, image_prompt.c.id == image.c.prompt_id)
        .where(image.c.content_id == content_id, image.c.is_current)
        .order_by(image_prompt.c.position)
    )  # fmt: skip
    return [row._asdict() for row in connection.execute(statement)]
