"""Image files under a media root, named by what they hold. The same bytes are one file; the database has the rows."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from reconciler.errors import UnreachableError
from reconciler.pipeline.port import Picture

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
_PIXELS_MAX = 64_000_000


def inspect_picture(data: bytes) -> Picture | str:
    """Return what image bytes hold, or why they are no usable image. The provider's word for their type counts nothing."""
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data), formats=tuple(_FORMATS)) as image:
            width, height = image.size
            media_type = _FORMATS[str(image.format)]
            if width * height > _PIXELS_MAX:
                return f"the image is too large: {width}x{height}"
            image.verify()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return f"the bytes are no image: {error}"
    return Picture(hashlib.sha256(data).hexdigest(), media_type, width, height, len(data))


def store_picture(media: Path, picture: Picture, data: bytes) -> Path:
    """Write the bytes under the media root, by temporary file and rename, and return where they are."""
    path = picture_path(media, picture.sha256, picture.media_type)
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError as error:
        raise UnreachableError(f"cannot write an image under {media}: {error.strerror}", hint="free space") from error
    return path


def picture_path(media: Path, sha256: str, media_type: str) -> Path:
    """Return where an image stands."""
    return media / sha256[:2] / f"{sha256}{_SUFFIXES[media_type]}"
