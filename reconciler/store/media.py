"""Image files under a media root, named by what they hold. The same bytes are one file; the database has the rows.

What comes from a provider is opened here first: the word of a provider for type and size counts nothing, and what it
wrote about itself into the file (camera, place, prompt) is not passed on.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reconciler.errors import UnreachableError
from reconciler.pipeline.port import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/avif": ".avif"}
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "AVIF": "image/avif"}
_WRITERS = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "avif": "AVIF"}
_PIXELS_MAX = 64_000_000
_BYTES_MAX = 64 * 1024 * 1024
# What a file may say beside its pixels and their colours.
_SAID_INFO = frozenset({"exif", "xmp", "xml:com.adobe.xmp", "comment", "photoshop", "parameters", "prompt"})


@dataclass(frozen=True, slots=True)
class MediaRules:
    """How images are kept. `format` original keeps the provider's; `side_max` pixels; `quality` 1..100, not for PNG."""

    format: Literal["original", "png", "jpeg", "webp", "avif"] = "original"
    side_max: int = 4096
    quality: int = 85


def inspect_picture(data: bytes) -> Picture | str:
    """Return what image bytes hold, or why they are no usable image. The provider's word for their type counts nothing."""
    opened = _open(data)
    if isinstance(opened, str):
        return opened
    return _picture(data, _FORMATS[str(opened.format)], opened.size)


def prepare_picture(data: bytes, rules: MediaRules) -> tuple[Picture, bytes] | str:
    """Return an image as it is kept, or why its bytes are no usable image.

    Bytes that fit the rules already and say nothing but their pixels stay as they are, so the same image is one file.
    """
    opened = _open(data)
    if isinstance(opened, str):
        return opened
    kept = str(opened.format) if rules.format == "original" else _WRITERS[rules.format]
    if kept == opened.format and max(opened.size) <= rules.side_max and not _says_more(opened):
        return _picture(data, _FORMATS[kept], opened.size), data
    try:
        written, size = _write(opened, kept, rules)
    except (OSError, ValueError, SyntaxError) as error:
        return f"the image cannot be written as {kept}: {error}"
    return _picture(written, _FORMATS[kept], size), written


def _open(data: bytes) -> Image | str:
    """Return an image whose pixels are all there, decoded, or what is wrong with the bytes."""
    import io
    import warnings

    from PIL import Image, UnidentifiedImageError

    if len(data) > _BYTES_MAX:
        return f"the image is too large: {len(data)} bytes"
    if data.lstrip()[:1] == b"<":
        return "the bytes are no image: they are a page"
    try:
        # Pillow warns of a bomb before it refuses one; the number of pixels is checked here, before any is decoded.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=tuple(_FORMATS))
        width, height = image.size
        if width * height > _PIXELS_MAX:
            return f"the image is too large: {width}x{height}"
        image.load()
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        text = str(error)
        return f"the bytes are no image: {'they are of no kind that is kept' if 'BytesIO' in text else text}"
    return image


def _says_more(image: Image) -> bool:
    """Tell whether a file says something about itself that nobody needs to see."""
    said = {str(key).lower() for key in image.info}
    texts = set(getattr(image, "text", {}) or {})
    return bool(texts or said & _SAID_INFO or len(image.getexif()))


def _write(image: Image, kept: str, rules: MediaRules) -> tuple[bytes, tuple[int, int]]:
    import io

    from PIL import Image as Images
    from PIL import ImageOps

    # A photograph may lie on its side and say so in what is stripped.
    drawn = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    if max(drawn.size) > rules.side_max:
        scale = rules.side_max / max(drawn.size)
        size = (max(1, round(drawn.width * scale)), max(1, round(drawn.height * scale)))
        drawn = (
            drawn.convert("RGBA" if "A" in drawn.getbands() or "transparency" in drawn.info else "RGB")
            if drawn.mode == "P"
            else drawn
        )
        drawn = drawn.resize(size, Images.Resampling.LANCZOS)
    if kept == "JPEG":
        drawn = _flat(drawn)
    elif drawn.mode not in ("RGB", "RGBA", "L"):
        drawn = drawn.convert("RGBA" if "A" in drawn.getbands() or "transparency" in drawn.info else "RGB")
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    if kept != "PNG":
        options["quality"] = rules.quality
    bare = Images.new(drawn.mode, drawn.size)
    bare.paste(drawn)
    stream = io.BytesIO()
    bare.save(stream, kept, **options)
    return stream.getvalue(), drawn.size


def _flat(image: Image) -> Image:
    """Return an image without transparency, on white: JPEG has none."""
    from PIL import Image as Images

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB") if image.mode not in ("RGB", "L") else image
    seen = image.convert("RGBA")
    ground = Images.new("RGB", seen.size, (255, 255, 255))
    ground.paste(seen, mask=seen.getchannel("A"))
    return ground


def _picture(data: bytes, media_type: str, size: tuple[int, int]) -> Picture:
    return Picture(hashlib.sha256(data).hexdigest(), media_type, size[0], size[1], len(data))


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
