"""Brings the files of a config root into their one form, and says which of them are not in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from reconciler.config.documents import API_VERSION, front_matter
from reconciler.config.format import format_text, modeline_of
from reconciler.config.json_schema import schema_of
from reconciler.config.tree import SourceFile, read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import Diagnostic
from reconciler.errors import UnreachableError, UsageError
from reconciler.kinds import Kind
from reconciler.kinds.extensions import Extensions


@dataclass(frozen=True, slots=True)
class Formatted:
    """A file as it is and as it should be; with findings it cannot be told."""

    path: str
    before: str
    after: str
    findings: tuple[Diagnostic, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Tell whether the file is not in its form."""
        return self.before != self.after


def format_root(root: Path, paths: Iterable[Path], extensions: Extensions) -> list[Formatted]:
    """Return every YAML file and prompt of a root, or those of them that are at or below the paths."""
    tree = read_tree(root)
    known = [file for file in tree.files if file.kind is not None]
    chosen = [file for file in known if _is_below(root / file.path, paths)] if paths else known
    for path in paths:
        if not any(_is_below(root / file.path, [path]) for file in known):
            raise UsageError(f"{path} is no file of the config root {root}", hint="name files that igny8 reads")
    schemas = (root / "schemas").is_dir()
    return [_format(file, extensions, has_schemas=schemas) for file in chosen]


def _is_below(file: Path, paths: Iterable[Path]) -> bool:
    full = Path(os.path.abspath(file))  # noqa: PTH100 - a link stays what it is
    return any(full.is_relative_to(os.path.abspath(path)) for path in paths)  # noqa: PTH100


def _format(file: SourceFile, extensions: Extensions, *, has_schemas: bool) -> Formatted:
    text = file.read()
    if isinstance(text, Diagnostic):
        return Formatted(file.path, "", "", (text,))
    assert file.kind is not None
    return format_one(file.path, text, file.kind, extensions, has_schemas=has_schemas)


def format_one(path: str, text: str, kind: Kind, extensions: Extensions, *, has_schemas: bool) -> Formatted:
    """Return one file's text in its form."""
    head, yaml, tail = "", text, ""
    if path.endswith(".md"):
        parts = front_matter(text)
        if parts is None:
            return Formatted(path, text, text)
        head, yaml, tail = parts
    document, found = read_yaml(yaml, path, first_line=head.count("\n") + 1)
    if document is None or found:
        return Formatted(path, text, text, found)
    if not isinstance(document.value, dict) or document.value.get("apiVersion") != API_VERSION:
        return Formatted(path, text, text)  # another version's keys have another order: migrate first
    modeline = modeline_of(path, kind.slug) if has_schemas and not head else ""
    return Formatted(path, text, head + format_text(yaml, schema_of(kind, extensions), modeline) + tail)


def write_text(path: Path, text: str) -> None:
    """Replace a file's text at once, with the mode that it has."""
    try:
        mode = path.stat().st_mode if path.exists() else 0o644
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(mode & 0o7777)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UnreachableError(f"cannot write {path}: {error.strerror or error}") from error
