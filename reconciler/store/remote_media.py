"""Images that sites have: remembered as soon as a site took one, so that none is sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.publishers.port import RemoteMedia
from reconciler.store.statements import later
from reconciler.store.tables import remote_media


def find_media(connection: Connection, site: str, target: str, images: Sequence[str]) -> dict[str, RemoteMedia]:
    """Return those of the images that a site took, by the SHA-256 of their bytes."""
    columns = (remote_media.c.sha256, remote_media.c.remote_id, remote_media.c.url)
    where = (remote_media.c.site == site, remote_media.c.target == target, remote_media.c.sha256.in_(images))
    return {row.sha256: RemoteMedia(*row) for row in connection.execute(sa.select(*columns).where(*where))}


def keep_media(connection: Connection, site: str, target: str, media: RemoteMedia, now: datetime) -> None:
    """Remember an image of a site; a later one with the same bytes takes its place."""
    values = {"sha256": media.sha256, "remote_id": media.remote_id, "url": media.url, "kept_at": now}
    later(connection, _keep(connection.dialect.name), {"site": site, "target": target, **values})


@cache
def _keep(dialect: str) -> sa.Insert:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(remote_media)
    newer = {name: statement.excluded[name] for name in ("remote_id", "url", "kept_at")}
    return statement.on_conflict_do_update(index_elements=["site", "target", "sha256"], set_=newer)
