"""Draws charts as inline SVG. Each series has a colour and a pattern, so that colour is never the only sign.

A picture is 360 units wide, so that it stays readable on a telephone; the page may show it larger.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from reconciler.reports.rendering.cells import cell_text
from reconciler.reports.table import Chart

WIDTH = 360
_BAR_WIDTH = 232
_BAR_HEIGHT = 13
_COLUMN_HEIGHT = 150
_LABEL_MAX = 52
_DAY_LABELS_MAX = 5
_NO_LINES = Markup("")

# What is laid over the colour of each series: nothing, then lines, dots and grids.
_PATTERNS = (
    _NO_LINES,
    Markup('<path d="M-2 2L2-2M0 8L8 0M6 10L10 6"/>'),
    Markup('<path d="M2 2h1.6M6 6h1.6"/>'),
    Markup('<path d="M0 2h8M0 6h8"/>'),
    Markup('<path d="M2 0v8M6 0v8"/>'),
    Markup('<path d="M0 4h8M4 0v8"/>'),
)


def fills() -> Markup:
    """Return the patterns that all pictures of a page share."""
    patterns = (
        Markup(
            '<pattern id="fill-{0}" width="8" height="8" patternUnits="userSpaceOnUse">'
            '<rect class="s{0}" width="8" height="8"/>{1}</pattern>'
        ).format(number, lines)
        for number, lines in enumerate(_PATTERNS)
    )
    return Markup('<svg class="fills" aria-hidden="true" focusable="false"><defs>{}</defs></svg>').format(
        _joined(patterns)
    )


def draw(chart: Chart, key: str) -> Markup:
    """Return a chart as an SVG element whose ids start with the key."""
    shapes, height = {"bars": _bars, "stacked": _stacked, "columns": _columns}[chart.form](chart)
    return Markup(
        '<svg viewBox="0 0 {width} {height}" role="img" aria-labelledby="{key}-title {key}-desc">'
        '<title id="{key}-title">{title}</title><desc id="{key}-desc">{description}</desc>{shapes}</svg>'
    ).format(
        width=WIDTH, height=height, key=key, title=chart.title, description=_description(chart), shapes=_joined(shapes)
    )


def _description(chart: Chart) -> str:
    lines = zip(chart.labels, zip(*(series.values for series in chart.series), strict=True), strict=True)
    return "; ".join(
        f"{label}: "
        + ", ".join(
            f"{series.title} {cell_text(chart.kind, value)}"
            for series, value in zip(chart.series, values, strict=True)
        )
        for label, values in lines
    )  # fmt: skip


def _bars(chart: Chart) -> tuple[list[Markup], int]:
    """Draw a group of bars for each label, each bar with its own words behind it."""
    largest = max((value for series in chart.series for value in series.values), default=0)
    shapes: list[Markup] = []
    y = 0
    for index, label in enumerate(chart.labels):
        shapes.append(_text(_shortened(label), x=0, y=y + 12, style="label"))
        y += 17
        for number, series in enumerate(chart.series):
            value = series.values[index]
            width = _scaled(value, largest, _BAR_WIDTH)
            shapes.append(_rect(number, x=0, y=y, width=width, height=_BAR_HEIGHT))
            words = f"{cell_text(chart.kind, value)} {series.title.lower()}"
            shapes.append(_text(words, x=width + 6, y=y + 10.5, style="value"))
            y += _BAR_HEIGHT + 3
        y += 9
    return shapes, y


def _stacked(chart: Chart) -> tuple[list[Markup], int]:
    """Draw one bar for each label, made of its parts, with the sum at its end."""
    sums = [sum(values) for values in zip(*(series.values for series in chart.series), strict=True)]
    shapes, y = _legend(chart)
    for index, label in enumerate(chart.labels):
        shapes.append(_text(_shortened(label), x=0, y=y + 12, style="label"))
        y += 17
        x = 0.0
        for number, series in enumerate(chart.series):
            width = _scaled(series.values[index], max(sums), WIDTH - 80)
            # A gap of half a unit keeps neighbours apart without any colour.
            shapes.append(_rect(number, x=x, y=y, width=width - 0.5, height=_BAR_HEIGHT + 3))
            x += width
        shapes.append(_text(cell_text(chart.kind, sums[index]), x=x + 6, y=y + 12, style="value"))
        y += _BAR_HEIGHT + 14
    return shapes, y


def _columns(chart: Chart) -> tuple[list[Markup], int]:
    """Draw a group of columns for each day along a line, with the largest value and some of the days named."""
    largest = max((value for series in chart.series for value in series.values), default=0)
    shapes, top = _legend(chart)
    bottom = top + 16 + _COLUMN_HEIGHT
    shapes.append(_text(cell_text(chart.kind, largest), x=0, y=top + 10, style="value"))
    shapes += [_line(top + 16), _line(bottom)]
    step = WIDTH / max(len(chart.labels), 1)
    column = min(step * 0.8 / len(chart.series), 26.0)
    for index, label in enumerate(chart.labels):
        x = index * step + (step - column * len(chart.series)) / 2
        for number, series in enumerate(chart.series):
            height = _scaled(series.values[index], largest, _COLUMN_HEIGHT)
            shapes.append(_rect(number, x=x + number * column, y=bottom - height, width=column - 0.5, height=height))
        if index % (-(-len(chart.labels) // _DAY_LABELS_MAX)) == 0:
            shapes.append(_text(label[5:], x=index * step, y=bottom + 14, style="value"))
    return shapes, bottom + 20


def _legend(chart: Chart) -> tuple[list[Markup], int]:
    shapes: list[Markup] = []
    x, y = 0.0, 0
    for number, series in enumerate(chart.series):
        width = 24 + 6.4 * len(series.title)
        if x and x + width > WIDTH:
            x, y = 0.0, y + 18
        shapes.append(_rect(number, x=x, y=y + 1, width=12, height=12))
        shapes.append(_text(series.title, x=x + 17, y=y + 11, style="value"))
        x += width
    return shapes, y + 24


def _scaled(value: int, largest: int, length: int) -> float:
    """Return the length of a value; what is not zero stays visible."""
    if value <= 0 or largest <= 0:
        return 0.0
    return max(round(length * value / largest, 1), 1.5)


def _rect(number: int, *, x: float, y: float, width: float, height: float) -> Markup:
    if width <= 0 or height <= 0:
        return _NO_LINES
    return Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" fill="url(#fill-{})"/>').format(
        x, y, width, height, number % len(_PATTERNS)
    )


def _text(words: str, *, x: float, y: float, style: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}">{}</text>').format(style, x, y, words)


def _line(y: float) -> Markup:
    return Markup('<line class="axis" x1="0" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(WIDTH, y, y)


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_MAX else f"{label[: _LABEL_MAX - 1]}…"


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup("").join(parts)
