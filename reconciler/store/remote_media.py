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


def keep_media(
    connection: Connection, site: str, target: str, media: Sequence[RemoteMedia], now: datetime
) -> None:  # fmt: skip
    """Remember images of a site with one statement; a later one with the same bytes takes its place."""
    given: dict[str, object] = {"of_site": site, "of_target": target, "of_now": now}
    for number, one in enumerate(media):
        given |= {f"sha256_{number}": one.sha256, f"remote_id_{number}": one.remote_id, f"url_{number}": one.url}
    if media:
        later(connection, _keep(connection.dialect.name, len(media)), given)


@cache
def _keep(dialect: str, images: int) -> sa.Insert:
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(remote_media)
    shared = {"site": "of_site", "target": "of_target", "kept_at": "of_now"}
    rows = []
    for number in range(images):
        names = shared | {name: f"{name}_{number}" for name in ("sha256", "remote_id", "url")}
        rows.append({name: sa.bindparam(given, type_=remote_media.c[name].type) for name, given in names.items()})
    newer = {name: statement.excluded[name] for name in ("remote_id", "url", "kept_at")}
    return statement.values(rows).on_conflict_do_update(index_elements=["site", "target", "sha256"], set_=newer)
