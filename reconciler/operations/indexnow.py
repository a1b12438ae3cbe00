"""Tells search engines of pages that went out. What becomes of that is recorded and never fails a publication.

What is to be told stands in the site's events, which are written in the transaction that made a page public. So a process
that dies before it has told anybody leaves that to the next pass; one that dies before it has recorded it tells again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reconciler.kinds.site import Site
from reconciler.publishers.indexnow import announce, by_host
from reconciler.store.engine import Database
from reconciler.store.site_sync import pages_to_announce, record_announcements

# What went out longer ago is no news; a site that has just asked for announcements begins with that much.
_NEWS = timedelta(days=1)


def announce_pages(database: Database, site: Site, now: datetime) -> None:
    """Announce what went out of a site that asks for it, the pages of one host together, and record how that went."""
    settings = site.publishing.indexnow
    if settings is None:
        return
    with database.read() as connection:
        urls, last_event = pages_to_announce(connection, site.name, since=now - _NEWS)
    ends = []
    for pages in by_host(urls):
        failure = announce(settings.endpoint, settings.key, pages, key_location=settings.key_location or "")
        ends.append(("announced", f"{len(pages)} pages") if failure is None else ("not_announced", failure.message))
    if ends:
        with database.write() as connection:
            record_announcements(connection, site.name, ends, now, up_to=last_event)
