"""What a person asks for of single articles: publish one now, bring a published one up to date, take one back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from reconciler.errors import BlockedError, ConflictError, LockedError, UsageError
from reconciler.ids import derive_id
from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.indexnow import announce_pages
from reconciler.operations.publish import PublishPass, publish_one
from reconciler.operations.publishers import publisher_type
from reconciler.operations.site_visit import SiteVisit, leave_site, take_site, visit_site
from reconciler.pipeline.approval import hash_of
from reconciler.pipeline.port import Insert, Row, SiteContext, Update
from reconciler.pipeline.publishing import finding_of
from reconciler.publishers.port import Article, PublishFailure, Remote
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out, find_content
from reconciler.store.publications import (
    complete_publication,
    find_publication,
    record_remote,
    reopen_publication,
    withdraw_publication,
)
from reconciler.store.runs import notify
from reconciler.store.site_sync import add_event

# What a person may do about an article that does not stand at its site as it was sent.
_MENDS = {
    "missing": "--force publishes it anew",
    "trashed": "restore it there, or delete it there for good; then --force publishes it anew",
    "changed-by-hand": "--force overwrites the change",
    "unpublished-by-hand": "publish it there again, or take it off here, too: igny8 unpublish",
}
What = Literal["published", "updated", "unchanged", "unpublished", "failed"]


@dataclass(frozen=True, slots=True)
class ArticleEnd:
    """What became of an article that a person named; `error` and `hint` say why nothing did."""

    content_id: int
    site: str
    title: str
    what: What
    url: str
    error: str = ""
    hint: str = ""


def publish_article(installation: Installation, database: Database, content_id: int, *, force: bool) -> ArticleEnd:
    """Publish an article now, or bring it up to date where it is public already.

    What a person changed at the site is left alone, unless `force`. Raises UsageError for an unknown article,
    BlockedError for one that is not approved, LockedError while another process publishes to its site.
    """
    with database.read() as connection:
        context, row = _find(connection, content_id)
        says = hash_of(row, SiteItems(connection, context.site.name))
    if row["state"] in ("draft", "review"):
        raise BlockedError(
            f"content {content_id} is in {row['state']}: nobody has approved it",
            hint=f"igny8 content approve {content_id}",
        )
    if row["approved_hash"] and row["approved_hash"] != says:
        raise BlockedError(
            f"content {content_id} was changed since it was approved", hint=f"igny8 content approve {content_id}"
        )
    if not context.platform.modules.publishing:
        raise BlockedError("the module publishing is off", hint="switch it on in platform.yaml, and apply")
    with _Turn(installation, database, context) as visit:
        if isinstance(visit, PublishFailure):
            return _failed(context, row, visit)
        with database.write() as connection:
            publication = _due_publication(connection, visit, row)
            article = visit.article(connection, publication)
        if publication["state"] == "published":
            return _update(visit, row, publication, article, force=force)
        if force:
            failure = _overwrite(visit, publication, article)
            if failure is not None:
                return _failed(context, row, failure)
        return _publish(visit, row, publication)


def unpublish_article(installation: Installation, database: Database, content_id: int) -> ArticleEnd:
    """Take a public article out of sight; it stays at the site as a draft, and waits here for a person.

    Raises ConflictError for an article that is not published, BlockedError for a site that cannot take one back.
    """
    with database.read() as connection:
        context, row = _find(connection, content_id)
        publication = find_publication(connection, content_id)
    if publication is None or publication["state"] != "published":
        raise ConflictError(f"content {content_id} is {row['state']}, not published")
    kind = publisher_type(context)
    if kind is not None and not kind.withdraws:
        raise BlockedError(
            f"{context.site.name}: a {kind.declaration.name} site cannot take an article back", hint="remove it there"
        )
    with _Turn(installation, database, context) as visit:
        if isinstance(visit, PublishFailure):
            return _failed(context, row, visit)
        known = visit.known(publication)
        if known is None:
            raise ConflictError(
                f"content {content_id} was published elsewhere: {publication['target']}", hint="take it back there"
            )
        gone = visit.publisher.withdraw(known)
        if isinstance(gone, PublishFailure):
            return _failed(context, row, gone)
        now = installation.clock.now()
        with database.write() as connection:
            withdraw_publication(connection, publication, gone, f"a person: it was unpublished by {installation.actor}")
            add_event(
                connection, visit.site, "unpublished", now, content_id=content_id, remote_id=gone.remote_id,
                detail=known.url,
            )  # fmt: skip
    return ArticleEnd(content_id, context.site.name, str(row["title"]), "unpublished", known.url)


class _Turn:
    """The right to be the one who writes at a site, and the way to it."""

    def __init__(self, installation: Installation, database: Database, context: SiteContext) -> None:
        self._database, self._site, self._now = database, context.site.name, installation.clock.now()
        self._visit = visit_site(installation, database, context)

    def __enter__(self) -> SiteVisit | PublishFailure:
        holder = take_site(self._database, self._site, self._now)
        if holder:
            raise LockedError(f"{holder} is publishing to {self._site}", hint="wait until it has finished")
        try:
            return self._visit.__enter__()
        except BaseException:
            leave_site(self._database, self._site)
            raise

    def __exit__(self, *_error: object) -> None:
        try:
            self._visit.__exit__(None, None, None)
        finally:
            leave_site(self._database, self._site)


def _find(connection: Connection, content_id: int) -> tuple[SiteContext, Row]:
    row = find_content(connection, content_id)
    if row is None:
        raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
    return context_of(load_contexts(connection), str(row["site"])), row


def _due_publication(connection: Connection, visit: SiteVisit, row: Row) -> Row:
    """Return the article's publication: as it is where it is public already, else due now.

    One that waits for a slot gets this moment as its slot; one that was public elsewhere comes out here as well.
    """
    content_id, now = int(row["id"]), visit.installation.clock.now()
    found = find_publication(connection, content_id)
    if found is not None and found["state"] == "published" and visit.known(found) is not None:
        return found
    if found is None:
        values = {
            "content_id": content_id,
            "slot_at": _free_moment(connection, visit.site, now),
            "key": derive_id("publication", visit.site, row["slug"]),
            "state": "scheduled",
            "simulated": row["simulated"],
        }
        placed = Update("content", content_id, {"state": "scheduled", "waits_for": ""})
        carry_out(connection, visit.site, (Insert("publication", values), placed), now)
    else:
        slot_at = found["slot_at"] if found["slot_at"] <= now else _free_moment(connection, visit.site, now)
        reopen_publication(connection, found, slot_at=slot_at)
    due = find_publication(connection, content_id)
    assert due is not None
    return due


def _free_moment(connection: Connection, site: str, now: datetime) -> datetime:
    """Return this moment, or the next one that no other article of the site has."""
    taken = {other["slot_at"] for other in SiteItems(connection, site).find("publication", {})}
    while now in taken:
        now += timedelta(microseconds=1)
    return now


def _publish(visit: SiteVisit, row: Row, publication: Row) -> ArticleEnd:
    the_pass = PublishPass(visit.installation, visit.database, visit.installation.clock.now(), lambda: False)
    publish_one(the_pass, visit, publication)
    for stopped in the_pass.stopped:
        return _failed(visit.context, row, PublishFailure(stopped.reason, "site", hint=stopped.hint))
    for item in the_pass.articles:
        if item.url and not publication["simulated"]:
            announce_pages(visit.database, visit.context.site, [item.url], the_pass.now)
        what: What = "failed" if item.error else "published"
        return ArticleEnd(item.content_id, item.site, item.title, what, item.url, item.error, item.hint)
    raise ConflictError(f"content {row['id']} is being taken away with its site")


def _update(visit: SiteVisit, row: Row, publication: Row, article: Article, *, force: bool) -> ArticleEnd:
    """Bring a public article up to date in place, if there is anything new or the site is to be overwritten."""
    known = visit.known(publication)
    assert known is not None
    content_id = int(row["id"])
    if digest_of(article) == publication["sent_digest"] and not force:
        if publication["sync_finding"] and (failure := _why_not_as_sent(visit, known)) is not None:
            return _failed(visit.context, row, failure)
        return ArticleEnd(content_id, visit.site, article.title, "unchanged", known.url)
    kind = publisher_type(visit.context)
    if kind is not None and not kind.updates:
        raise BlockedError(f"{visit.site}: a {kind.declaration.name} site takes no updates", hint="edit it there")
    end = visit.publisher.update(article, known, visit.notebook, force=force)
    if isinstance(end, PublishFailure):
        if force and _is_missing(visit, known):
            with visit.database.write() as connection:
                reopen_publication(connection, publication, slot_at=publication["slot_at"])
            return _publish(visit, row, publication)
        return _failed(visit.context, row, end)
    now = visit.installation.clock.now()
    with visit.database.write() as connection:
        complete_publication(connection, publication, end, at=now, target=visit.target, sent_digest=digest_of(article))
        text = f"Updated “{article.title}”: {end.url}"
        notify(connection, "publish_success", text, now, account=visit.context.account.name, site=visit.site)
        add_event(
            connection, visit.site, "updated", now, content_id=content_id, remote_id=end.remote_id, detail=end.url
        )
    if not publication["simulated"]:
        announce_pages(visit.database, visit.context.site, [end.url], now)
    return ArticleEnd(content_id, visit.site, article.title, "updated", end.url)


def _why_not_as_sent(visit: SiteVisit, known: Remote) -> PublishFailure | None:
    """Return how an article with nothing new to send stands at its site, None when it is as it was sent."""
    seen = visit.publisher.look([known])
    if isinstance(seen, PublishFailure):
        return seen
    finding = finding_of("published", known, seen[0])
    if not finding:
        return None
    return PublishFailure(
        f"there is nothing new to send, but it is {finding} at the site", hint=_MENDS.get(finding, "")
    )


def _is_missing(visit: SiteVisit, known: Remote) -> bool:
    """Tell whether the site has nothing any more where the article stood."""
    seen = visit.publisher.look([known])
    return not isinstance(seen, PublishFailure) and seen[0].state == "missing"


def _overwrite(visit: SiteVisit, publication: Row, article: Article) -> PublishFailure | None:
    """Write our text over a draft that a person changed at the site."""
    known = visit.known(publication)
    if known is None or known.state == "missing":
        return None
    end = visit.publisher.update(article, known, visit.notebook, force=True)
    if isinstance(end, Remote):
        with visit.database.write() as connection:
            record_remote(connection, int(publication["id"]), end, target=visit.target, sent_digest=digest_of(article))
        return None
    # What is gone is made anew by what follows.
    return None if end.scope == "article" else end


def _failed(context: SiteContext, row: Row, failure: PublishFailure) -> ArticleEnd:
    return ArticleEnd(int(row["id"]), context.site.name, str(row["title"]), "failed", "", failure.message, failure.hint)
