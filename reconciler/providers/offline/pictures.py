"""Pictures drawn from a seed: a sky, and hills, waves or plain forms before it, labelled as an offline sample.

A picture has at most 256 flat colours. That keeps drawing and PNG encoding within a few milliseconds and files small.
"""

from __future__ import annotations

import colorsys
import io
import math
import re
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from reconciler.providers.offline.choice import Lot

LABEL = "offline sample"

_SKY_STEPS = 120
_LAYERS = 6
_LAYER_FIRST = _SKY_STEPS
_ACCENT_FIRST = _LAYER_FIRST + _LAYERS
_ACCENTS = 4
_INK_FIRST = _ACCENT_FIRST + _ACCENTS
_INK_STEPS = 16
_LABEL_EDGE_MIN = 96
_WORDS_MAX = 6
_PRINTABLE = re.compile(r"[A-Za-z0-9À-ÿ][A-Za-z0-9À-ÿ'’-]*")

# Hue, the turn of the hue from top to horizon, and the saturation of each palette.
_MOODS = (
    (0.58, 0.48, 0.42),
    (0.54, 0.10, 0.38),
    (0.72, 0.26, 0.40),
    (0.08, 0.06, 0.50),
    (0.45, 0.12, 0.34),
    (0.94, 0.12, 0.42),
)
_STYLE_SATURATION = {"vivid": 1.5, "natural": 0.75, "illustration": 1.15, "photorealistic": 1.0}

Painter = Callable[[ImageDraw.ImageDraw, int, int, Lot], None]


def paint(lot: Lot, size: tuple[int, int], *, prompt: str, style: str) -> bytes:
    """Return a PNG of the size with the label on it and in its text chunk."""
    width, height = size
    image = Image.new("P", size)
    image.putpalette(_mix_palette(lot, style))
    draw = ImageDraw.Draw(image)
    _paint_sky(draw, width, height)
    lot.pick("scene", _SCENES.get(style, _HILLY))(draw, width, height, lot)
    if min(size) >= _LABEL_EDGE_MIN:
        _write_label(image, prompt)
    chunks = PngInfo()
    chunks.add_text("igny8", LABEL)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=chunks, compress_level=2)
    return buffer.getvalue()


def _mix_palette(lot: Lot, style: str) -> list[int]:
    """Return the colours in the order of their indexes: sky, layers from far to near, accents, label."""
    hue, turn, saturation = lot.pick("mood", _MOODS)
    hue += lot.between("hue", -0.04, 0.04)
    saturation = min(saturation * _STYLE_SATURATION.get(style, 1.0), 0.85)
    sky = [
        _colour(hue + turn * share**2 * 0.5, saturation * (1 - 0.45 * share), 0.82 + 0.16 * share)
        for share in (step / (_SKY_STEPS - 1) for step in range(_SKY_STEPS))
    ]
    ground_hue = hue + turn * 0.25 + lot.between("ground", -0.08, 0.08)
    layers = [
        _colour(ground_hue, saturation * (0.55 + 0.6 * depth), 0.80 - 0.55 * depth)
        for depth in (layer / (_LAYERS - 1) for layer in range(_LAYERS))
    ]
    accents = [
        _colour(hue + 0.5 + 0.09 * place, min(saturation * 1.25, 0.8), 0.98 - 0.05 * place) for place in range(_ACCENTS)
    ]
    accents[0] = (255, 246, 214)
    ink = [(int(30 + 225 * step / (_INK_STEPS - 1)),) * 3 for step in range(_INK_STEPS)]
    return [channel for colour in (*sky, *layers, *accents, *ink) for channel in colour]


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, min(max(saturation, 0), 1), min(max(value, 0), 1))
    return round(red * 255), round(green * 255), round(blue * 255)


def _paint_sky(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    for step in range(_SKY_STEPS):
        top, bottom = step * height // _SKY_STEPS, (step + 1) * height // _SKY_STEPS
        draw.rectangle((0, top, width, bottom), fill=step)


def _paint_sun(draw: ImageDraw.ImageDraw, width: int, height: int, lot: Lot) -> None:
    x, y = width * lot.between("sun x", 0.18, 0.82), height * lot.between("sun y", 0.16, 0.42)
    radius = min(width, height) * lot.between("sun size", 0.06, 0.12)
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_ACCENT_FIRST)


def _paint_hills(draw: ImageDraw.ImageDraw, width: int, height: int, lot: Lot) -> None:
    """Draw a sun and hills, each nearer one lower, darker and calmer."""
    _paint_sun(draw, width, height, lot)
    layers = 4 + lot.below("layers", 3)
    for layer in range(layers):
        depth = (layer + 1) / layers
        base = height * (0.42 + 0.46 * depth)
        reach = height * 0.17 * (1.15 - 0.7 * depth)
        line = _ridge(lot, f"ridge:{layer}", width, base, reach)
        draw.polygon([*line, (width, height), (0, height)], fill=_LAYER_FIRST + round(depth * (_LAYERS - 1)))


def _paint_peaks(draw: ImageDraw.ImageDraw, width: int, height: int, lot: Lot) -> None:
    """Draw a sun, pointed mountains and a lake with its glint."""
    _paint_sun(draw, width, height, lot)
    shore = height * lot.between("shore", 0.66, 0.76)
    for layer in range(3):
        for place in range(4):
            x = width * ((place + lot.between(f"peak x:{layer}:{place}", 0, 0.9)) / 3.4 - 0.08)
            tall = height * lot.between(f"peak y:{layer}:{place}", 0.16, 0.40) * (1 - 0.22 * layer)
            wide = tall * lot.between(f"peak w:{layer}:{place}", 0.7, 1.15)
            draw.polygon([(x - wide, shore), (x, shore - tall), (x + wide, shore)], fill=_LAYER_FIRST + 1 + layer)
            snow = [(x, shore - tall), (x + wide * 0.2, shore - tall * 0.8), (x - wide * 0.2, shore - tall * 0.8)]
            if layer == 0:
                draw.polygon(snow, fill=_ACCENT_FIRST)
    draw.rectangle((0, shore, width, height), fill=_LAYER_FIRST)
    for line in range(14):
        y = shore + (height - shore) * (line + 0.5) / 14
        x = width * lot.between(f"glint x:{line}", 0, 0.8)
        long = width * lot.between(f"glint w:{line}", 0.08, 0.3)
        draw.rectangle((x, y, x + long, y + max(height // 250, 1)), fill=_LAYER_FIRST + 1)


def _paint_waves(draw: ImageDraw.ImageDraw, width: int, height: int, lot: Lot) -> None:
    """Draw a sun with rays over rolling waves."""
    x, y = width * lot.between("sun x", 0.25, 0.75), height * lot.between("sun y", 0.28, 0.44)
    reach = float(width + height)
    rays = 10 + lot.below("rays", 8)
    for ray in range(rays):
        start, end = math.tau * ray / rays, math.tau * (ray + 0.5) / rays
        tips = [(x + reach * math.cos(angle), y + reach * math.sin(angle)) for angle in (start, end)]
        draw.polygon([(x, y), *tips], fill=_SKY_STEPS * 3 // 4)
    _paint_sun_at(draw, x, y, min(width, height) * 0.13)
    for layer in range(5):
        base = height * (0.60 + 0.085 * layer)
        line = _ridge(lot, f"wave:{layer}", width, base, height * 0.035)
        draw.polygon([*line, (width, height), (0, height)], fill=_LAYER_FIRST + 1 + layer)


def _paint_sun_at(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_ACCENT_FIRST)


def _paint_forms(draw: ImageDraw.ImageDraw, width: int, height: int, lot: Lot) -> None:
    """Draw a grid of quarter circles, discs, triangles and bars."""
    columns = 4 + lot.below("columns", 3)
    edge = width / columns
    colours = [*range(_LAYER_FIRST + 1, _LAYER_FIRST + _LAYERS), *range(_ACCENT_FIRST, _ACCENT_FIRST + _ACCENTS)]
    for row in range(math.ceil(height / edge)):
        for column in range(columns):
            label = f"tile:{row}:{column}"
            _paint_tile(draw, column * edge, row * edge, edge, lot.shuffled(label, colours), lot.below(f"{label}!", 7))


def _paint_tile(draw: ImageDraw.ImageDraw, x: float, y: float, edge: float, colours: list[int], form: int) -> None:
    right, bottom = x + edge, y + edge
    if form < 3:
        draw.rectangle((x, y, right, bottom), fill=colours[0])
    if form in (0, 3):
        draw.ellipse((x + edge * 0.15, y + edge * 0.15, right - edge * 0.15, bottom - edge * 0.15), fill=colours[1])
    elif form in (1, 4):
        draw.pieslice((x - edge, y, right, bottom + edge), 270, 360, fill=colours[1])
    elif form == 2:
        draw.polygon([(x, bottom), (x + edge / 2, y), (right, bottom)], fill=colours[1])
    elif form == 5:
        draw.rectangle((x, y + edge * 0.35, right, y + edge * 0.65), fill=colours[1])


def _ridge(lot: Lot, label: str, width: int, base: float, reach: float) -> list[tuple[float, float]]:
    """Return a smooth line of three waves from the left edge to the right."""
    waves = [
        (
            lot.between(f"{label}:f{order}", 0.6, 1.4) * order,
            lot.between(f"{label}:p{order}", 0, math.tau),
            reach / order,
        )
        for order in (1, 2, 4)
    ]
    steps = max(width // 8, 8)
    return [
        (
            width * step / steps,
            base - sum(tall * math.sin(math.tau * rate * step / steps + phase) for rate, phase, tall in waves) / 2,
        )
        for step in range(steps + 1)
    ]


_HILLY: tuple[Painter, ...] = (_paint_hills, _paint_peaks)
_SCENES: dict[str, tuple[Painter, ...]] = {
    "illustration": (_paint_forms, _paint_hills),
    "vivid": (_paint_waves, _paint_forms),
}


def _write_label(image: Image.Image, prompt: str) -> None:
    """Write the label and the first words of the prompt on a dark band at the lower left."""
    width, height = image.size
    unit = max(min(width, height) // 34, 9)
    words = " ".join(_PRINTABLE.findall(prompt)[:_WORDS_MAX])
    lines = [LABEL, words] if words and min(width, height) >= 200 else [LABEL]
    boxes = [_font(unit).getbbox(line) for line in lines]
    band_width = min(int(max(box[2] for box in boxes)) + 2 * unit, width)
    band = Image.new("L", (band_width, int(unit * (1.4 * len(lines) + 1.1))), 0)
    draw = ImageDraw.Draw(band)
    for place, line in enumerate(lines):
        draw.text((unit, unit * (0.45 + 1.4 * place)), line, fill=255 if place == 0 else 200, font=_font(unit))
    # The grey levels of the text become the palette's ink steps, so that its edges stay smooth.
    indexes = band.point([_INK_FIRST + level * (_INK_STEPS - 1) // 255 for level in range(256)])
    image.paste(Image.frombytes("P", band.size, indexes.tobytes()), (0, height - band.height - unit))


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
