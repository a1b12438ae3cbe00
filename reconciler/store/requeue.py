"""Takes unapproved items back, to be made anew from a stage. What was made stays in its row, marked as superseded.

Approved, scheduled and published articles, and all that they were made of, are never among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.plan.in_flight import Redoable
from reconciler.store.tables import cluster, content, idea, image, image_prompt, keyword, task

OPEN_ARTICLES = ("draft", "review")
_FRESH = {"attempts": 0, "error": "", "set_aside_at": None, "pinned_generation": None}
_IDS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """What goes back, by ids: keywords to be clustered again, clusters to be given ideas again, and what is superseded."""

    stage: str
    keywords: tuple[int, ...] = ()
    clusters: tuple[int, ...] = ()
    gone_clusters: tuple[int, ...] = ()
    ideas: tuple[int, ...] = ()
    tasks: tuple[int, ...] = ()
    articles: tuple[int, ...] = ()
    prompts: tuple[int, ...] = ()

    def calls(self, keywords_a_call: int) -> dict[str, int]:
        """Return how many AI calls make it anew, by stage, and how many articles go back."""
        clusters = len(self.clusters) + len(self.gone_clusters)
        counted = Redoable(len(self.keywords), clusters, len(self.articles), len(self.prompts))
        return counted.calls(self.stage, keywords_a_call)


def find_scope(connection: Connection, site: str, stage: str) -> Scope:
    """Return what a site would make anew from a stage."""
    find = _Finder(connection, site)
    if stage in ("images", "prompts"):
        articles = find.ids(content, content.c.state.in_(OPEN_ARTICLES), content.c.prompts_written)
        prompts = find.ids(image_prompt, image_prompt.c.content_id.in_(articles))
        if stage == "images":
            drawn = find.ids(image_prompt, image_prompt.c.content_id.in_(articles), image_prompt.c.state != "pending")
            touched = connection.scalars(
                sa.select(image_prompt.c.content_id).where(image_prompt.c.id.in_(drawn)).distinct()
            )  # fmt: skip
            return Scope(stage, articles=tuple(sorted(touched)), prompts=drawn)
        return Scope(stage, articles=articles, prompts=prompts)
    if stage == "content":
        return find.below(stage, find.ids(idea, idea.c.id.in_(ideas_of(content.c.state.in_(OPEN_ARTICLES)))))
    settled = ideas_of(content.c.state.not_in(OPEN_ARTICLES))
    unsettled = find.ids(idea, idea.c.id.not_in(settled))
    if stage == "ideas":
        return find.below(stage, unsettled, clusters=find.clusters_of(unsettled))
    stays = sa.select(idea.c.cluster_id).where(idea.c.id.in_(settled))
    gone = find.ids(cluster, cluster.c.id.not_in(stays))
    in_gone = find.ids(idea, idea.c.cluster_id.in_(gone))
    rest = tuple(sorted(set(unsettled) - set(in_gone)))
    keywords = tuple(
        connection.scalars(sa.select(keyword.c.id).where(keyword.c.site == site, keyword.c.cluster_id.in_(gone)))
    )
    every = tuple(sorted({*in_gone, *rest}))
    return find.below(stage, every, clusters=find.clusters_of(rest), gone_clusters=gone, keywords=keywords)


def requeue(connection: Connection, site: str, stage: str, now: datetime) -> Scope:
    """Take a site's unapproved items back to a stage, in the caller's transaction; return what went back."""
    scope = find_scope(connection, site, stage)
    _take_back(connection, scope, now)
    return scope


def requeue_article(connection: Connection, site: str, content_id: int, now: datetime) -> None:
    """Take one article back, whatever its state, to be written again from its idea; the old one is marked as superseded."""
    find = _Finder(connection, site)
    task_id = sa.select(content.c.task_id).where(content.c.id == content_id).scalar_subquery()
    owner = sa.select(task.c.idea_id).where(task.c.id == task_id)
    _take_back(connection, find.below("content", find.ids(idea, idea.c.id.in_(owner))), now)


def _take_back(connection: Connection, scope: Scope, now: datetime) -> None:
    stage = scope.stage
    _retire_images(connection, scope.prompts)
    if stage == "images":
        _set(connection, image_prompt, scope.prompts, state="pending", **_FRESH)
        _set(connection, content, scope.articles, state="draft", waits_for="", pinned_generation=None)
        return
    # A position is unique in an article: the old prompts give theirs up.
    _set(connection, image_prompt, scope.prompts, superseded_at=now, position=-image_prompt.c.id)
    if stage == "prompts":
        _set(connection, content, scope.articles, state="draft", waits_for="", prompts_written=False, **_FRESH)
        return
    _set(connection, content, scope.articles, superseded_at=now, slug=content.c.slug + "~" + _text(content.c.id))
    _set(connection, task, scope.tasks, superseded_at=now)
    _set(connection, idea, scope.ideas, superseded_at=now)
    if stage == "content":
        _begin_again(connection, scope.ideas, now)
        return
    _set(connection, cluster, scope.clusters, state="new", **_FRESH)
    _set(connection, cluster, scope.gone_clusters, superseded_at=now)
    fresh = {key: value for key, value in _FRESH.items() if key != "pinned_generation"}
    _set(connection, keyword, scope.keywords, state="new", cluster_id=None, **fresh)


def _begin_again(connection: Connection, ideas: Sequence[int], now: datetime) -> None:
    """Give each idea a twin with a pending task: an idea has one task and a task one article, so that both are new."""
    for some in _portions(ideas):
        rows = connection.execute(sa.select(idea).where(idea.c.id.in_(some)).order_by(idea.c.id)).all()
        for row in rows:
            values = {key: value for key, value in row._asdict().items() if key != "id"}
            values |= {"superseded_at": None, "created_at": now, "state": "queued", **_FRESH}
            twin = connection.execute(idea.insert().values(**values).returning(idea.c.id)).scalar_one()
            connection.execute(
                task.insert().values(
                    site=row.site, sector=row.sector, idea_id=twin, state="pending", created_at=now
                )
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Finder:
    """Finds the ids of a site's items that nothing has superseded."""

    connection: Connection
    site: str

    def ids(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> tuple[int, ...]:
        live = (table.c.site == self.site, table.c.superseded_at.is_(None))
        return tuple(self.connection.scalars(sa.select(table.c.id).where(*live, *where).order_by(table.c.id)))

    def clusters_of(self, ideas: Sequence[int]) -> tuple[int, ...]:
        owners = sa.select(idea.c.cluster_id).where(idea.c.id.in_(ideas))
        return self.ids(cluster, cluster.c.id.in_(owners))

    def below(self, stage: str, ideas: tuple[int, ...], **above: tuple[int, ...]) -> Scope:
        """Return the scope of ideas with everything that was made of them."""
        tasks = self.ids(task, task.c.idea_id.in_(ideas))
        articles = self.ids(content, content.c.task_id.in_(tasks))
        prompts = self.ids(image_prompt, image_prompt.c.content_id.in_(articles))
        return Scope(stage, ideas=ideas, tasks=tasks, articles=articles, prompts=prompts, **above)


def ideas_of(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the ideas that live articles of a condition were written for."""
    made = sa.select(task.c.idea_id).join(content, content.c.task_id == task.c.id)
    return made.where(condition, content.c.superseded_at.is_(None))


def _retire_images(connection: Connection, prompts: Sequence[int]) -> None:
    for some in _portions(prompts):
        where = (image.c.prompt_id.in_(some), image.c.is_current)
        connection.execute(image.update().where(*where).values(is_current=False))


def _set(connection: Connection, table: sa.Table, ids: Sequence[int], **values: Any) -> None:
    for some in _portions(ids):
        connection.execute(table.update().where(table.c.id.in_(some)).values(**values))


def _text(column: sa.ColumnElement[int]) -> sa.ColumnElement[str]:
    return sa.cast(column, sa.Text)


def _portions(ids: Sequence[int]) -> Iterable[Sequence[int]]:
    return (ids[start : start + _IDS_A_QUERY] for start in range(0, len(ids), _IDS_A_QUERY))
