"""Images that sites have: remembered as soon as a site took one, so that none is sent twice."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.publishers.port import RemoteMedia
from reconciler.store.tables import remote_media


def find_media(connection: Connection, site: str, target: str, sha256: str) -> RemoteMedia | None:
    """Return the image that a site took, or None."""
    statement = sa.select(remote_media.c.remote_id, remote_media.c.url).where(
        remote_media.c.site == site, remote_media.c.target == target, remote_media.c.sha256 == sha256
    )
    row = connection.execute(statement).one_or_none()
    return None if row is None else RemoteMedia(sha256, row.remote_id, row.url)


def keep_media(connection: Connection, site: str, target: str, media: RemoteMedia, now: datetime) -> None:
    """Remember an image of a site; a later one with the same bytes takes its place."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"remote_id": media.remote_id, "url": media.url, "kept_at": now}
    statement = make(remote_media).values(site=site, target=target, sha256=media.sha256, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["site", "target", "sha256"], set_=values))
