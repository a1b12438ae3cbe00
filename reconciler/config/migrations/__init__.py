"""Older versions of the config language that are still read: one file each, in STEPS, from the oldest to the newest.

A step renames keys. A document of an older version is read by its old words, with a warning; `igny8 migrate` writes the
new ones, and every other byte stays.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.config.migrations import v1beta1
from reconciler.config.migrations.renames import Renames
from reconciler.config.spans import Span, read_spans
from reconciler.diagnostics import FieldPath


@dataclass(frozen=True, slots=True)
class Step:
    """From one version to the next."""

    old: str
    new: str
    renames: Renames


STEPS: tuple[Step, ...] = (Step("igny8/v1beta1", "igny8/v1", v1beta1.RENAMES),)


def steps_from(version: object) -> tuple[Step, ...]:
    """Return the steps that lead from a version to the current one; none when it is current or not known."""
    first = next((index for index, step in enumerate(STEPS) if step.old == version), len(STEPS))
    return STEPS[first:]


def new_path(step: Step, kind: str, value: Any, path: FieldPath) -> FieldPath:
    """Return the path of a value's field in the words of the next version; every key on the way may be renamed."""
    renamed: list[str | int] = []
    for index, key in enumerate(path):
        renamed.append(_new_key(step, kind, path[:index], key, value) if isinstance(key, str) else key)
        value = value[key]
    return tuple(renamed)


def _new_key(step: Step, kind: str, parents: FieldPath, key: str, siblings: Container[str]) -> str:
    for at, old, new in step.renames.get(kind, ()):
        pattern = at.split(".") if at else []
        # Where both words are written, the old one stays and is told to be unknown.
        if key == old and len(pattern) == len(parents) and new not in siblings:
            fits = (wanted in ("*", "[]") or wanted == parent for wanted, parent in zip(pattern, parents, strict=True))
            if all(fits):
                return new
    return key


def migrate_value(step: Step, kind: str, value: Any, path: FieldPath = ()) -> Any:
    """Return a value in the words of the next version."""
    if isinstance(value, dict):
        return {
            _new_key(step, kind, path, key, value): migrate_value(step, kind, item, (*path, key))
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [migrate_value(step, kind, item, (*path, index)) for index, item in enumerate(value)]
    return value


def migrate_text(step: Step, kind: str, text: str) -> str:
    """Return a text in the words of the next version, with every other byte as it was."""
    root = read_spans(text)
    if root is None:
        return text
    for start, end, new in sorted(_changes(step, kind, root, ()), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _changes(step: Step, kind: str, node: Span, path: FieldPath) -> Iterator[tuple[int, int, str]]:
    keys = {key.text for key, _ in node.entries}
    for key, value in node.entries:
        new = _new_key(step, kind, path, key.text, keys)
        if new != key.text:
            yield key.start, key.end, new
        if not path and key.text == "apiVersion" and value.text == step.old:
            yield value.start, value.end, step.new
        yield from _changes(step, kind, value, (*path, key.text))
    for index, item in enumerate(node.items):
        yield from _changes(step, kind, item, (*path, index))
