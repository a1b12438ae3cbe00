"""What people decide about articles: approve, reject, schedule, take off, put away; and what the machine decides in time.

Each decision is one transaction, and leaves a line that names who took it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import BlockedError, ConflictError, UsageError
from reconciler.operations.context import context_of, load_contexts
from reconciler.pipeline.approval import MACHINE, approve, hash_of, hold_of, put_into, taken_slots
from reconciler.pipeline.port import Row, SiteContext, Update
from reconciler.schedule.slots import next_free_slot, why_closed
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.requeue import requeue_article
from reconciler.store.review import (
    archive_article,
    articles_due,
    articles_held_for_veto,
    find_article,
    find_articles,
    give_slot_back,
    lock_article,
    publication_of,
    record_decision,
    set_slot,
)

_UNPUBLISHED = ("draft", "review", "approved", "scheduled", "failed")
_ON_ITS_WAY = "is on its way out at this moment"


@dataclass(frozen=True, slots=True)
class ArticleFilter:
    """Which articles: by number, or live ones by site, state, labels of the site, and age."""

    ids: tuple[int, ...] = ()
    site: str | None = None
    states: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    older_than_seconds: int | None = None

    @property
    def is_by_number(self) -> bool:
        """Tell whether it names articles and nothing else."""
        return bool(self.ids)


def choose_articles(database: Database, clock: Clock, wanted: ArticleFilter) -> tuple[Row, ...]:
    """Return what a filter selects, oldest first; UsageError for a number or site that is not there."""
    with database.read() as connection:
        contexts = load_contexts(connection)
        if wanted.is_by_number:
            found = {row["id"]: row for row in find_articles(connection)}
            # What is archived is told by the decision itself, with the reason.
            numbers = dict.fromkeys(wanted.ids)  # nothing is decided twice about one that was named twice
            return tuple(found.get(number) or _there(find_article(connection, number), number) for number in numbers)
        names: list[str] | None = None
        if wanted.site is not None:
            names = [context_of(contexts, wanted.site).site.name]
        if wanted.labels:
            carrying = [name for name, context in contexts.items() if carries(context.site.labels, wanted.labels)]
            names = [name for name in carrying if names is None or name in names]
        before = None
        if wanted.older_than_seconds is not None:
            before = clock.now() - timedelta(seconds=wanted.older_than_seconds)
        selected = find_articles(connection, sites=names, states=wanted.states, written_before=before)
        # What a site that was deleted has left is kept, and nothing can be decided about it.
        return tuple(row for row in selected if row["site"] in contexts)


def _there(row: Row | None, number: int) -> Row:
    if row is None:
        raise UsageError(f"there is no content {number}", hint="`igny8 content list` shows the numbers")
    return row


def carries(labels: Mapping[str, str], wanted: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a site's labels hold all of these."""
    return all(labels.get(key) == value for key, value in wanted)


def approve_article(database: Database, clock: Clock, content_id: int, *, by: str) -> tuple[datetime | None, str]:
    """Approve what an article says now; return its slot, or what it waits for.

    An article that is public and was edited stays public; its edit counts as approved. ConflictError in any other state.
    """
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        reader, now = SiteItems(connection, context.site.name), clock.now()
        approved_hash = hash_of(row, reader)
        if row["state"] == "published" and row["approved_hash"] != approved_hash:
            values = {"approved_by": by, "approved_at": now, "approved_hash": approved_hash, "waits_for": ""}
            carry_out(connection, context.site.name, [Update("content", content_id, values)], now)
            record_decision(connection, row, "approved", by=by, at=now, content_hash=approved_hash)
            return None, f"its update (igny8 content publish {content_id})"
        if row["state"] != "review":
            raise ConflictError(f"content {content_id} is {row['state']}, not in review")
        record_decision(connection, row, "approved", by=by, at=now, content_hash=approved_hash)
        if publication_of(connection, content_id) is not None:  # it was public, and has had its slot
            waits_for = f"a person to publish it again (igny8 content publish {content_id})"
            values = {"approved_by": by, "approved_at": now, "approved_hash": approved_hash, "waits_for": waits_for}
            carry_out(
                connection, context.site.name, [Update("content", content_id, values | {"state": "approved"})], now
            )
            return None, waits_for
        writes, waits_for = approve(context, row, of=approved_hash, by=by, now=now, taken=taken_slots(reader))
        carry_out(connection, context.site.name, writes, now)
        publication = publication_of(connection, content_id)
        return (publication["slot_at"] if publication else None), waits_for


def reject_article(
    database: Database, clock: Clock, content_id: int, *, by: str, reason: str, requeue: bool = False
) -> str:
    """Reject an article that is not public: it is put away, or with `requeue` its idea is written again by the next run.

    UsageError without a reason: whoever finds the article later asks for it.
    """
    if not reason.strip():
        raise UsageError("the reason is empty", hint="--reason 'the prices are of last year'")
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        now = clock.now()
        _check_state(row, _UNPUBLISHED, "rejected")
        _take_off(connection, row)
        rejected_hash = hash_of(row, SiteItems(connection, context.site.name))
        record_decision(connection, row, "rejected", by=by, at=now, reason=reason, content_hash=rejected_hash)
        if requeue:
            requeue_article(connection, context.site.name, content_id, now)
            return "rejected; the next run writes it again"
        archive_article(connection, content_id, now)
        return "rejected and put away"


def put_away_article(database: Database, clock: Clock, content_id: int, *, by: str, reason: str = "") -> str:
    """Archive an article that is not public: it is kept, and in nobody's way."""
    with database.write() as connection:
        row, _ = load_article(connection, content_id)
        _check_state(row, _UNPUBLISHED, "archived")
        _take_off(connection, row)
        record_decision(connection, row, "archived", by=by, at=clock.now(), reason=reason)
        archive_article(connection, content_id, clock.now())
    return "archived"


def schedule_article(
    database: Database, clock: Clock, content_id: int, *, by: str, at: datetime | None = None, force: bool = False
) -> datetime:
    """Give an approved article a slot: the next free one, or an instant that a person chose. Return it.

    A scheduled article moves to the chosen instant. BlockedError at a site without a publisher, and in a blackout or on
    a full day, unless forced; ConflictError when somebody else has the instant.
    """
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        _check_state(row, ("approved", "scheduled"), "scheduled")
        if not context.site.publisher:
            hint = "declare one and apply; `igny8 publishers list` shows the types"
            raise BlockedError(f"{context.site.name} has no publisher", hint=hint)
        now = clock.now()
        free = {**row, "unscheduled_at": None}
        if at is None:
            at = _put_into_next_slot(connection, context, free, now)
        else:
            if at <= now:
                raise UsageError(f"{at:%Y-%m-%d %H:%M} UTC has passed", hint="`igny8 content publish` publishes now")
            _put(connection, context, free, at, now, force=force)
        record_decision(connection, row, "scheduled", by=by, at=now, reason=f"{at:%Y-%m-%d %H:%M} UTC")
        return at


def check_publishable(database: Database, clock: Clock, content_id: int, *, by: str) -> None:
    """Write down that somebody publishes an article now. ConflictError when it is not what was approved."""
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        _check_state(row, ("approved", "scheduled", "failed", "published"), "published")
        found = hash_of(row, SiteItems(connection, context.site.name))
        if row["approved_hash"] and row["approved_hash"] != found:
            hint = f"igny8 content show {content_id}, then igny8 content approve {content_id}"
            raise ConflictError(f"content {content_id} is not what was approved", hint=hint)
        record_decision(connection, row, "published", by=by, at=clock.now(), content_hash=found)


def unschedule_article(database: Database, clock: Clock, content_id: int, *, by: str, reason: str = "") -> str:
    """Take a scheduled article off the calendar; it stays approved and waits for a person to schedule it."""
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        _check_state(row, ("scheduled",), "taken off the schedule")
        _take_off(connection, row)
        now = clock.now()
        values = {
            "state": "approved",
            "waits_for": f"a person to schedule it ({by} took it off)",
            "unscheduled_at": now,
        }
        carry_out(connection, context.site.name, [Update("content", content_id, values)], now)
        record_decision(connection, row, "unscheduled", by=by, at=now, reason=reason)
    return "approved, off the schedule"


def settle_reviews(database: Database, clock: Clock) -> tuple[int, int]:
    """Approve what nobody has rejected in time, and take back approvals of what is not there any more.

    Returns how many articles were approved, and how many that were to go out by now wait for a person instead.
    """
    now = clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        waiting = [int(row["id"]) for row in articles_held_for_veto(connection)]
        due = [int(row["id"]) for row in articles_due(connection, now) if row["approved_hash"]]
    approved = sum(_approve_in_time(database, contexts, number, now) for number in waiting)
    return approved, sum(_void_if_changed(database, contexts, number, now) for number in due)


def void_approval(connection: Connection, row: Row, reason: str, now: datetime) -> None:
    """Send an article back to review, where it waits for a person; what is public stays so, and waits for approval.

    ConflictError when it is on its way out at this moment.
    """
    if row["state"] == "draft":
        return
    values: dict[str, Any] = {"waits_for": f"a person: {reason}", "veto_until": None}
    if row["state"] != "published":
        _take_off(connection, row)
        gone = dict.fromkeys(("approved_by", "approved_at", "approved_hash", "unscheduled_at"))
        values |= {**gone, "state": "review"}
    carry_out(connection, str(row["site"]), [Update("content", int(row["id"]), values)], now)


def load_article(connection: Connection, content_id: int) -> tuple[Row, SiteContext]:
    """Return an article, locked, with the context of its site. UsageError when there is none, ConflictError when it is history."""
    row = _there(lock_article(connection, content_id), content_id)
    if row["superseded_at"] is not None:
        what = "was put away" if row["archived_at"] is not None else "was sent back to be written again"
        raise ConflictError(f"content {content_id} {what} on {row['superseded_at']:%Y-%m-%d}")
    return row, context_of(load_contexts(connection), str(row["site"]))


def _approve_in_time(database: Database, contexts: dict[str, SiteContext], content_id: int, now: datetime) -> bool:
    with database.write() as connection:
        row = lock_article(connection, content_id)
        context = contexts.get(str(row["site"])) if row else None
        if row is None or context is None or row["state"] != "review" or row["veto_until"] is None:
            return False
        if not (context.site.publishing.auto_approval and context.is_on("review")):
            # The machine approves nothing here any more: the article waits as any other does.
            values = {"veto_until": None, "waits_for": ""}
            carry_out(connection, context.site.name, [Update("content", content_id, values)], now)
            return False
        if hold_of(context) is not None and now < row["veto_until"]:
            return False
        reader = SiteItems(connection, context.site.name)
        approved_hash, taken = hash_of(row, reader), taken_slots(reader)
        writes, _ = approve(context, row, of=approved_hash, by=MACHINE, now=now, taken=taken)
        carry_out(connection, context.site.name, writes, now)
        return True


def _void_if_changed(database: Database, contexts: dict[str, SiteContext], content_id: int, now: datetime) -> bool:
    with database.write() as connection:
        row = lock_article(connection, content_id)
        if row is None or row["state"] != "scheduled" or row["site"] not in contexts:
            return False
        if hash_of(row, SiteItems(connection, str(row["site"]))) == row["approved_hash"]:
            return False
        if not give_slot_back(connection, content_id):
            return False
        reason = "it is not what was approved any more"
        void_approval(connection, row, reason, now)
        record_decision(connection, row, "voided", by="igny8", at=now, reason=reason)
        return True


def _check_state(row: Row, states: Sequence[str], done: str) -> None:
    if row["state"] not in states:
        hint = {
            "review": f"igny8 content approve {row['id']}",
            "draft": "it waits for its images",
            "published": f"igny8 unpublish {row['id']}",
            "failed": f"igny8 content publish {row['id']} tries it again",
        }.get(str(row["state"]), "")
        raise ConflictError(f"content {row['id']} is {row['state']} and cannot be {done}", hint=hint)


def _take_off(connection: Connection, row: Row) -> None:
    if not give_slot_back(connection, int(row["id"])):
        raise ConflictError(f"content {row['id']} {_ON_ITS_WAY}", hint="wait until it is public, or has failed")


def _put(connection: Connection, context: SiteContext, row: Row, at: datetime, now: datetime, *, force: bool) -> None:
    """Let an article go out at an instant, whether or not it has a slot now."""
    content_id, name = int(row["id"]), context.site.name
    publication = publication_of(connection, content_id)
    own = publication["slot_at"] if publication else None
    held = taken_slots(SiteItems(connection, name)) - {own}
    closed = why_closed(context.site.publishing, context.site.timezone, at=at, taken=held)
    if closed and not force:
        raise BlockedError(f"{name}: {closed}", hint="choose another day, or add --force")
    if at in held:
        raise ConflictError(f"{name} has an article at {at:%Y-%m-%d %H:%M} UTC already", hint="choose another time")
    if publication is None:
        carry_out(connection, name, put_into(context, row, at), now)
        return
    if not set_slot(connection, content_id, at):
        raise ConflictError(f"content {content_id} {_ON_ITS_WAY}")
    values = {"state": "scheduled", "waits_for": "", "unscheduled_at": None}
    carry_out(connection, name, [Update("content", content_id, values)], now)


def _put_into_next_slot(connection: Connection, context: SiteContext, row: Row, now: datetime) -> datetime:
    """Give an article the next free slot, also one that was public and has had its slot; return it."""
    content_id, site = int(row["id"]), context.site
    publication = publication_of(connection, content_id)
    if publication is not None and publication["state"] != "withdrawn":
        message = f"content {content_id} is scheduled for {publication['slot_at']:%Y-%m-%d %H:%M} UTC"
        raise ConflictError(message, hint="--slot TIME moves it")
    taken = taken_slots(SiteItems(connection, site.name))
    at = next_free_slot(site.publishing, site.timezone, after=now, taken=taken)
    if at is None:
        hint = "declare publishing.days and time_slots, end a blackout, or give --slot"
        raise ConflictError(f"the schedule of {site.name} has no free slot", hint=hint)
    _put(connection, context, row, at, now, force=False)
    return at
