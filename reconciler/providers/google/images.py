"""Images by the Gemini image models: shapes and three sizes instead of pixels, no quality, no style."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.genai.types import ImageConfigDict
from pydantic_ai.images.google import GoogleImageGenerationModel, GoogleImageGenerationSettings
from pydantic_ai.providers.google import GoogleProvider

from reconciler.providers.direct import read_image
from reconciler.providers.drawing import dropped, is_exact, nearest_ratio, size_of, styled
from reconciler.providers.port import ImageAnswer, ImageRequest

_RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
# The longest edge that each size reaches in about every shape; the smallest is what a model makes when nothing is said.
_TIERS = ((1584, ""), (3168, "2K"))


def make_draw(provider: GoogleProvider) -> Callable[[ImageRequest], Awaitable[ImageAnswer]]:
    """Return the function that makes one image request."""

    async def draw(request: ImageRequest) -> ImageAnswer:
        settings, notes = image_settings(request)
        model = GoogleImageGenerationModel(request.model, provider=provider)
        return read_image(await model.generate(request.prompt, settings=settings), notes)

    return draw


def image_settings(request: ImageRequest) -> tuple[GoogleImageGenerationSettings, tuple[str, ...]]:
    """Return a request's settings in the words of the Gemini image models, and what was not passed on."""
    notes = [styled(request.style, request.model)]
    if request.quality != "standard":
        notes.append(dropped("image_quality", request.quality, request.model))
    if request.background:
        notes.append(dropped("background", request.background, request.model))
    if request.output_format:
        notes.append(dropped("output_format", request.output_format, request.model))
    ratio = nearest_ratio(request.size, _RATIOS)
    if not is_exact(request.size, ratio):
        notes.append(f"image_size {request.size} was asked for as {ratio}: {request.model} takes shapes, not pixels")
    config = ImageConfigDict(aspect_ratio=ratio)
    tier = next((name for edge, name in _TIERS if max(size_of(request.size)) <= edge), "4K")
    if tier:
        config["image_size"] = tier
    return GoogleImageGenerationSettings(google_image_config=config), tuple(notes)
