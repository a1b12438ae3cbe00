"""Moves scheduled articles when a site's days, slots or timezone change. Published ones never move."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from reconciler.kinds.site import Site
from reconciler.plan.change import Change
from reconciler.plan.snapshot import ScheduledArticle
from reconciler.schedule.slots import moved_slots
from reconciler.store.engine import Connection
from reconciler.store.publications import move_publication, scheduled_articles, slots_held, unschedule
from reconciler.store.resources import read_spec


@dataclass(frozen=True, slots=True)
class CalendarMove:
    """An article that changes its slot; `to_at` is None where the new schedule has no slots: it waits as approved."""

    site: str
    content_id: int
    title: str
    from_at: datetime
    to_at: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "site": self.site,
            "content": self.content_id,
            "title": self.title,
            "from": self.from_at.isoformat(),
            "to": self.to_at.isoformat() if self.to_at else None,
        }


class Calendar(Protocol):
    """Which articles of a site wait for their slots, and which slots any has."""

    def scheduled(self, site: str) -> Sequence[ScheduledArticle]:
        """Return the articles that wait, in the order of their slots."""

    def slots_held(self, site: str) -> Collection[datetime]:
        """Return the slots that any article has, also one that went out or failed."""


def find_moves(calendar: Calendar, changes: Iterable[Change], now: datetime) -> tuple[CalendarMove, ...]:
    """Return the articles that the changes of a plan would move; they still stand under the names before it."""
    named = (replace(change, name=change.renamed_from or change.name) for change in changes)
    return tuple(move for change in named for move in _moves_of(calendar, change, now))


def find_unpublished(calendar: Calendar, changes: Iterable[Change]) -> tuple[CalendarMove, ...]:
    """Return the scheduled articles of sites that the changes delete. They keep their slots: a site that comes back has them."""
    deleted = [change.name for change in changes if change.kind == "site" and change.action == "delete"]
    return tuple(
        CalendarMove(name, article.content_id, article.title, article.slot_at, None)
        for name in deleted
        for article in calendar.scheduled(name)
    )


def reschedule(connection: Connection, changes: Iterable[Change], now: datetime) -> tuple[CalendarMove, ...]:
    """Move the articles, in the caller's transaction; what is renamed has its new name already."""
    calendar = StoredCalendar(connection)
    moves = tuple(move for change in changes for move in _moves_of(calendar, change, now))
    for move in moves:
        if move.to_at is None:
            unschedule(connection, move.content_id, "a schedule with slots")
        else:
            move_publication(connection, move.content_id, move.to_at)
    return moves


@dataclass(frozen=True, slots=True)
class StoredCalendar:
    """The calendar as the database has it, in the caller's transaction."""

    connection: Connection

    def scheduled(self, site: str) -> Sequence[ScheduledArticle]:
        """Return the articles that wait, in the order of their slots."""
        rows = scheduled_articles(self.connection, site)
        return [ScheduledArticle(int(row["content_id"]), title, row["slot_at"]) for row, title in rows]

    def slots_held(self, site: str) -> Collection[datetime]:
        """Return the slots that any article has, also one that went out or failed."""
        return slots_held(self.connection, site)


def _moves_of(calendar: Calendar, change: Change, now: datetime) -> Iterable[CalendarMove]:
    if change.kind != "site" or change.action != "update" or change.before is None or change.after is None:
        return
    if not any(field.path[0] in ("publishing", "timezone") for field in change.fields):
        return
    old, new = read_spec("site", change.before), read_spec("site", change.after)
    assert isinstance(old, Site)
    assert isinstance(new, Site)
    scheduled = calendar.scheduled(change.name)
    titles = {str(article.content_id): article.title for article in scheduled}
    moves = moved_slots(
        [(str(article.content_id), article.slot_at) for article in scheduled],
        old=old.publishing, old_timezone=old.timezone, new=new.publishing, new_timezone=new.timezone, now=now,
        taken=calendar.slots_held(change.name),
    )  # fmt: skip
    for move in moves:
        yield CalendarMove(change.name, int(move.content_id), titles[move.content_id], move.from_at, move.to_at)
