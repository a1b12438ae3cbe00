"""The images of an article in the site's media library: each under a slug made of its bytes, so that it stands there once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.publishers.port import ArticleImage, Notebook, PublishFailure, RemoteMedia
from reconciler.publishers.wordpress.api import WordPressApi
from reconciler.publishers.wordpress.failures import RefusedError
from reconciler.publishers.wordpress.post import plain_text

_FIELDS = "id,slug,source_url"
_FINDING, _UPLOADING = "look at the media library", "upload images"


def ensure_media(
    api: WordPressApi, images: Iterable[ArticleImage], notebook: Notebook
) -> dict[str, RemoteMedia]:  # fmt: skip
    """Return the site's image for each SHA-256, uploading what it does not have; the slug finds what nobody noted.

    WordPress keeps two images from having one slug only while nobody else uploads at that moment. So whoever has uploaded
    looks again, and the oldest wins whoever asks.
    """
    wanted = {image.sha256: image for image in images}
    if not wanted:
        return {}
    there = _by_slug(api, wanted)
    noted = {sha256: media for sha256 in wanted.keys() - there.keys() if (media := notebook.media(sha256))}
    there |= _still_there(api, noted)
    there |= _oldest(api, {sha256: _upload(api, image) for sha256, image in wanted.items() if sha256 not in there})
    notebook.keep_media(*(media for sha256, media in there.items() if notebook.media(sha256) != media))
    return there


def slug_of(sha256: str) -> str:
    """Return the slug of an image."""
    return f"igny8-{sha256}"


def _by_slug(api: WordPressApi, wanted: Iterable[str]) -> dict[str, RemoteMedia]:
    """Return the images that stand under their slugs; of twins the oldest."""
    slugs = {slug_of(sha256): sha256 for sha256 in wanted}
    rows = api.get("/wp/v2/media", _FINDING, slug=",".join(slugs), per_page=100, _fields=_FIELDS, orderby="id")
    return {slugs[row["slug"]]: _media(slugs[row["slug"]], row) for row in rows if row["slug"] in slugs}


def _still_there(api: WordPressApi, noted: Mapping[str, RemoteMedia]) -> dict[str, RemoteMedia]:
    """Return those of the noted images that the site still has: a person may have given them another slug.

    A number with another file is another image: numbers begin anew with a new site. Its host may be another by now.
    """
    if not noted:
        return {}
    ids = ",".join(media.remote_id for media in noted.values())
    rows = api.get("/wp/v2/media", _FINDING, include=ids, per_page=100, _fields=_FIELDS)
    found = {(str(row["id"]), urlsplit(row["source_url"]).path): row for row in rows}
    at = {sha256: (media.remote_id, urlsplit(media.url).path) for sha256, media in noted.items()}
    return {sha256: _media(sha256, found[place]) for sha256, place in at.items() if place in found}


def _upload(api: WordPressApi, image: ArticleImage) -> RemoteMedia:
    """Send an image with all that belongs to it in one request, which stands under its slug or not at all."""
    try:
        data = Path(image.path).read_bytes()
    except OSError as error:
        message = f"the image {image.path} cannot be read: {error.strerror}"
        raise RefusedError(PublishFailure(message, "try-again")) from error
    suffix = Path(image.file_name).suffix
    name = (
        image.file_name if image.file_name.isascii() and '"' not in image.file_name else f"{image.sha256[:16]}{suffix}"
    )
    headers = {
        "Content-Type": image.media_type,
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-MD5": base64.b16encode(hashlib.md5(data, usedforsecurity=False).digest()).decode().lower(),
    }
    about = {"slug": slug_of(image.sha256), "alt_text": image.alt}
    about |= {"caption": plain_text(image.caption), "title": plain_text(image.alt)}
    try:
        made = api.upload("/wp/v2/media", _UPLOADING, data, headers, {**about, "_fields": _FIELDS})
    except RefusedError as error:
        if error.failure.scope != "article":
            raise
        size = f"{len(data) / 1_000_000:.1f} MB"
        failure = PublishFailure(f"{name} ({size}): {error.failure.message}", hint=error.failure.hint)
        raise RefusedError(failure, error.code, error.status) from error
    return _media(image.sha256, made)


def _oldest(api: WordPressApi, made: Mapping[str, RemoteMedia]) -> dict[str, RemoteMedia]:
    """Return the oldest image under the slug of each that has just been made, and take back those that came second."""
    if not made:
        return {}
    oldest = {**made, **_by_slug(api, made)}
    for sha256, media in made.items():
        if media.remote_id != oldest[sha256].remote_id:
            api.delete(f"/wp/v2/media/{media.remote_id}", "delete images")
    return oldest


def _media(sha256: str, row: Mapping[str, Any]) -> RemoteMedia:
    return RemoteMedia(sha256, str(row["id"]), str(row["source_url"]))
