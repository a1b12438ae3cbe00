"""Publishes what is due, in the order of the slots. Killed at any line and run again, each article is public once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import load_contexts
from reconciler.operations.indexnow import announce_pages
from reconciler.operations.site_visit import SiteVisit, leave_site, take_site, visit_site
from reconciler.pipeline.approval import take_slot, taken_slots, why_no_slot
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.publishing import next_attempt, next_visit, within_limit
from reconciler.publishers.port import PublishFailure, Remote
from reconciler.store.departures import leaving_sites, stays
from reconciler.store.engine import Database
from reconciler.store.items import SiteItems, carry_out
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
from reconciler.store.site_sync import add_event, load_site_syncs, resume_site, stop_site


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one due article; `again_at` is when a failed one is tried again, None when a person has to act."""

    site: str
    content_id: int
    title: str
    slot_at: datetime
    url: str
    error: str = ""
    hint: str = ""
    again_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StoppedSite:
    """A site that nothing goes to for now. `is_new`: it was found so in this pass, and not in an earlier one."""

    site: str
    reason: str
    hint: str
    until: datetime
    is_new: bool = True


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
    articles: list[Published] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    stopped: list[StoppedSite] = field(default_factory=list)
    waiting: int = 0


def schedule_approved(database: Database, contexts: dict[str, SiteContext], now: datetime) -> int:
    """Give slots to approved articles that wait for none but a slot: their site's schedule has one again.

    One that was unpublished has had its slot, and waits for a person.
    """
    scheduled = 0
    for name, context in contexts.items():
        if why_no_slot(context):
            continue
        with database.read() as connection:
            if not SiteItems(connection, name).find("content", {"state": "approved"}, limit=1):
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
) -> PublishReport:  # fmt: skip
    """Publish every article whose slot has come, a site after the other, in the order of the slots.

    What failed waits for its next attempt, unless `retry`. With `catch_up_per_hour` a site gets no more late articles
    than that in an hour.
    """
    now = installation.clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        for leaving in leaving_sites(connection):
            contexts.pop(leaving, None)
        if any(not context.platform.modules.publishing for context in contexts.values()):
            return PublishReport((), (), "the module publishing is off")
    schedule_approved(database, contexts, now)
    with database.read() as connection:
        due = due_publications(connection, now, site=site)
        found = load_site_syncs(connection)
        lately = count_published(connection, since=now - timedelta(hours=1))
    the_pass = PublishPass(installation, database, now, should_stop)
    for name in dict.fromkeys(str(row["site"]) for row in due):
        if should_stop():
            break
        if name not in contexts:
            continue
        rows = [row for row in due if row["site"] == name]
        stopped = found.get(name)
        if stopped is not None and not retry and stopped["next_attempt_at"] and stopped["next_attempt_at"] > now:
            until = stopped["next_attempt_at"]
            the_pass.stopped.append(StoppedSite(name, stopped["reason"], stopped["hint"], until, is_new=False))
            continue
        ready = [row for row in rows if retry or row["next_attempt_at"] is None or row["next_attempt_at"] <= now]
        slots = [(row["slot_at"], row) for row in ready]
        chosen = within_limit(slots, now, published_lately=lately.get(name, 0), per_hour=catch_up_per_hour)
        the_pass.waiting += len(rows) - len(chosen)
        if chosen:
            _publish_site(the_pass, contexts[name], chosen)
            _announce(the_pass, contexts[name], chosen)
    articles = sorted(the_pass.articles, key=lambda item: (item.slot_at, item.site))
    return PublishReport(tuple(articles), tuple(the_pass.busy), "", tuple(the_pass.stopped), the_pass.waiting)


def _publish_site(the_pass: PublishPass, context: SiteContext, rows: list[Row]) -> None:
    """Publish the due articles of one site, until one failure says that no other would get through either."""
    name, database = context.site.name, the_pass.database
    if take_site(database, name, the_pass.now):
        the_pass.busy.append(name)
        return
    try:
        with visit_site(the_pass.installation, database, context) as visit:
            if isinstance(visit, PublishFailure):
                stop_visits(the_pass, context, visit)
                return
            for row in rows:
                if the_pass.should_stop() or take_site(database, name, the_pass.installation.clock.now()):
                    return
                if not publish_one(the_pass, visit, row):
                    return
    finally:
        leave_site(database, name)


def _announce(the_pass: PublishPass, context: SiteContext, rows: list[Row]) -> None:
    """Tell search engines of what went out, if the site wants that; samples are none of their business."""
    samples = {int(row["content_id"]) for row in rows if row["simulated"]}
    out = [item for item in the_pass.articles if item.site == context.site.name and item.url]
    urls = [item.url for item in out if item.content_id not in samples]
    announce_pages(the_pass.database, context.site, urls, the_pass.now)


def publish_one(the_pass: PublishPass, visit: SiteVisit, row: Row) -> bool:
    """Publish one article and record what became of it; False when the site takes nothing for now."""
    now, site, content_id = the_pass.now, visit.site, int(row["content_id"])
    with visit.database.write() as connection:
        if not (stays(connection, site) and begin_publication(connection, int(row["id"]))):
            return True
        article = visit.article(connection, row)
    end = visit.publish(row, article)
    trouble = _trouble(visit, end)
    if trouble is not None:
        stop_visits(the_pass, visit.context, trouble, row)
        return False
    again_at = None
    with visit.database.write() as connection:
        if isinstance(end, Remote):
            complete_publication(connection, row, end, at=now, target=visit.target, sent_digest=digest_of(article))
            text = f"Published “{article.title}”: {end.url}"
            notify(connection, "publish_success", text, now, account=visit.context.account.name, site=site)
            event, remote_id, detail = "published", end.remote_id, end.url
            if resume_site(connection, site):
                add_event(connection, site, "resumed", now)
        else:
            again_at = next_attempt(end, int(row["attempts"]) + 1, now)
            fail_publication(connection, row, end.message, again_at=again_at)
            event, remote_id, detail = "failed", str(row["remote_id"]), end.message
            if again_at is None:
                text = f"“{article.title}”: {end.message}" + (f" ({end.hint})" if end.hint else "")
                notify(connection, "publish_failed", text, now, account=visit.context.account.name, site=site)
        add_event(connection, site, event, now, content_id=content_id, remote_id=remote_id, detail=detail)
    facts = (site, content_id, article.title, row["slot_at"])
    the_pass.articles.append(
        Published(*facts, end.url)
        if isinstance(end, Remote)
        else Published(*facts, "", end.message, end.hint, again_at)
    )
    return True


def _trouble(visit: SiteVisit, end: Remote | PublishFailure) -> PublishFailure | None:
    """Return the failure if it is the site's: it says so, or it does not know us any more when asked."""
    if isinstance(end, Remote) or end.scope not in ("site", "try-again"):
        return None
    return end if end.scope == "site" or visit.why_unreachable() is not None else None


def stop_visits(the_pass: PublishPass, context: SiteContext, failure: PublishFailure, row: Row | None = None) -> None:
    """Leave the site alone for a while, and say so once; no article is to blame."""
    now, site = the_pass.now, context.site.name
    with the_pass.database.write() as connection:
        before = load_site_syncs(connection).get(site)
        was_stopped = before is not None and before["sync_status"] == "stopped"
        failures = int(before["failures"]) + 1 if before is not None and was_stopped else 1
        until = next_visit(failure, failures, now)
        stop_site(connection, site, reason=failure.message, hint=failure.hint, failures=failures, next_attempt_at=until)
        if row is not None:
            postpone_publication(connection, int(row["id"]), failure.message)
        # A reason may name another file each time; a hint says what a person has to do, and changes only with that.
        is_news = not was_stopped or (failure.scope == "site" and before is not None and before["hint"] != failure.hint)
        if is_news:
            waiting = len(publications_of(connection, site, ("scheduled", "publishing"), until=now))
            text = f"Nothing goes out to {site}: {failure.message}" + (f" ({failure.hint})" if failure.hint else "")
            text += f". {waiting} {'article waits' if waiting == 1 else 'articles wait'}; tried again from {until:%H:%M} UTC."
            notify(connection, "publish_failed", text, now, account=context.account.name, site=site)
            add_event(connection, site, "stopped", now, detail=failure.message)
    the_pass.stopped.append(StoppedSite(site, failure.message, failure.hint, until))
