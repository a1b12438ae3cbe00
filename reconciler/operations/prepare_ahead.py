"""Makes drafts and uploads images before their slots: what takes long, or fails, does so while there is time."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.operations.app import Installation
from reconciler.operations.article import digest_of
from reconciler.operations.context import load_contexts
from reconciler.operations.publishers import PlaceMemories, targets_of
from reconciler.operations.site_visit import SiteVisit, leave_site, take_site, visit_site
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.publishing import PREPARE_AHEAD
from reconciler.publishers.port import PublishFailure
from reconciler.store.departures import leaving_sites
from reconciler.store.engine import Database
from reconciler.store.publications import postpone_until, upcoming_publications
from reconciler.store.site_sync import load_site_syncs


def prepare_ahead(
    installation: Installation, database: Database, *, should_stop: Callable[[], bool] = lambda: False,
    memories: PlaceMemories | None = None,
) -> int:  # fmt: skip
    """Prepare the articles of the next hours where that makes something that nobody sees; return how many.

    What fails is left to the slot: it stands in the article's row, and nothing is counted against it.
    """
    now = installation.clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        for leaving in leaving_sites(connection):
            contexts.pop(leaving, None)
        rows = upcoming_publications(connection, after=now, until=now + PREPARE_AHEAD)
        found = load_site_syncs(connection)
        stopped = {site for (site, name), row in found.items() if row["sync_status"] == "stopped" and not name}
    prepared = 0
    for name in dict.fromkeys(str(row["site"]) for row in rows):
        context = contexts.get(name)
        if context is None or name in stopped or not context.platform.modules.publishing:
            continue
        kind = targets_of(context.site)[0].kind
        if kind is not None and kind.make is not None and kind.drafts:
            due = [row for row in rows if row["site"] == name]
            prepared += _prepare_site(installation, database, context, due, should_stop, memories)
    return prepared


def _prepare_site(
    installation: Installation, database: Database, context: SiteContext, rows: list[Row],
    should_stop: Callable[[], bool], memories: PlaceMemories | None,
) -> int:  # fmt: skip
    name, now, prepared = context.site.name, installation.clock.now(), 0
    if take_site(database, name, now):
        return 0
    try:
        with visit_site(installation, database, context, targets_of(context.site)[0], memories) as visit:
            if isinstance(visit, PublishFailure):
                return 0
            for row in rows:
                if should_stop() or take_site(database, name, installation.clock.now()):
                    break
                done = _prepare_one(visit, row)
                if done is None:
                    break
                prepared += done
    finally:
        leave_site(database, name)
    return prepared


def _prepare_one(visit: SiteVisit, row: Row) -> int | None:
    """Prepare one article unless it is as we sent it; None when the site takes nothing now."""
    with visit.database.read() as connection:
        article = visit.article(connection, row)
    if visit.known(row) is not None and digest_of(article) == row["sent_digest"]:
        return 0
    end = visit.prepare(row, article, visit.notebook(row, article))
    if not isinstance(end, PublishFailure):
        return 1
    with visit.database.write() as connection:
        postpone_until(connection, int(row["id"]), end.message, until=row["slot_at"])
    return 0 if end.scope in ("article", "changed-by-hand") else None
