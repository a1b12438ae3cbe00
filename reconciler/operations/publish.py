"""Publishes what is due, in the order of the slots; then copies of what is public, at each further place by itself.

Killed at any line and run again, each article is public once at each place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import load_contexts
from reconciler.operations.indexnow import announce_pages
from reconciler.operations.publishers import PlaceMemories, Target, find_target, targets_of
from reconciler.operations.site_visit import RENEW_AFTER, SiteVisit, leave_site, take_site, visit_site
from reconciler.pipeline.approval import hash_of, take_slot, taken_slots, why_no_slot
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.publishing import is_late, next_attempt, next_visit, within_limit
from reconciler.publishers.port import Article, PublishFailure, Remote
from reconciler.store.copies import add_copies, copies_at, due_copies, hold_copy
from reconciler.store.departures import leaving_sites, stays
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out, find_content, sites_with_content
from reconciler.store.publications import (
    begin_publication,
    complete_publication,
    count_published,
    due_publications,
    fail_publication,
    postpone_publication,
    publications_of,
)
from reconciler.store.runs import notify
from reconciler.store.site_sync import PlaceRef, add_event, load_site_syncs, resume_site, stop_site
from reconciler.store.statements import together


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one due article; `again_at` is when a failed one is tried again, None when a person has to act.

    `target` is the further place of a copy, "" for the article itself; `slot_at` is when it was due.
    """

    site: str
    content_id: int
    title: str
    slot_at: datetime
    url: str
    error: str = ""
    hint: str = ""
    again_at: datetime | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class StoppedSite:
    """A place that nothing goes to for now. `is_new`: it was found so in this pass, and not in an earlier one."""

    site: str
    reason: str
    hint: str
    until: datetime
    is_new: bool = True
    target: str = ""


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What became of everything that was due, which sites somebody else is publishing, and which are stopped."""

    articles: tuple[Published, ...]
    busy_sites: tuple[str, ...]
    note: str = ""
    stopped: tuple[StoppedSite, ...] = ()
    waiting: int = 0

    @property
    def failed(self) -> int:
        """Return the number of articles that did not get out, and of sites that were found stopped."""
        return sum(bool(item.error) for item in self.articles) + sum(site.is_new for site in self.stopped)


@dataclass(slots=True)
class PublishPass:
    """What a pass over sites has found so far."""

    installation: Installation
    database: Database
    now: datetime
    should_stop: Callable[[], bool]
    memories: PlaceMemories | None = None
    articles: list[Published] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    stopped: list[StoppedSite] = field(default_factory=list)
    waiting: int = 0


def schedule_approved(database: Database, contexts: list[SiteContext], now: datetime) -> int:
    """Give slots to come to approved articles of sites that wait for none but a slot: the schedule has one again.

    One that was unpublished has had its slot, and waits for a person.
    """
    scheduled = 0
    for context in contexts:
        name = context.site.name
        if why_no_slot(context):
            continue
        with database.write() as connection:
            reader = SiteItems(connection, name)
            taken, placed = taken_slots(reader), {int(row["content_id"]) for row in reader.find("publication", {})}
            for article in reader.find("content", {"state": "approved"}):
                if int(article["id"]) not in placed:
                    carry_out(connection, name, take_slot(context, article, now=now, taken=taken), now)
                    scheduled += 1
    return scheduled


def publish_due(
    installation: Installation, database: Database, *, site: str | None = None,
    should_stop: Callable[[], bool] = lambda: False, retry: bool = False, catch_up_per_hour: int | None = None,
    memories: PlaceMemories | None = None,
) -> PublishReport:  # fmt: skip
    """Publish every article whose slot has come, a site after the other, in the order of the slots; then the due copies.

    What failed waits for its next attempt, unless `retry`. With `catch_up_per_hour` a place gets no more late articles
    than that in an hour. `memories` are of earlier passes of this process.
    """
    now = installation.clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        for leaving in leaving_sites(connection):
            contexts.pop(leaving, None)
        if any(not context.platform.modules.publishing for context in contexts.values()):
            return PublishReport((), (), "the module publishing is off")
        approved = sites_with_content(connection, "approved")
        due = _Due.read(connection, due_publications, now, site=site, per_hour=catch_up_per_hour)
    schedule_approved(database, [contexts[name] for name in sorted(approved & contexts.keys())], now)
    the_pass = PublishPass(installation, database, now, should_stop, memories)
    _publish_places(the_pass, contexts, due, retry=retry)
    # After the articles: a copy goes out in the pass in which its article did.
    if any(context.site.syndication for context in contexts.values()):
        with database.read() as connection:
            due = _Due.read(connection, due_copies, now, site=site, per_hour=catch_up_per_hour)
        _publish_places(the_pass, contexts, due, retry=retry)
    for name, context in contexts.items():
        if site in (None, name) and not should_stop():
            announce_pages(database, context.site, now)
    articles = sorted(the_pass.articles, key=lambda item: (item.slot_at, item.site))
    busy = tuple(dict.fromkeys(the_pass.busy))
    return PublishReport(tuple(articles), busy, "", tuple(the_pass.stopped), the_pass.waiting)


@dataclass(frozen=True, slots=True)
class _Due:
    """What is due, and how its places stand: what was found at each, and how many articles it got in the last hour.

    `lately` is empty where nothing is late, or late articles have no limit `per_hour`: then it does not count.
    """

    rows: list[Row]
    found: dict[PlaceRef, Row]
    lately: dict[PlaceRef, int]
    per_hour: int | None

    @classmethod
    def read(
        cls, connection: Connection, find_due: Callable[..., list[Row]], now: datetime, *, site: str | None,
        per_hour: int | None,
    ) -> _Due:  # fmt: skip
        rows = find_due(connection, now, site=site)
        found = load_site_syncs(connection) if rows else {}
        is_limited = per_hour is not None and any(is_late(_due_at(row), now) for row in rows)
        lately = count_published(connection, since=now - timedelta(hours=1)) if is_limited else {}
        return cls(rows, found, lately, per_hour)


def _publish_places(the_pass: PublishPass, contexts: dict[str, SiteContext], due: _Due, *, retry: bool) -> None:
    """Publish what is due, a place after the other; what is due at one that is not declared any more stays."""
    now, by_place = the_pass.now, dict[tuple[str, str], list[Row]]()
    for row in due.rows:
        by_place.setdefault((str(row["site"]), str(row.get("target_name", ""))), []).append(row)
    for (name, target_name), rows in by_place.items():
        if the_pass.should_stop():
            break
        context = contexts.get(name)
        target = find_target(context.site, target_name) if context is not None else None
        if context is None or target is None:
            continue
        stopped = due.found.get(target.ref)
        if stopped is not None and not retry and stopped["next_attempt_at"] and stopped["next_attempt_at"] > now:
            told = (name, stopped["reason"], stopped["hint"], stopped["next_attempt_at"])
            the_pass.stopped.append(StoppedSite(*told, is_new=False, target=target_name))
            continue
        ready = [row for row in rows if retry or row["next_attempt_at"] is None or row["next_attempt_at"] <= now]
        slots = [(_due_at(row), row) for row in ready]
        chosen = within_limit(slots, now, published_lately=due.lately.get(target.ref, 0), per_hour=due.per_hour)
        the_pass.waiting += len(rows) - len(chosen)
        if chosen:
            _publish_place(the_pass, context, target, chosen)


def _due_at(row: Row) -> datetime:
    """Return when a publication, or a copy, was due."""
    at: datetime = row["due_at"] if row.get("target_name") else row["slot_at"]
    return at


def _publish_place(the_pass: PublishPass, context: SiteContext, target: Target, rows: list[Row]) -> None:
    """Publish what is due at one place, until one failure says that nothing else would get through either."""
    name, database, clock = context.site.name, the_pass.database, the_pass.installation.clock
    taken_at = clock.now()
    if take_site(database, name, taken_at):
        the_pass.busy.append(name)
        return
    try:
        with visit_site(the_pass.installation, database, context, target, the_pass.memories) as visit:
            if isinstance(visit, PublishFailure):
                stop_visits(the_pass, context, target, visit)
                return
            for row in rows:
                if the_pass.should_stop():
                    return
                if clock.now() - taken_at > RENEW_AFTER:
                    taken_at = clock.now()
                    if take_site(database, name, taken_at):
                        return
                if not publish_one(the_pass, visit, row):
                    return
    finally:
        leave_site(database, name)


def publish_one(the_pass: PublishPass, visit: SiteVisit, row: Row) -> bool:
    """Publish one article and record what became of it; False when the place takes nothing for now."""
    with visit.database.write() as connection:
        why_held = _why_held(connection, row)
        if why_held:
            hold_copy(connection, row, why_held)
            the_pass.waiting += 1
            return True
        if not (stays(connection, visit.site) and begin_publication(connection, row)):
            return True
        article = visit.article(connection, row)
        notebook = visit.notebook(row, article, connection)
    end = visit.publish(row, article, notebook)
    trouble = _trouble(visit, end)
    if trouble is not None:
        stop_visits(the_pass, visit.context, visit.target, trouble, row)
        return False
    facts = (visit.site, int(row["content_id"]), article.title, _due_at(row))
    if isinstance(end, Remote):
        _record_success(the_pass, visit, row, article, end)
        the_pass.articles.append(Published(*facts, end.url, target=visit.target.name))
    else:
        again_at = _record_failure(the_pass, visit, row, article, end)
        the_pass.articles.append(Published(*facts, "", end.message, end.hint, again_at, visit.target.name))
    return True


def _why_held(connection: Connection, row: Row) -> str:
    """Return why a copy does not go out though it is due; a publication's approval was looked at before its slot."""
    article = find_content(connection, int(row["content_id"])) if row.get("target_name") else None
    if article is None or not article["approved_hash"]:
        return ""
    says = hash_of(article, SiteItems(connection, str(row["site"])))
    return "" if says == article["approved_hash"] else "the article was changed since it was approved"


def _record_success(the_pass: PublishPass, visit: SiteVisit, row: Row, article: Article, end: Remote) -> None:
    """Record that an article is public, and, the first time, let its copies go out: in the same transaction."""
    now, target = the_pass.now, visit.target
    with visit.database.write() as connection, together(connection):
        complete_publication(connection, row, end, at=now, target=target.place, sent_digest=digest_of(article))
        if not target.name and row["published_at"] is None:
            further = targets_of(visit.context.site)[1:]
            add_copies(connection, row, {other.name: now + other.delay for other in further}, now)
        if resume_site(connection, target.ref):
            add_event(connection, target.ref, "resumed", now)
        content_id = int(row["content_id"])
        add_event(
            connection, target.ref, "published", now, content_id=content_id, remote_id=end.remote_id, detail=end.url
        )
        what = f"a copy of “{article.title}” at {target.name}" if target.name else f"“{article.title}”"
        account = visit.context.account.name
        notify(connection, "publish_success", f"Published {what}: {end.url}", now, account=account, site=visit.site)


def _record_failure(
    the_pass: PublishPass, visit: SiteVisit, row: Row, article: Article, failure: PublishFailure
) -> datetime | None:
    """Record a failed attempt; return when the next one is made, None when a person has to act."""
    now, target = the_pass.now, visit.target
    again_at = next_attempt(failure, int(row["attempts"]) + 1, now)
    with visit.database.write() as connection:
        fail_publication(connection, row, failure.message, again_at=again_at)
        if again_at is None:
            where = f", a copy at {target.name}" if target.name else ""
            text = f"“{article.title}”{where}: {failure.message}" + (f" ({failure.hint})" if failure.hint else "")
            account = visit.context.account.name
            notify(connection, "publish_failed", text, now, account=account, site=visit.site)
        content_id, remote_id = int(row["content_id"]), str(row["remote_id"])
        add_event(
            connection, target.ref, "failed", now, content_id=content_id, remote_id=remote_id, detail=failure.message
        )
    return again_at


def _trouble(visit: SiteVisit, end: Remote | PublishFailure) -> PublishFailure | None:
    """Return the failure if it is the place's: it says so, or it does not know us any more when asked."""
    if isinstance(end, Remote) or end.scope not in ("site", "try-again"):
        return None
    return end if end.scope == "site" or visit.why_unreachable() is not None else None


def stop_visits(
    the_pass: PublishPass, context: SiteContext, target: Target, failure: PublishFailure, row: Row | None = None
) -> None:
    """Leave the place alone for a while, and say so once; no article is to blame."""
    now = the_pass.now
    with the_pass.database.write() as connection:
        before = load_site_syncs(connection).get(target.ref)
        was_stopped = before is not None and before["sync_status"] == "stopped"
        failures = int(before["failures"]) + 1 if before is not None and was_stopped else 1
        until = next_visit(failure, failures, now)
        stop_site(
            connection, target.ref, reason=failure.message, hint=failure.hint, failures=failures, next_attempt_at=until
        )
        if row is not None:
            postpone_publication(connection, row, failure.message)
        # A reason may name another file each time; a hint says what a person has to do, and changes only with that.
        is_news = not was_stopped or (failure.scope == "site" and before is not None and before["hint"] != failure.hint)
        if is_news:
            waiting = _waiting_at(connection, target, now)
            text = f"Nothing goes out to {target.label}: {failure.message}"
            text += f" ({failure.hint})" if failure.hint else ""
            text += f". {waiting} {'article waits' if waiting == 1 else 'articles wait'}; tried again from {until:%H:%M} UTC."
            notify(connection, "publish_failed", text, now, account=context.account.name, site=context.site.name)
            add_event(connection, target.ref, "stopped", now, detail=failure.message)
    told = (context.site.name, failure.message, failure.hint, until)
    the_pass.stopped.append(StoppedSite(*told, target=target.name))


def _waiting_at(connection: Connection, target: Target, now: datetime) -> int:
    """Return how many articles are due at a place."""
    states, site = ("scheduled", "publishing"), target.site.name
    if not target.name:
        return len(publications_of(connection, site, states, until=now))
    return sum(row["due_at"] <= now for row in copies_at(connection, site, target.name, states))
