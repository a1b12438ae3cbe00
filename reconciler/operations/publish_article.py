"""What a person asks for of single articles: publish one now, bring a published one up to date, take one back.

Each is done at the site first, then for every copy that the article has at a further place; or at one place by name. What
goes wrong at one further place stops none of the others, and changes nothing at the site.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from reconciler.config.suggest import did_you_mean
from reconciler.errors import BlockedError, ConflictError, LockedError, UsageError
from reconciler.ids import derive_id
from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.indexnow import announce_pages
from reconciler.operations.publish import PublishPass, publish_one
from reconciler.operations.publishers import Target, find_target, targets_of
from reconciler.operations.site_visit import SiteVisit, leave_site, take_site, visit_site
from reconciler.operations.standing import is_missing, record_hidden, why_not_as_sent
from reconciler.pipeline.approval import hash_of
from reconciler.pipeline.port import Insert, Row, SiteContext, Update
from reconciler.publishers.port import Article, PublishFailure, Remote
from reconciler.store.copies import add_copies, copies_of, find_copy
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

What = Literal["published", "updated", "unchanged", "unpublished", "waiting", "failed"]


@dataclass(frozen=True, slots=True)
class ArticleEnd:
    """What became of an article that a person named; `error` and `hint` say why nothing did.

    `target` is the further place of a copy, "" for the article itself, which has its `copies`.
    """

    content_id: int
    site: str
    title: str
    what: What
    url: str
    error: str = ""
    hint: str = ""
    target: str = ""
    copies: tuple[ArticleEnd, ...] = ()


def publish_article(
    installation: Installation, database: Database, content_id: int, *, force: bool, target: str = ""
) -> ArticleEnd:
    """Publish an article now, or bring it up to date where it is public already, and its copies with it.

    With `target` only the copy at that place, which is made if there is none. What a person changed at a place is left
    alone, unless `force`. Raises UsageError for an unknown article or place, BlockedError for an article that is not
    approved, ConflictError for a copy of what is not public, LockedError while another process publishes to its site.
    """
    context, _ = _approved(database, content_id)
    chosen = _chosen(context, target)
    with _turn(installation, database, context):
        # Again: somebody may have edited it until our turn came.
        _, row = _approved(database, content_id)
        asked = _Asked(installation, database, context, row, force=force)
        if chosen.name:
            return _send_copy(asked, chosen, by_name=True)
        end = _send(asked, chosen)
        if end.error:
            return end
        return replace(end, copies=tuple(_send_copy(asked, other) for other in _places_of_copies(asked)))


def unpublish_article(
    installation: Installation, database: Database, content_id: int, *, target: str = ""
) -> ArticleEnd:
    """Take a public article out of sight, and then its copies; it stays at the site as a draft, and waits for a person.

    With `target` only the copy at that place. Raises UsageError for an unknown article or place, ConflictError for what
    is not published, BlockedError for a site that cannot take one back.
    """
    with database.read() as connection:
        context, row = _find(connection, content_id)
        chosen = _chosen(context, target)
        publication = _record_of(connection, content_id, chosen)
        out = [] if target else [copy for copy in copies_of(connection, content_id) if _may_be_out(copy)]
    is_public = publication is not None and publication["state"] == "published"
    # What an earlier try left behind at further places is taken back though the article itself is gone already.
    if not (is_public or (publication is not None and publication["state"] == "withdrawn" and out)):
        there = f" at {target}" if target else f": it is {row['state']}"
        raise ConflictError(f"content {content_id} is not published{there}")
    if is_public and chosen.kind is not None and not chosen.kind.withdraws:
        name = chosen.kind.declaration.name
        raise BlockedError(f"{chosen.label}: a {name} site cannot take an article back", hint="remove it there")
    asked = _Asked(installation, database, context, row)
    with _turn(installation, database, context):
        end = _end(asked, chosen, "unpublished", "")
        if is_public and publication is not None:
            end = _withdraw(asked, chosen, publication)
        if end.error or target:
            return end
        return replace(end, copies=tuple(_withdraw_copy(asked, copy) for copy in out))


def _may_be_out(copy: Row) -> bool:
    """Tell whether a copy is public, or may be: its process died while it brought out what the place had already."""
    return copy["state"] == "published" or (copy["state"] == "publishing" and bool(copy["remote_id"]))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a person asks for: which article, and whether what somebody changed at a place is overwritten."""

    installation: Installation
    database: Database
    context: SiteContext
    row: Row
    force: bool = False

    @property
    def content_id(self) -> int:
        return int(self.row["id"])

    def visit(self, target: Target) -> contextlib.AbstractContextManager[SiteVisit | PublishFailure]:
        return visit_site(self.installation, self.database, self.context, target)


@contextlib.contextmanager
def _turn(installation: Installation, database: Database, context: SiteContext) -> Iterator[None]:
    """Be the one who writes to a site's places; LockedError while somebody else is."""
    _take(installation, database, context)
    try:
        yield
    finally:
        leave_site(database, context.site.name)


def _take(installation: Installation, database: Database, context: SiteContext) -> None:
    """Become the one who writes, or stay it: each place takes its time. LockedError when another is."""
    site = context.site.name
    holder = take_site(database, site, installation.clock.now())
    if holder:
        raise LockedError(f"{holder} is publishing to {site}", hint="wait until it has finished")


def _approved(database: Database, content_id: int) -> tuple[SiteContext, Row]:
    """Return an article that may go out, with its site."""
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
    return context, row


def _find(connection: Connection, content_id: int) -> tuple[SiteContext, Row]:
    row = find_content(connection, content_id)
    if row is None:
        raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
    return context_of(load_contexts(connection), str(row["site"])), row


def _chosen(context: SiteContext, name: str) -> Target:
    """Return the place with a name, "" for the site's own."""
    found = find_target(context.site, name)
    if found is None:
        known = [target.name for target in targets_of(context.site) if target.name]
        near = did_you_mean(name, known) or f"it has {', '.join(known) or 'none: see `syndication`'}"
        raise UsageError(f"{context.site.name} has no further place {name!r}", hint=near)
    return found


def _record_of(connection: Connection, content_id: int, target: Target) -> Row | None:
    if target.name:
        return find_copy(connection, content_id, target.name)
    return find_publication(connection, content_id)


def _end(asked: _Asked, target: Target, what: What, url: str, failure: PublishFailure | None = None) -> ArticleEnd:
    why = (failure.message, failure.hint) if failure is not None else ("", "")
    title = str(asked.row["title"])
    return ArticleEnd(asked.content_id, asked.context.site.name, title, what, url, *why, target=target.name)


# Bringing out


def _places_of_copies(asked: _Asked) -> list[Target]:
    """Return the declared places at which the article has a copy that nobody took back."""
    with asked.database.read() as connection:
        copies = copies_of(connection, asked.content_id)
    found = (
        find_target(asked.context.site, str(copy["target_name"])) for copy in copies if copy["state"] != "withdrawn"
    )
    return [target for target in found if target is not None]


def _send_copy(asked: _Asked, target: Target, *, by_name: bool = False) -> ArticleEnd:
    """Bring out, or up to date, the copy at a place; one whose time has not come waits, unless it was asked for by name."""
    now = asked.installation.clock.now()
    _take(asked.installation, asked.database, asked.context)
    with asked.database.write() as connection:
        publication = find_publication(connection, asked.content_id)
        copy = find_copy(connection, asked.content_id, target.name)
        why = _why_no_copy(publication)
        if why and by_name:
            hint = f"igny8 publish {asked.content_id}"
            raise ConflictError(f"content {asked.content_id} {why}: a copy has no address to name", hint=hint)
        if not (why or by_name) and copy is not None and copy["state"] == "scheduled" and copy["due_at"] > now:
            why = f"the copy at {target.name} goes out from {copy['due_at']:%d %b %H:%M} UTC"
        if why:
            return replace(_end(asked, target, "waiting", ""), hint=why)
        if copy is None and publication is not None:
            add_copies(connection, publication, {target.name: now}, now)
    return _send(asked, target)


def _why_no_copy(publication: Row | None) -> str:
    """Return why there is no address that a copy could name, "" when there is one."""
    if publication is None or publication["state"] != "published":
        return "is not public at its site"
    return "" if publication["url"] else "is public, but its site has not told where"


def _send(asked: _Asked, target: Target) -> ArticleEnd:
    """Bring an article out at a place, or up to date where it is public there."""
    with asked.visit(target) as visit:
        if isinstance(visit, PublishFailure):
            return _end(asked, target, "failed", "", visit)
        with asked.database.write() as connection:
            publication = _due_publication(connection, visit, asked.row)
            article = visit.article(connection, publication)
        if publication["state"] == "published":
            return _update(asked, visit, publication, article)
        if asked.force:
            failure = _overwrite(visit, publication, article)
            if failure is not None:
                return _end(asked, target, "failed", "", failure)
        return _publish(asked, visit, publication)


def _due_publication(connection: Connection, visit: SiteVisit, row: Row) -> Row:
    """Return what is recorded of the article at the place: as it is where it is public already, else due now.

    One that waits for a slot gets this moment as its slot; one that was public elsewhere comes out here as well.
    """
    content_id, now = int(row["id"]), visit.installation.clock.now()
    found = _record_of(connection, content_id, visit.target)
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
    elif visit.target.name:
        reopen_publication(connection, found, due_at=min(found["due_at"], now))
    else:
        slot_at = found["slot_at"] if found["slot_at"] <= now else _free_moment(connection, visit.site, now)
        reopen_publication(connection, found, due_at=slot_at)
    due = _record_of(connection, content_id, visit.target)
    assert due is not None
    return due


def _free_moment(connection: Connection, site: str, now: datetime) -> datetime:
    """Return this moment, or the next one that no other article of the site has."""
    taken = {other["slot_at"] for other in SiteItems(connection, site).find("publication", {})}
    while now in taken:
        now += timedelta(microseconds=1)
    return now


def _publish(asked: _Asked, visit: SiteVisit, publication: Row) -> ArticleEnd:
    the_pass = PublishPass(visit.installation, visit.database, visit.installation.clock.now(), lambda: False)
    publish_one(the_pass, visit, publication)
    for stopped in the_pass.stopped:
        return _end(asked, visit.target, "failed", "", PublishFailure(stopped.reason, "site", hint=stopped.hint))
    for item in the_pass.articles:
        announce_pages(visit.database, visit.context.site, the_pass.now)
        failure = PublishFailure(item.error, hint=item.hint) if item.error else None
        return _end(asked, visit.target, "failed" if failure else "published", item.url, failure)
    raise ConflictError(f"content {asked.content_id} was changed, or is being taken away, at this moment")


def _update(asked: _Asked, visit: SiteVisit, publication: Row, article: Article) -> ArticleEnd:
    """Bring a public article up to date in place, if there is anything new or the site is to be overwritten."""
    known, target = visit.known(publication), visit.target
    assert known is not None
    if digest_of(article) == publication["sent_digest"] and not asked.force:
        if publication["sync_finding"] and (failure := why_not_as_sent(visit, known)) is not None:
            return _end(asked, target, "failed", "", failure)
        return _end(asked, target, "unchanged", known.url)
    if target.kind is not None and not target.kind.updates:
        refusal = f"{target.label}: a {target.kind.declaration.name} site takes no updates"
        if target.name:
            return _end(asked, target, "failed", "", PublishFailure(refusal, hint="edit it there"))
        raise BlockedError(refusal, hint="edit it there")
    end = visit.publisher.update(article, known, visit.notebook(publication, article), force=asked.force)
    if isinstance(end, PublishFailure):
        if asked.force and is_missing(visit, known):
            with visit.database.write() as connection:
                due_at = publication["due_at"] if target.name else publication["slot_at"]
                reopen_publication(connection, publication, due_at=due_at)
            return _publish(asked, visit, publication)
        return _end(asked, target, "failed", "", end)
    if end.state != "public":
        return _end(asked, target, "failed", "", record_hidden(visit, publication, end, digest_of(article)))
    now = visit.installation.clock.now()
    with visit.database.write() as connection:
        complete_publication(connection, publication, end, at=now, target=target.place, sent_digest=digest_of(article))
        what = f"the copy of “{article.title}” at {target.name}" if target.name else f"“{article.title}”"
        account = visit.context.account.name
        notify(connection, "publish_success", f"Updated {what}: {end.url}", now, account=account, site=visit.site)
        add_event(
            connection, target.ref, "updated", now, content_id=asked.content_id, remote_id=end.remote_id, detail=end.url
        )
    announce_pages(visit.database, visit.context.site, now)
    return _end(asked, target, "updated", end.url)


def _overwrite(visit: SiteVisit, publication: Row, article: Article) -> PublishFailure | None:
    """Write our text over a draft that a person changed at the site."""
    known = visit.known(publication)
    if known is None or known.state == "missing":
        return None
    end = visit.publisher.update(article, known, visit.notebook(publication, article), force=True)
    if isinstance(end, Remote):
        with visit.database.write() as connection:
            record_remote(connection, publication, end, target=visit.target.place, sent_digest=digest_of(article))
        return None
    # What is gone is made anew by what follows.
    return None if end.scope == "article" else end


# Taking back


def _withdraw_copy(asked: _Asked, copy: Row) -> ArticleEnd:
    """Take a copy out of sight that goes out again with its article."""
    _take(asked.installation, asked.database, asked.context)
    target = find_target(asked.context.site, str(copy["target_name"]))
    if target is None:
        gone = PublishFailure("the place is not declared any more", hint=f"the copy stays: {copy['url']}")
        end = _end(asked, targets_of(asked.context.site)[0], "failed", "", gone)
        return replace(end, target=str(copy["target_name"]))
    if target.kind is not None and not target.kind.withdraws:
        refusal = f"a {target.kind.declaration.name} site cannot take a copy back"
        return _end(asked, target, "failed", "", PublishFailure(refusal, hint="remove it there"))
    return _withdraw(asked, target, copy, comes_back=True)


def _withdraw(asked: _Asked, target: Target, publication: Row, *, comes_back: bool = False) -> ArticleEnd:
    """Take what is public at a place out of sight, and record it."""
    content_id, actor = asked.content_id, asked.installation.actor
    with asked.visit(target) as visit:
        if isinstance(visit, PublishFailure):
            return _end(asked, target, "failed", "", visit)
        known = visit.known(publication)
        if known is None:
            elsewhere = f"content {content_id} was published elsewhere: {publication['target']}"
            if comes_back:
                return _end(asked, target, "failed", "", PublishFailure(elsewhere, hint="take it back there"))
            raise ConflictError(elsewhere, hint="take it back there")
        gone = visit.publisher.withdraw(known)
        if isinstance(gone, PublishFailure):
            return _end(asked, target, "failed", "", gone)
        now = asked.installation.clock.now()
        with asked.database.write() as connection:
            waits_for = f"a person: it was unpublished by {actor}"
            withdraw_publication(connection, publication, gone, waits_for, comes_back=comes_back)
            remote_id, url = gone.remote_id, known.url
            add_event(
                connection, target.ref, "unpublished", now, content_id=content_id, remote_id=remote_id, detail=url
            )
    return _end(asked, target, "unpublished", known.url)
