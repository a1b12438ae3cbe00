"""Site settings for images in the words of providers: sizes, shapes, notes on what was not passed on. Pure."""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable

from reconciler.providers.port import Failure, ImageAnswer
from reconciler.usage import Usage

NOT_COUNTED = "the provider told no usage: the cost is an estimate by the catalogue's price of an image"
# Large images at the highest quality come to some thousands; a count beyond this one is a mistake.
_TOKENS_OF_AN_IMAGE_MAX = 200_000
_MARKS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


def size_of(size: str) -> tuple[int, int]:
    """Return width and height of WIDTHxHEIGHT, in pixels."""
    width, _, height = size.partition("x")
    return int(width), int(height)


def nearest_ratio(size: str, ratios: Iterable[str]) -> str:
    """Return the one of some `W:H` shapes that is nearest to a size; the first of equals."""
    width, height = size_of(size)

    def distance(ratio: str) -> float:
        across, _, down = ratio.partition(":")
        return abs(math.log(width * float(down) / (height * float(across))))

    return min(ratios, key=distance)


def is_exact(size: str, ratio: str) -> bool:
    """Tell whether a size has exactly this shape."""
    width, height = size_of(size)
    across, _, down = ratio.partition(":")
    return width * int(down) == height * int(across)


def dropped(setting: str, value: str, model: str) -> str:
    """Return the note that a setting was left out."""
    return f"{setting} {value} was dropped: {model} does not take it"


def styled(style: str, model: str) -> str:
    """Return the note that a style is in the prompt's words only."""
    return f"image_style {style} is asked for by the prompt alone: {model} has no such setting"


def failed(failure: Failure, *notes: str) -> ImageAnswer:
    """Return the answer of an attempt that brought no image."""
    return ImageAnswer(b"", "", Usage(), failure=failure, notes=notes)


def image_usage(
    input_tokens: int, output_tokens: int, *, image_input_tokens: int = 0, image_output_tokens: int = 0
) -> tuple[Usage, tuple[str, ...]]:
    """Return the usage of one image and a note when nobody told it, or told what cannot be.

    Without tokens of the output the catalogue's price of an image decides. Where a provider does not say which part of
    its output is the image, all of it counts as the image.
    """
    if output_tokens <= 0 or input_tokens < 0 or max(input_tokens, output_tokens) > _TOKENS_OF_AN_IMAGE_MAX:
        return Usage(images=1, is_estimated=True), (NOT_COUNTED,)
    usage = Usage(
        input_tokens=input_tokens, output_tokens=output_tokens, images=1, image_input_tokens=image_input_tokens,
        image_output_tokens=image_output_tokens or output_tokens,
    )  # fmt: skip
    return usage, ()


def decoded(encoded: str) -> bytes:
    """Return the bytes of a base64 text, with or without the head of a data URI; none when it is not base64."""
    try:
        return base64.b64decode(encoded.rpartition("base64,")[2], validate=True)
    except binascii.Error:
        return b""


def media_type_of(data: bytes) -> str:
    """Return the media type that the first bytes speak of, "" for none that we know."""
    return next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
