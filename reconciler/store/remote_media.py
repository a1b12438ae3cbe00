"""Images that sites have: remembered as soon as a site took one, so that none is sent twice."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.publishers.port import RemoteMedia
from reconciler.store.statements import later, run
from reconciler.store.tables import remote_media


def find_media(connection: Connection, site: str, target: str, images: Sequence[str]) -> dict[str, RemoteMedia]:
    """Return those of the images that a site took, by the SHA-256 of their bytes."""
    if not images:
        return {}
    given = {f"sha256_{number}": sha256 for number, sha256 in enumerate(images)}
    found = run(connection, _known(len(images)), {"of_site": site, "of_target": target, **given}).rows
    return {sha256: RemoteMedia(sha256, remote_id, url) for sha256, remote_id, url in found}


@cache
def _known(images: int) -> sa.Select[Any]:
    columns = remote_media.c
    at_place = (columns.site == sa.bindparam("of_site"), columns.target == sa.bindparam("of_target"))
    among = sa.or_(*(columns.sha256 == sa.bindparam(f"sha256_{number}") for number in range(images)))
    return sa.select(columns.sha256, columns.remote_id, columns.url).where(*at_place, among)


def keep_media(connection: Connection, site: str, target: str, media: RemoteMedia, now: datetime) -> None:
    """Remember an image of a site; a later one with the same bytes takes its place."""
    values = {"sha256": media.sha256, "remote_id": media.remote_id, "url": media.url, "kept_at": now}
    later(connection, _keep(connection.dialect.name), {"site": site, "target": target, **values})


@cache
def _keep(dialect: str) -> sa.Insert:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(remote_media)
    newer = {name: statement.excluded[name] for name in ("remote_id", "url", "kept_at")}
    return statement.on_conflict_do_update(index_elements=["site", "target", "sha256"], set_=newer)
