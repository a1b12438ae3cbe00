"""What a plan asks the database for of single sites and names, for all of them at once: snapshots are made of it.

Sets are subtracted by EXCEPT: PostgreSQL looks through a large NOT IN once for every row.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.plan.in_flight import REQUEUE_STAGES, Redoable
from reconciler.plan.snapshot import ScheduledArticle
from reconciler.store.renames import RENAMED_KINDS, left_in, tables_with
from reconciler.store.requeue import OPEN_ARTICLES, ideas_of
from reconciler.store.tables import (
    cluster,
    content,
    idea,
    image_prompt,
    keyword,
    publication,
    quarantine,
    resource,
    task,
    transfer,
)

Ids = sa.Select[tuple[int]]
Counted = dict[str, int]


def count_redoable(connection: Connection) -> dict[str, dict[str, Redoable]]:
    """Return, by stage and site, what would be made anew: as `find_scope` finds it of one site."""
    return {stage: _redoable(connection, stage) for stage in REQUEUE_STAGES}


def _redoable(connection: Connection, stage: str) -> dict[str, Redoable]:
    keywords: Counted = {}
    clusters: list[Counted] = []
    if stage in ("images", "prompts"):
        articles = _live(content, content.c.state.in_(OPEN_ARTICLES), content.c.prompts_written)
        of_articles = image_prompt.c.content_id.in_(articles)
        if stage == "images":
            prompts = _live(image_prompt, of_articles, image_prompt.c.state != "pending")
            touched = sa.select(image_prompt.c.content_id).where(image_prompt.c.id.in_(prompts))
            articles = sa.select(content.c.id).where(content.c.id.in_(touched))
        else:
            prompts = _live(image_prompt, of_articles)
    else:
        settled = ideas_of(content.c.state.not_in(OPEN_ARTICLES))
        if stage == "content":
            ideas = _live(idea, idea.c.id.in_(ideas_of(content.c.state.in_(OPEN_ARTICLES))))
        elif stage == "ideas":
            ideas = _part(sa.except_(_live(idea), settled))
            clusters = [_by_site(connection, cluster, _owners(ideas))]
        else:
            stays = sa.select(idea.c.cluster_id).where(idea.c.id.in_(settled))
            gone = _part(sa.except_(_live(cluster), stays))
            in_gone = _live(idea, idea.c.cluster_id.in_(gone))
            rest = _part(sa.except_(_part(sa.except_(_live(idea), settled)), in_gone))
            ideas = _part(sa.union(in_gone, rest))
            clusters = [_by_site(connection, cluster, _owners(rest)), _by_site(connection, cluster, gone)]
            in_clusters = sa.select(keyword.c.id).where(keyword.c.cluster_id.in_(gone))
            keywords = _by_site(connection, keyword, in_clusters)
        tasks = _live(task, task.c.idea_id.in_(ideas))
        articles = _live(content, content.c.task_id.in_(tasks))
        prompts = _live(image_prompt, image_prompt.c.content_id.in_(articles))
    found = (_by_site(connection, content, articles), _by_site(connection, image_prompt, prompts))
    sites = sorted({*keywords, *(site for some in (*clusters, *found) for site in some)})
    return {
        site: Redoable(
            keywords.get(site, 0), sum(some.get(site, 0) for some in clusters), *(some.get(site, 0) for some in found)
        )
        for site in sites
    }


def _live(table: sa.Table, *where: sa.ColumnElement[bool]) -> Ids:
    return _part(sa.select(table.c.id).where(table.c.superseded_at.is_(None), *where))


def _part(ids: sa.Select[Any] | sa.CompoundSelect[Any]) -> Ids:
    """Return the same ids as a part of its own: what stands inside of each other becomes too deep for SQLite."""
    found = ids.cte()
    return sa.select(found.c.id)


def _owners(ideas: Ids) -> Ids:
    return _live(cluster, cluster.c.id.in_(sa.select(idea.c.cluster_id).where(idea.c.id.in_(ideas))))


def _by_site(connection: Connection, table: sa.Table, ids: Ids) -> Counted:
    rows: Any = connection.execute(
        sa.select(table.c.site, sa.func.count()).where(table.c.id.in_(ids)).group_by(table.c.site)
    )
    return {str(site): int(number) for site, number in rows}


def all_remains(connection: Connection) -> dict[tuple[str, str], str]:
    """Return what resources that are there no more left behind, by kind and name: as `remains` finds it of one."""
    found: dict[tuple[str, str], str] = {}
    for kind in RENAMED_KINDS:
        there = sa.select(resource.c.name).where(resource.c.kind == kind)
        for table in tables_with(kind):
            column = table.c[kind]
            names = sa.select(column).where(column.is_not(None), column.not_in(there)).distinct()
            for name in connection.scalars(names):
                found.setdefault((kind, str(name)), left_in(table))
    return found


def all_quarantined(connection: Connection) -> dict[str, str]:
    """Return the reasons of what is in quarantine, by the digest of the config; of two the newer."""
    kept = sa.select(quarantine).where(quarantine.c.lifted_at.is_(None)).order_by(quarantine.c.id)
    return {
        row.config_digest: f"{row.reason} ({row.actor}, {row.at:%Y-%m-%d %H:%M} UTC)"
        for row in connection.execute(kept)
    }  # fmt: skip


def all_grants(connection: Connection) -> frozenset[str]:
    """Return the keys of all grants of accounts' configs that were posted."""
    return frozenset(connection.scalars(sa.select(transfer.c.key).where(transfer.c.key.like("grant:%"))))


def all_scheduled(connection: Connection) -> dict[str, tuple[ScheduledArticle, ...]]:
    """Return the articles of every site that wait for their slots, in the order of these."""
    waiting = (
        sa.select(publication.c.site, publication.c.content_id, content.c.title, publication.c.slot_at)
        .join(content, content.c.id == publication.c.content_id)
        .where(publication.c.state == "scheduled")
        .order_by(publication.c.site, publication.c.slot_at)
    )
    return _grouped(
        (row.site, ScheduledArticle(int(row.content_id), str(row.title), row.slot_at))
        for row in connection.execute(waiting)
    )  # fmt: skip


def all_slots_held(connection: Connection, since: datetime) -> dict[str, tuple[datetime, ...]]:
    """Return the slots of every site, from an instant on, that any article has."""
    held = sa.select(publication.c.site, publication.c.slot_at).where(publication.c.slot_at >= since)
    return _grouped((row.site, row.slot_at) for row in connection.execute(held.order_by(publication.c.site)))


def _grouped(pairs: Iterable[tuple[str, Any]]) -> dict[str, tuple[Any, ...]]:
    found: dict[str, list[Any]] = {}
    for site, item in pairs:
        found.setdefault(site, []).append(item)
    return {site: tuple(items) for site, items in found.items()}
