"""Tells search engines of pages that went out. What becomes of that is recorded and never fails a publication."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.kinds.site import Site
from reconciler.publishers.indexnow import announce, by_host
from reconciler.store.engine import Database
from reconciler.store.site_sync import add_event


def announce_pages(database: Database, site: Site, urls: Sequence[str], now: datetime) -> None:
    """Announce the pages of a site that asks for it, those of one host together, and record how that went."""
    settings = site.publishing.indexnow
    if settings is None:
        return
    for pages in by_host(urls):
        failure = announce(settings.endpoint, settings.key, pages, key_location=settings.key_location or "")
        event, detail = ("announced", f"{len(pages)} pages") if failure is None else ("not_announced", failure.message)
        with database.write() as connection:
            add_event(connection, (site.name, ""), event, now, detail=detail)
