"""Keywords: what the config declares and what people imported, side by side.

A declared keyword follows its declaration: one that is no longer declared is archived, never deleted. An imported one is
nobody's but the database's: no apply archives or deletes it, and a declaration of the same phrase takes nothing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.kinds.site import Site
from reconciler.pipeline.port import Row
from reconciler.store.engine import advisory_lock
from reconciler.store.tables import content, idea, keyword, task


def lock_site(connection: Connection, site: str) -> None:
    """Let nobody else begin a run of the site, or take its keywords in, until the transaction ends."""
    advisory_lock(connection, f"igny8-site:{site}")


def declared_keywords(site: Site) -> dict[str, dict[str, Any]]:
    """Return what a site declares by phrase; the first sector that names it counts."""
    declared: dict[str, dict[str, Any]] = {}
    for sector in site.sectors:
        for entry in sector.keywords:
            term, volume, intent = (
                (entry, None, None) if isinstance(entry, str) else (entry.term, entry.volume, entry.intent)
            )  # fmt: skip
            declared.setdefault(term, {"sector": sector.name, "term": term, "volume": volume, "intent": intent})
    return declared


def take_in_keywords(connection: Connection, site: Site, now: datetime) -> tuple[int, int]:
    """Make the site's keyword items follow its declaration; return how many are new and how many were archived.

    A keyword that is no longer declared is archived, never deleted; one that comes back is taken up again.
    """
    lock_site(connection, site.name)
    declared = declared_keywords(site)
    rows = connection.execute(sa.select(keyword).where(keyword.c.site == site.name)).all()
    known = {row.term: row for row in rows}
    new = [values for term, values in declared.items() if term not in known]
    if new:
        shared = {"site": site.name, "state": "new", "created_at": now}
        connection.execute(keyword.insert(), [values | shared for values in new])
    gone = [
        row.id
        for term, row in known.items()
        if term not in declared and row.archived_at is None and row.imported_at is None
    ]
    if gone:
        connection.execute(keyword.update().where(keyword.c.id.in_(gone)).values(archived_at=now))
    for term, values in declared.items():
        row = known.get(term)
        if row is None:
            continue
        if row.imported_at is not None:
            # What an import has told is not forgotten because the config is silent about it.
            values = {name: getattr(row, name) if value is None else value for name, value in values.items()}
        if row.archived_at or (row.sector, row.volume, row.intent) != _facts(values):
            connection.execute(keyword.update().where(keyword.c.id == row.id).values(**values, archived_at=None))
    return len(new), len(gone)


def keywords_to_come(connection: Connection, site: Site) -> list[Row]:
    """Return the keywords that are declared and were not taken in yet, without ids."""
    known = known_terms(connection, site.name)
    return [{"id": 0, "attempts": 0, **row} for term, row in declared_keywords(site).items() if term not in known]


def _facts(values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
    return values["sector"], values["volume"], values["intent"]


def known_terms(connection: Connection, site: str) -> dict[str, bool]:
    """Return every phrase that a site has in the database, and whether it is archived."""
    rows = connection.execute(
        sa.select(keyword.c.term, keyword.c.archived_at).where(keyword.c.site == site).order_by(keyword.c.id)
    )
    return {row.term: row.archived_at is not None for row in rows}


def count_active(connection: Connection, sites: Iterable[str]) -> int:
    """Return how many keywords some sites have that are not archived."""
    where = (keyword.c.site.in_(list(sites)), keyword.c.archived_at.is_(None))
    return int(connection.scalar(sa.select(sa.func.count()).select_from(keyword).where(*where)) or 0)


def add_imported(
    connection: Connection, site: str, sector: str, keywords: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """Write imported keywords: new ones, and archived ones that come back."""
    archived = {term for term, is_archived in known_terms(connection, site).items() if is_archived}
    for values in (item for item in keywords if item["term"] in archived):
        where = (keyword.c.site == site, keyword.c.term == values["term"])
        told = {name: value for name, value in values.items() if value is not None}
        connection.execute(
            keyword.update().where(*where).values(**told, sector=sector, imported_at=now, archived_at=None)
        )  # fmt: skip
    shared = {"site": site, "sector": sector, "state": "new", "imported_at": now, "created_at": now}
    new = [{**item, **shared} for item in keywords if item["term"] not in archived]
    if new:
        connection.execute(keyword.insert(), new)


@dataclass(frozen=True, slots=True)
class KeywordFilter:
    """Which keywords are asked for; what is None does not matter."""

    site: str | None = None
    sector: str | None = None
    state: str | None = None
    source: str | None = None
    archived: bool = False
    containing: str | None = None


def list_keywords(
    connection: Connection, wanted: KeywordFilter, *, limit: int, offset: int = 0
) -> tuple[list[Row], int]:
    """Return a page of keywords, oldest first, and how many the filter has in all."""
    where: list[sa.ColumnElement[bool]] = [
        keyword.c.archived_at.is_not(None) if wanted.archived else keyword.c.archived_at.is_(None)
    ]
    for name in ("site", "sector", "state"):
        value = getattr(wanted, name)
        where += [keyword.c[name] == value] if value else []
    if wanted.source:
        is_imported = keyword.c.imported_at.is_not(None)
        where.append(is_imported if wanted.source == "imported" else sa.not_(is_imported))
    if wanted.containing:
        where.append(sa.func.lower(keyword.c.term).contains(wanted.containing.lower(), autoescape=True))
    total = int(connection.scalar(sa.select(sa.func.count()).select_from(keyword).where(*where)) or 0)
    rows = connection.execute(sa.select(keyword).where(*where).order_by(keyword.c.id).limit(limit).offset(offset))
    return [_shown(row._asdict()) for row in rows], total


def _shown(row: Row) -> Row:
    return {**row, "source": "imported" if row["imported_at"] else "declared"}


def phrases_and_titles(connection: Connection, site: str) -> tuple[Sequence[Row], Sequence[Row]]:
    """Return id and text of a site's active keywords, and of its articles and of the ideas that have none yet."""
    terms = sa.select(keyword.c.id, keyword.c.term.label("text")).where(
        keyword.c.site == site, keyword.c.archived_at.is_(None)
    )
    written = sa.select(content.c.id, content.c.title.label("text"), sa.literal("content").label("kind")).where(
        content.c.site == site, content.c.superseded_at.is_(None)
    )
    wanted = sa.select(idea.c.id, idea.c.title.label("text"), sa.literal("idea").label("kind")).where(
        idea.c.site == site, idea.c.superseded_at.is_(None), idea.c.id.not_in(_ideas_written(site))
    )
    keywords = [row._asdict() | {"kind": "keyword"} for row in connection.execute(terms.order_by(keyword.c.id))]
    titles = [row._asdict() for statement in (written, wanted) for row in connection.execute(statement.order_by("id"))]
    return keywords, titles


def _ideas_written(site: str) -> sa.Select[Any]:
    made = sa.select(task.c.idea_id).join(content, content.c.task_id == task.c.id)
    return made.where(content.c.site == site, content.c.superseded_at.is_(None))
