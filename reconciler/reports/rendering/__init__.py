"""Renderers: pure functions from reports to text, and RENDERERS, the registry.

May import the report values and the vocabulary. Knows no database and reads no clock; the same reports always give the
same text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reconciler.reports.rendering import csv, html, json, markdown
from reconciler.reports.table import Reports


@dataclass(frozen=True, slots=True)
class Renderer:
    """A format that reports can be had in, and the suffix of its files."""

    name: str
    suffix: str
    render: Callable[[Reports], str]


RENDERERS: tuple[Renderer, ...] = (
    Renderer("markdown", ".md", markdown.render),
    Renderer("csv", ".csv", csv.render),
    Renderer("json", ".json", json.render),
    Renderer("html", ".html", html.render),
)


def find_renderer(name: str) -> Renderer | None:
    """Return the renderer of this name, or None."""
    return next((renderer for renderer in RENDERERS if renderer.name == name), None)
