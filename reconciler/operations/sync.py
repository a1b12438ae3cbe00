"""Compares what stands at the sites with what was published there, at each of their places by itself.

Reads only; what to do is a person's decision.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.errors import UsageError
from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import load_contexts
from reconciler.operations.publishers import Target, targets_of
from reconciler.operations.site_visit import SiteVisit, leave_site, take_site, visit_site
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.publishing import finding_of
from reconciler.publishers.port import PublishFailure, Remote
from reconciler.store.copies import copies_at
from reconciler.store.engine import Connection, Database
from reconciler.store.publications import publications_of, record_finding
from reconciler.store.runs import notify
from reconciler.store.site_sync import add_event, load_site_syncs, record_sync

_COMPARED = ("scheduled", "published", "withdrawn", "failed")


@dataclass(frozen=True, slots=True)
class Finding:
    """An article that is not as we left it: missing, trashed, changed-by-hand, (un)published-by-hand, or edited-here.

    `edited-here` is no difference of the site's: the article was edited after it had been sent. `not-taken-back` is a
    copy that is public though its article was unpublished.
    """

    content_id: int
    title: str
    finding: str
    url: str


@dataclass(frozen=True, slots=True)
class SyncedSite:
    """How a place was found. `sync_status` is ok, differs, busy, unreachable, or unknown for one that cannot be looked at.

    `target` is the name of a further place, "" for the site's own.
    """

    site: str
    sync_status: str
    last_sync_at: datetime | None
    articles: int = 0
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    hint: str = ""
    target: str = ""

    @property
    def label(self) -> str:
        """Return what people call the place."""
        return f"{self.site}/{self.target}" if self.target else self.site

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return asdict(self)


def sync_sites(
    installation: Installation, database: Database, *, site: str | None = None, older_than: timedelta | None = None
) -> tuple[SyncedSite, ...]:
    """Compare every site, or one, at all its places; with `older_than` only those that nobody compared for so long.

    Raises UsageError for a site that there is not.
    """
    now = installation.clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        known = load_site_syncs(connection)
    if site is not None and site not in contexts:
        raise UsageError(f"there is no site {site!r}", hint=f"there are {', '.join(sorted(contexts))}")
    found = []
    for name in sorted(contexts) if site is None else [site]:
        for target in targets_of(contexts[name].site):
            last = known[target.ref]["last_sync_at"] if target.ref in known else None
            if older_than is not None and last is not None and now - last < older_than:
                continue
            found.append(_sync_place(installation, database, contexts[name], target, last))
    return tuple(found)


def _sync_place(
    installation: Installation, database: Database, context: SiteContext, target: Target, last: datetime | None
) -> SyncedSite:
    name, kind = context.site.name, target.kind
    if kind is None or kind.make is None or not kind.looks:
        what = f"a {kind.declaration.name} site cannot be looked at" if kind else "the site has no publisher"
        return SyncedSite(name, "unknown", last, reason=what, target=target.name)
    holder = take_site(database, name, installation.clock.now())
    if holder:
        return SyncedSite(name, "busy", last, reason=f"{holder} is publishing to it", target=target.name)
    try:
        with visit_site(installation, database, context, target) as visit:
            if isinstance(visit, PublishFailure):
                return _unreachable(target, visit, last)
            return _compare(visit, last)
    finally:
        leave_site(database, name)


def _unreachable(target: Target, failure: PublishFailure, last: datetime | None) -> SyncedSite:
    return SyncedSite(
        target.site.name, "unreachable", last, reason=failure.message, hint=failure.hint, target=target.name
    )


def _compare(visit: SiteVisit, last: datetime | None) -> SyncedSite:
    """Look at every article that stands at the place, and record what is not as we left it."""
    target = visit.target
    with visit.database.read() as connection:
        if target.name:
            rows = copies_at(connection, visit.site, target.name, _COMPARED)
        else:
            rows = publications_of(connection, visit.site, _COMPARED)
        pairs = [(row, known) for row in rows if (known := visit.known(row)) is not None]
        articles = {int(row["id"]): visit.article(connection, row) for row, _ in pairs}
    seen = visit.publisher.look([known for _, known in pairs]) if pairs else ()
    if isinstance(seen, PublishFailure):
        return _unreachable(target, seen, last)
    findings, now = [], visit.installation.clock.now()
    new: list[Finding] = []
    with visit.database.write() as connection:
        for (row, known), remote in zip(pairs, seen, strict=True):
            article = articles[int(row["id"])]
            finding = finding_of(str(row["state"]), known, remote) or _not_taken_back(row)
            item = Finding(int(row["content_id"]), article.title, finding, remote.url or known.url)
            if finding != row["sync_finding"]:
                _record(connection, target, row, remote, finding, now)
                new += [item] if finding else []
            if finding:
                findings.append(item)
            elif row["state"] == "published" and digest_of(article) != row["sent_digest"]:
                findings.append(Finding(item.content_id, item.title, "edited-here", item.url))
        differs = any(item.finding != "edited-here" for item in findings)
        record_sync(connection, target.ref, differs=differs, at=now)
        if new:
            text = "; ".join(f"“{item.title}” is {item.finding}" for item in new[:5])
            more = f" and {len(new) - 5} more" if len(new) > 5 else ""
            account = visit.context.account.name
            notify(connection, "drift_found", f"At {target.label}: {text}{more}", now, account=account, site=visit.site)
    status = "differs" if differs else "ok"
    return SyncedSite(visit.site, status, now, len(pairs), tuple(findings), target=target.name)


def _not_taken_back(row: Row) -> str:
    """Return the finding of a copy that stayed public when its article was taken back."""
    return "not-taken-back" if row["state"] == "published" and row.get("article_state") == "withdrawn" else ""


def _record(connection: Connection, target: Target, row: Row, remote: Remote, finding: str, now: datetime) -> None:
    record_finding(connection, row, remote_state=remote.state, finding=finding)
    event = finding or "as published again"
    content_id = int(row["content_id"])
    add_event(connection, target.ref, event, now, content_id=content_id, remote_id=remote.remote_id, detail=remote.url)
