"""Writes the files of a config root in the words of the current version."""

from __future__ import annotations

from pathlib import Path

from reconciler.config.documents import front_matter
from reconciler.config.migrations import migrate_text, steps_from
from reconciler.config.tree import SourceFile, read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import Diagnostic
from reconciler.operations.format import Formatted


def migrate_root(root: Path) -> list[Formatted]:
    """Return every declaration of a root with its text in the current version; what cannot be read stays as it is."""
    return [found for file in read_tree(root).files if (found := _migrate(file)) is not None]


def _migrate(file: SourceFile) -> Formatted | None:
    text = file.read()
    if isinstance(text, Diagnostic) or file.kind is None:
        return None
    head, yaml, tail = (front_matter(text) if file.path.endswith(".md") else None) or ("", text, "")
    document, found = read_yaml(yaml, file.path)
    if document is None or found or not isinstance(document.value, dict):
        return None
    after = yaml
    for step in steps_from(document.value.get("apiVersion")):
        after = migrate_text(step, file.kind.name, after)
    return Formatted(file.path, text, head + after + tail)
