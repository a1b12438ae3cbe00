"""Work items: what is pending, what a stage reads, and carrying out what it answered."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from reconciler.pipeline.duplicates import Near
from reconciler.pipeline.port import Alias, Insert, Remove, Row, Update, Write
from reconciler.store.engine import Database
from reconciler.store.known_texts import SiteTexts
from reconciler.store.statements import find_rows, insert_and_tell, insert_rows, later, run, updating
from reconciler.store.tables import ITEMS, KEPT, content, idea, image, image_prompt, publication, task

FAILURES_MAX = 3


@dataclass(frozen=True, slots=True)
class SiteItems:
    """Reads the items of one site on one connection."""

    connection: Connection
    site: str

    def find(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return the items with these column values, oldest first; limit 0 = all. Superseded ones are history."""
        statement = _find(KEPT[kind], tuple((name, value is None) for name, value in where.items()), bool(limit))
        given = {f"w_{name}": value for name, value in where.items() if value is not None}
        rows = self.connection.execute(statement, given | {"of_site": self.site, "how_many": limit})
        return [row._asdict() for row in rows.all()]

    def get(self, kind: str, item_id: int) -> Row:
        """Return one item; KeyError when there is none."""
        found = self.find(kind, {"id": item_id}, limit=1)
        if not found:
            raise KeyError(f"{self.site} has no {kind} {item_id}")
        return found[0]

    def select(self, kind: str, columns: Sequence[str], where: Row, *, newest: int = 0) -> Sequence[Row]:
        """Return some columns of the items with these column values, oldest first; the newest so many first if asked."""
        table = KEPT[kind]
        statement = sa.select(*(table.c[name] for name in columns))
        statement = statement.where(table.c.site == self.site, *_live(table), *_equal(table, where))
        ordered = statement.order_by(table.c.id.desc()).limit(newest) if newest else statement.order_by(table.c.id)
        return [row._asdict() for row in self.connection.execute(ordered)]

    def near(self, kind: str, column: str, text: str) -> Near | None:
        """Return the text of an item that this one repeats, or None; in which column, of those that never change."""
        return SiteTexts(self.connection, self.site, kind, column).near(text)

    def pending(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return the items that a stage takes: pending, not set aside, oldest first."""
        return self.find(kind, {**where, "set_aside_at": None}, limit=limit)

    def among(self, kind: str, ids: Sequence[int], where: Row) -> Sequence[Row]:
        """Return those of the items that have these column values, oldest first, set aside or not."""
        table = ITEMS[kind]
        statement = sa.select(table).where(table.c.id.in_(ids), table.c.site == self.site, *_live(table))
        rows = self.connection.execute(statement.where(*_equal(table, where)).order_by(table.c.id))
        return [row._asdict() for row in rows.all()]

    def pending_places(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return what `pending` returns, but only what groups the items into batches: id, sector and revision."""
        table = ITEMS[kind]
        columns = [table.c[name] for name in ("id", "sector", "pinned_generation") if name in table.c]
        statement = sa.select(*columns).where(table.c.site == self.site, *_live(table), *_equal(table, where))
        statement = statement.where(table.c.set_aside_at.is_(None)).order_by(table.c.id)
        rows = self.connection.execute(statement.limit(limit) if limit else statement)
        return [row._asdict() for row in rows.all()]


class ItemsWhenAsked:
    """Reads the items of one site, in a transaction that begins with the first question; most inputs ask none."""

    def __init__(self, database: Database, site: str) -> None:
        self._database, self._site = database, site
        self._open = contextlib.ExitStack()
        self._items: SiteItems | None = None

    def __enter__(self) -> ItemsWhenAsked:
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def _reader(self) -> SiteItems:
        if self._items is None:
            self._items = SiteItems(self._open.enter_context(self._database.read()), self._site)
        return self._items

    def find(self, kind: str, where: Row, *, limit: int = 0) -> Sequence[Row]:
        """Return what `SiteItems.find` returns."""
        return self._reader().find(kind, where, limit=limit)

    def get(self, kind: str, item_id: int) -> Row:
        """Return what `SiteItems.get` returns."""
        return self._reader().get(kind, item_id)

    def select(self, kind: str, columns: Sequence[str], where: Row, *, newest: int = 0) -> Sequence[Row]:
        """Return what `SiteItems.select` returns."""
        return self._reader().select(kind, columns, where, newest=newest)

    def near(self, kind: str, column: str, text: str) -> Near | None:
        """Return what `SiteItems.near` returns."""
        return self._reader().near(kind, column, text)


@cache
def _find(table: sa.Table, where: tuple[tuple[str, bool], ...], is_limited: bool) -> sa.Select[Any]:
    """Return the statement for columns, each with whether it has to be empty."""
    equal = (table.c[name].is_(None) if empty else table.c[name] == bindparam(f"w_{name}") for name, empty in where)
    statement = sa.select(table).where(table.c.site == bindparam("of_site"), *_live(table), *equal)
    statement = statement.order_by(table.c.id)
    return statement.limit(bindparam("how_many")) if is_limited else statement


def _live(table: sa.Table) -> Iterable[sa.ColumnElement[bool]]:
    if "superseded_at" in table.c:
        yield table.c.superseded_at.is_(None)


def _equal(table: sa.Table, where: Row) -> Iterable[sa.ColumnElement[bool]]:
    for name, value in where.items():
        yield table.c[name].is_(None) if value is None else table.c[name] == value


def carry_out(
    connection: Connection, site: str, writes: Iterable[Write], now: datetime, *, pin: int | None = None
) -> None:
    """Carry out the writes of an outcome, in order. What is made of an item that stays on a generation stays on it too."""
    ids: dict[str, int] = {}
    # Rows of one kind that follow each other go in together.
    rows: list[dict[str, Any]] = []
    table = KEPT["content"]
    for write in writes:
        if rows and not (isinstance(write, Insert) and KEPT[write.kind] is table and not write.alias):
            insert_rows(connection, table, rows)
            rows = []
        table = KEPT[write.kind]
        if isinstance(write, Remove):
            connection.execute(table.delete().where(table.c.id == write.item_id, table.c.site == site))
            continue
        values = {name: ids[value.name] if isinstance(value, Alias) else value for name, value in write.values.items()}
        if isinstance(write, Update):
            later(connection, *updating(table, {"id": write.item_id, "site": site}, values))
            continue
        if pin is not None and "pinned_generation" in table.c:
            values["pinned_generation"] = pin
        row = {"site": site, "created_at": now, **values}
        if write.alias:
            ids[write.alias] = insert_and_tell(connection, table, row)
        elif rows and row.keys() != rows[0].keys():
            insert_rows(connection, table, rows)
            rows = [row]
        else:
            rows.append(row)
    if rows:
        insert_rows(connection, table, rows)


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
    rows = find_rows(connection, _ONE_CONTENT, {"of_content": content_id})
    return rows[0] if rows else None


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


_ONE_CONTENT = _content_select().where(content.c.id == bindparam("of_content"))


def sites_with_content(connection: Connection, state: str) -> set[str]:
    """Return the sites that have an article in a state."""
    return {str(row[0]) for row in run(connection, _SITES_WITH_CONTENT, {"of_state": state}).rows}


_SITES_WITH_CONTENT = (
    sa.select(content.c.site)
    .where(content.c.state == bindparam("of_state"), content.c.superseded_at.is_(None))
    .distinct()
)


def keyword_of(connection: Connection, content_id: int) -> str:
    """Return the search phrase that an article was written for."""
    statement = sa.select(idea.c.keyword).join(task, task.c.idea_id == idea.c.id)
    statement = statement.join(content, content.c.task_id == task.c.id).where(content.c.id == content_id)
    return str(connection.scalar(statement) or "")


def images_of(connection: Connection, content_id: int) -> list[Row]:
    """Return the current images of an article with their captions, the featured one first."""
    return find_rows(connection, _IMAGES, {"of_content": content_id})


_IMAGES = (
    sa.select(image, image_prompt.c.role, image_prompt.c.caption, image_prompt.c.alt, image_prompt.c.after_heading)
    .join(image_prompt, image_prompt.c.id == image.c.prompt_id)
    .where(image.c.content_id == bindparam("of_content"), image.c.is_current)
    .order_by(image_prompt.c.position)
)
