"""Items in flight: where they sit, which revision they stay on, and the drains that sites are under."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import canonical_json, text_digest
from reconciler.store.statements import run
from reconciler.store.tables import (
    cluster,
    content,
    idea,
    image,
    image_prompt,
    keyword,
    pinned_part,
    pinned_revision,
    site_drain,
    task,
)

_SITES_A_QUERY = 500
# The items that were begun and are not complete, by what their next stage takes.
_BEGUN: dict[str, tuple[sa.Table, sa.ColumnElement[bool]]] = {
    "clusters": (cluster, cluster.c.state == "new"),
    "ideas": (idea, idea.c.state == "new"),
    "tasks": (task, task.c.state == "pending"),
    "content": (content, sa.and_(content.c.state == "draft", sa.not_(content.c.prompts_written))),
    "prompts": (image_prompt, image_prompt.c.state == "pending"),
}
_PINNED = (cluster, idea, task, content, image_prompt)


def count_in_flight(connection: Connection, sites: Collection[str]) -> dict[str, dict[str, int]]:
    """Return how many items sit where at these sites; those set aside after failures sit nowhere."""
    counts: dict[str, dict[str, int]] = {}
    for some in _portions(sites):
        for site, position, number in connection.execute(_positions(some)):
            counts.setdefault(site, {})[position] = int(number)
    return counts


def _positions(sites: Collection[str]) -> sa.CompoundSelect[Any]:
    unfinished = sa.select(content.c.id).where(content.c.state == "draft", content.c.superseded_at.is_(None))
    places = [
        ("keywords", keyword, sa.and_(keyword.c.state == "new", keyword.c.archived_at.is_(None))),
        *((name, table, sa.and_(is_waiting, table.c.superseded_at.is_(None))) for name, (table, is_waiting) in _BEGUN.items()),
        ("images", image, sa.and_(image.c.is_current, image.c.content_id.in_(unfinished))),
        ("review", content, sa.and_(content.c.state == "review", content.c.superseded_at.is_(None))),
    ]  # fmt: skip
    return sa.union_all(
        *(
            sa.select(table.c.site, sa.literal(name).label("position"), sa.func.count())
            .where(table.c.site.in_(sites), table.c.set_aside_at.is_(None), condition)
            .group_by(table.c.site)
            for name, table, condition in places
        )
    )


def pin(connection: Connection, site: str, positions: Iterable[str], generation: int) -> int:
    """Let the items that sit at these positions stay on a generation, unless they stay on an older one; return how many."""
    pinned = 0
    for position in positions:
        table, is_waiting = _BEGUN[position]
        where = (table.c.site == site, is_waiting, table.c.superseded_at.is_(None), table.c.pinned_generation.is_(None))
        done = connection.execute(table.update().where(*where).values(pinned_generation=generation))
        pinned += int(done.rowcount)
    return pinned


def unpin(connection: Connection, site: str) -> None:
    """Let the site's unfinished items go on with what is declared now."""
    for table, is_waiting in _BEGUN.values():
        where = (table.c.site == site, is_waiting, table.c.pinned_generation.is_not(None))
        connection.execute(table.update().where(*where).values(pinned_generation=None))


def pin_of(connection: Connection, kind: str, item_id: int) -> int | None:
    """Return the generation that an item stays on, None when it follows what is declared."""
    table = next((table for table in _PINNED if table.name == kind), None)
    if table is None:
        return None
    found: int | None = run(connection, _pin_of(table), {"of_item": item_id}).scalar()
    return found


@cache
def _pin_of(table: sa.Table) -> sa.Select[Any]:
    return sa.select(table.c.pinned_generation).where(table.c.id == sa.bindparam("of_item"))


def save_revision(connection: Connection, site: str, generation: int, parts: Mapping[str, Any]) -> None:
    """Keep what a site made its items with at a generation; a part that is known is not stored again."""
    texts = {name: canonical_json(part) for name, part in parts.items()}
    digests = {name: text_digest(text) for name, text in texts.items()}
    known = set(
        connection.scalars(sa.select(pinned_part.c.digest).where(pinned_part.c.digest.in_(digests.values())))
    )  # fmt: skip
    new = {digests[name]: text for name, text in texts.items() if digests[name] not in known}
    if new:
        connection.execute(pinned_part.insert(), [{"digest": key, "spec": text} for key, text in new.items()])
    is_there = (pinned_revision.c.site == site, pinned_revision.c.generation == generation)
    if connection.execute(sa.select(pinned_revision.c.site).where(*is_there)).first() is None:
        connection.execute(
            pinned_revision.insert().values(site=site, generation=generation, parts=canonical_json(digests))
        )


def load_revision(connection: Connection, site: str, generation: int) -> dict[str, Any] | None:
    """Return what a site made its items with at a generation, part by part; None when it was not kept."""
    where = (pinned_revision.c.site == site, pinned_revision.c.generation == generation)
    row = connection.execute(sa.select(pinned_revision.c.parts).where(*where)).one_or_none()
    if row is None:
        return None
    digests: dict[str, str] = json.loads(row.parts)
    found = connection.execute(sa.select(pinned_part).where(pinned_part.c.digest.in_(set(digests.values()))))
    specs = {part.digest: part.spec for part in found}
    return {name: json.loads(specs[key]) for name, key in digests.items()}


def forget_revisions(connection: Connection) -> int:
    """Remove the revisions that no unfinished item stays on any more; return how many."""
    if connection.execute(sa.select(pinned_revision.c.site).limit(1)).first() is None:
        return 0
    unused = [
        ~sa.exists().where(
            table.c.site == pinned_revision.c.site, table.c.pinned_generation == pinned_revision.c.generation,
            is_waiting, table.c.superseded_at.is_(None),
        )
        for table, is_waiting in _BEGUN.values()
    ]  # fmt: skip
    done = connection.execute(pinned_revision.delete().where(*unused))
    if done.rowcount:
        kept = (json.loads(text) for text in connection.scalars(sa.select(pinned_revision.c.parts)))
        used = {key for digests in kept for key in digests.values()}
        gone = [key for key in connection.scalars(sa.select(pinned_part.c.digest)) if key not in used]
        for some in _portions(gone):
            connection.execute(pinned_part.delete().where(pinned_part.c.digest.in_(some)))
    return int(done.rowcount)


def draining_sites(connection: Connection) -> dict[str, datetime]:
    """Return the sites that take nothing new in, and since when."""
    return {row.site: row.requested_at for row in connection.execute(sa.select(site_drain))}


def request_drain(connection: Connection, sites: Iterable[str], *, by: str, now: datetime) -> None:
    """Let sites take nothing new in until they are empty; asking again changes nothing."""
    known = draining_sites(connection)
    new = [{"site": site, "requested_at": now, "requested_by": by} for site in sites if site not in known]
    if new:
        connection.execute(site_drain.insert(), new)


def end_drains(connection: Connection) -> None:
    """Let all sites take something new in again."""
    connection.execute(site_drain.delete())


def _portions(names: Collection[str]) -> Iterator[list[str]]:
    ordered = sorted(names)
    for start in range(0, len(ordered), _SITES_A_QUERY):
        yield ordered[start : start + _SITES_A_QUERY]
