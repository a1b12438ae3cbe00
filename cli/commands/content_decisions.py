"""igny8 content approve, reject, schedule, unschedule, publish, archive"""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from cli.article_options import Chosen, article_options, decide
from cli.session import YEARS, Session
from reconciler.errors import UnreachableError, UsageError
from reconciler.wording import day_and_time

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.store.engine import Database


@click.command()
@article_options("review")
@click.pass_obj
def approve(session: Session, chosen: Chosen) -> None:
    """Approve articles in review; with auto_publish each takes the next free slot.

    An approval is of what the article says now, and names who gave it: an edit afterwards voids it. An article that is
    public and was edited stays public; approving it lets the edit go out.

    Examples:

      igny8 content approve 12 13
      igny8 content approve --site alpine-trails --older-than 2d --yes
    """
    from reconciler.operations.review import approve_article

    def act(installation: Installation, database: Database, number: int) -> str:
        slot, waits_for = approve_article(database, installation.clock, number, by=installation.actor)
        return (
            f"scheduled for {day_and_time(slot, installation.clock.now())} UTC"
            if slot
            else f"approved, waits for {waits_for}"
        )

    decide(session, chosen, "Approve", act)


@click.command()
@article_options("review")
@click.option("--reason", required=True, help="Why; kept with the article.")
@click.option("--requeue", is_flag=True, help="Let the next run write it again, which is charged as any call.")
@click.pass_obj
def reject(session: Session, chosen: Chosen, reason: str, requeue: bool) -> None:
    """Reject articles that are not public, with a reason. They are put away, or written again.

    Within publishing.auto_approval_hold this is the veto against the machine's approval.

    Examples:

      igny8 content reject 12 --reason "the prices are of last year" --requeue
      igny8 content reject --site alpine-trails --older-than 30d --reason "out of season" --yes
    """
    from reconciler.operations.review import reject_article

    def act(installation: Installation, database: Database, number: int) -> str:
        return reject_article(
            database, installation.clock, number, by=installation.actor, reason=reason, requeue=requeue
        )

    decide(session, chosen, "Reject", act)


@click.command()
@article_options("approved")
@click.option("--slot", metavar="TIME", help="When, on the site's clock: 2026-12-01T09:30; else the next free slot.")
@click.option("--force", is_flag=True, help="Also in a blackout, or on a day that is full.")
@click.pass_obj
def schedule(session: Session, chosen: Chosen, slot: str | None, force: bool) -> None:
    """Give approved articles a slot, or move a scheduled one to a time of your choice.

    Examples:

      igny8 content schedule 12
      igny8 content schedule 12 --slot 2026-12-01T09:30
    """
    from reconciler.operations.content import show_article
    from reconciler.operations.context import context_of, load_contexts
    from reconciler.operations.review import schedule_article

    if slot and len(chosen.filter.ids) != 1:
        raise UsageError("--slot is for one article", hint="name one number")

    def act(installation: Installation, database: Database, number: int) -> str:
        at = None
        if slot:
            with database.read() as connection:
                contexts = load_contexts(connection)
            site = context_of(contexts, str(show_article(database, number)["site"])).site
            at = _instant(slot, site.timezone)
        taken = schedule_article(database, installation.clock, number, by=installation.actor, at=at, force=force)
        return f"scheduled for {day_and_time(taken, installation.clock.now())} UTC"

    decide(session, chosen, "Schedule", act)


def _instant(text: str, timezone: str) -> datetime:
    """Return the minute that a person chose, on the site's clock if no offset says otherwise."""
    from datetime import UTC, date

    from reconciler.schedule.slots import local_instant

    hint = "write it as 2026-12-01T09:30, on the site's clock"
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is no time", hint=hint) from error
    with contextlib.suppress(ValueError):
        raise UsageError(f"{date.fromisoformat(text)} is a day without a time", hint=hint)
    if found.second or found.microsecond:
        raise UsageError(f"{text!r} is no whole minute", hint=hint)
    if found.year not in YEARS:
        raise UsageError(f"the year {found.year} is on no calendar", hint=hint)
    if found.tzinfo is not None:
        return found.astimezone(UTC)
    return local_instant(found.date(), f"{found:%H:%M}", zone=ZoneInfo(timezone))


@click.command()
@article_options("scheduled")
@click.option("--reason", default="", help="Why; kept with the article.")
@click.pass_obj
def unschedule(session: Session, chosen: Chosen, reason: str) -> None:
    """Take articles off the calendar. They stay approved, and no slot is given to them until a person does.

    Example: igny8 content unschedule 12 --reason "wait for the press release"
    """
    from reconciler.operations.review import unschedule_article

    def act(installation: Installation, database: Database, number: int) -> str:
        return unschedule_article(database, installation.clock, number, by=installation.actor, reason=reason)

    decide(session, chosen, "Take off the schedule", act)


@click.command()
@article_options("approved", "scheduled")
@click.option("--force", is_flag=True, help="Overwrite what a person changed at the site since our last write.")
@click.pass_obj
def publish(session: Session, chosen: Chosen, force: bool) -> None:
    """Publish approved, scheduled or failed articles now, or bring public ones up to date after an approved edit.

    Example: igny8 content publish 12
    """
    from reconciler.operations.publish_article import publish_article
    from reconciler.operations.review import check_publishable

    def act(installation: Installation, database: Database, number: int) -> str:
        check_publishable(database, installation.clock, number, by=installation.actor)
        end = publish_article(installation, database, number, force=force)
        if end.error:
            raise UnreachableError(end.error, hint=end.hint)
        for copy in end.copies:
            if copy.error:
                session.output.note(f"{number}: the copy at {copy.target} failed: {copy.error}")
        return f"{end.what}: {end.url}"

    decide(session, chosen, "Publish", act)


@click.command()
@article_options("draft", "review", "failed")
@click.option("--reason", default="", help="Why; kept with the article.")
@click.pass_obj
def archive(session: Session, chosen: Chosen, reason: str) -> None:
    """Put articles away that are not public. They are kept, listed by `content list --state archived`, and never go out.

    Example: igny8 content archive --state failed --older-than 90d --yes
    """
    from reconciler.operations.review import put_away_article

    def act(installation: Installation, database: Database, number: int) -> str:
        return put_away_article(database, installation.clock, number, by=installation.actor, reason=reason)

    decide(session, chosen, "Archive", act)


DECISIONS = (approve, reject, schedule, unschedule, publish, archive)
