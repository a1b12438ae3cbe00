"""Reads the starter sites that lie beside the generators."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = "reconciler.publishers.generators"


@cache
def starter_files(folder: str) -> dict[str, str]:
    """Return the files of a starter site by their path in it."""
    return dict(_below(files(PACKAGE) / folder, ""))


def _below(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        path = f"{prefix}{entry.name}"
        found += _below(entry, f"{path}/") if entry.is_dir() else [(path, entry.read_text("utf-8"))]
    return found
