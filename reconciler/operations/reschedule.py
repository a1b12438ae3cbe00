"""Moves scheduled articles when a site's days, slots or timezone change. Published ones never move."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reconciler.kinds.site import Site
from reconciler.plan.change import Change
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


def find_moves(connection: Connection, changes: Iterable[Change], now: datetime) -> tuple[CalendarMove, ...]:
    """Return the articles that the changes of a plan would move; they still stand under the names before it."""
    named = (replace(change, name=change.renamed_from or change.name) for change in changes)
    return tuple(move for change in named for move in _moves_of(connection, change, now))


def find_unpublished(connection: Connection, changes: Iterable[Change]) -> tuple[CalendarMove, ...]:
    """Return the scheduled articles of sites that the changes delete. They keep their slots: a site that comes back has them."""
    deleted = [change.name for change in changes if change.kind == "site" and change.action == "delete"]
    return tuple(
        CalendarMove(name, int(row["content_id"]), title, row["slot_at"], None)
        for name in deleted
        for row, title in scheduled_articles(connection, name)
    )


def reschedule(connection: Connection, changes: Iterable[Change], now: datetime) -> tuple[CalendarMove, ...]:
    """Move the articles, in the caller's transaction; what is renamed has its new name already."""
    moves = tuple(move for change in changes for move in _moves_of(connection, change, now))
    for move in moves:
        if move.to_at is None:
            unschedule(connection, move.content_id, "a schedule with slots")
        else:
            move_publication(connection, move.content_id, move.to_at)
    return moves


def _moves_of(connection: Connection, change: Change, now: datetime) -> Iterable[CalendarMove]:
    if change.kind != "site" or change.action != "update" or change.before is None or change.after is None:
        return
    if not any(field.path[0] in ("publishing", "timezone") for field in change.fields):
        return
    old, new = read_spec("site", change.before), read_spec("site", change.after)
    assert isinstance(old, Site)
    assert isinstance(new, Site)
    scheduled = scheduled_articles(connection, change.name)
    titles = {str(row["content_id"]): title for row, title in scheduled}
    moves = moved_slots(
        [(str(row["content_id"]), row["slot_at"]) for row, _ in scheduled],
        old=old.publishing, old_timezone=old.timezone, new=new.publishing, new_timezone=new.timezone, now=now,
        taken=slots_held(connection, change.name),
    )  # fmt: skip
    for move in moves:
        yield CalendarMove(change.name, int(move.content_id), titles[move.content_id], move.from_at, move.to_at)
