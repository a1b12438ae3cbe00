"""How an article stands at a place, and what a person may do about it when that is not as it was sent."""

from __future__ import annotations

from reconciler.operations.site_visit import SiteVisit
from reconciler.pipeline.port import Row
from reconciler.pipeline.publishing import finding_of
from reconciler.publishers.port import PublishFailure, Remote
from reconciler.store.publications import record_finding, record_remote

_HIDDEN = "unpublished-by-hand"
# What a person may do about an article that does not stand at its site as it was sent.
_MENDS = {
    "missing": "--force publishes it anew",
    "trashed": "restore it there, or delete it there for good; then --force publishes it anew",
    "changed-by-hand": "--force overwrites the change",
    _HIDDEN: "publish it there again, or take it off here, too: igny8 unpublish",
}


def why_not_as_sent(visit: SiteVisit, known: Remote) -> PublishFailure | None:
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


def record_hidden(visit: SiteVisit, row: Row, remote: Remote, sent_digest: str) -> PublishFailure:
    """Record an update that arrived where no reader sees it, and return what to say of it."""
    with visit.database.write() as connection:
        record_remote(connection, row, remote, target=visit.target.place, sent_digest=sent_digest)
        record_finding(connection, row, remote_state=remote.state, finding=_HIDDEN)
    return PublishFailure(f"the new text is at the site, but nobody sees it: it is {_HIDDEN}", hint=_MENDS[_HIDDEN])


def is_missing(visit: SiteVisit, known: Remote) -> bool:
    """Tell whether the site has nothing any more where the article stood."""
    seen = visit.publisher.look([known])
    return not isinstance(seen, PublishFailure) and seen[0].state == "missing"
