"""Changes one value in the file that declares a resource, and refuses what would make the config wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.documents import front_matter
from reconciler.config.edit import RefusedEditError, flow_text, parse_path, parse_value, set_value, unset_value
from reconciler.config.json_schema import schema_of
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import SourceFile, Tree, name_of, read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import Diagnostic, FieldPath
from reconciler.errors import BlockedError, UsageError
from reconciler.operations.app import EXTENSIONS, Installation


@dataclass(frozen=True, slots=True)
class Edited:
    """A file before and after an edit, and the errors that only the edit brings."""

    path: Path
    name: str
    before: str
    after: str
    compilation: Compilation
    new_errors: tuple[Diagnostic, ...]


def set_field(installation: Installation, ref: str, field: str, value: str) -> Edited:
    """Return the file of `kind/name` with a field set to a value, which is YAML in one line."""
    meant = parse_value(value)

    def edit(text: str, path: FieldPath, source: SourceFile) -> str:
        return set_value(text, path, meant, orders_along(source, path))

    return _edit(installation, ref, field, edit, f"set {field} to {flow_text(meant)}")


def unset_field(installation: Installation, ref: str, field: str) -> Edited:
    """Return the file of `kind/name` without a field."""
    return _edit(installation, ref, field, lambda text, path, source: unset_value(text, path), f"unset {field}")


def _edit(
    installation: Installation, ref: str, field: str, edit: Callable[[str, FieldPath, SourceFile], str], what: str
) -> Edited:
    def edit_at(text: str, value: Any, source: SourceFile) -> str:
        return edit(text, parse_path(value, field), source)

    return edit_file(installation, ref, edit_at, what)


def edit_file(
    installation: Installation, ref: str, edit: Callable[[str, Any, SourceFile], str], what: str, *,
    body: str | None = None,
) -> Edited:  # fmt: skip
    """Return the file of `kind/name` with its YAML edited, given its text and value; `body` replaces a prompt's text."""
    tree = read_tree(installation.root)
    source = _find(tree, ref)
    text = source.read()
    if isinstance(text, Diagnostic):
        raise UsageError(f"{source.path}: {text.message}")
    head, yaml, tail = (front_matter(text) if source.path.endswith(".md") else None) or ("", text, "")
    document, found = read_yaml(yaml, source.path)
    if document is None or found:
        raise UsageError(f"{source.path} cannot be read", hint="igny8 validate")
    if body is not None:
        tail = tail.partition("\n")[0] + "\n" + body
    try:
        after = head + edit(yaml, document.value, source) + tail
    except RefusedEditError as refused:
        raise BlockedError(f"cannot {what} in {source.path}: {refused}") from refused
    files = tuple(replace(file, held=after) if file is source else file for file in tree.files)
    new, fresh = judge(installation, tree, files)
    return Edited(installation.root / source.path, source.path, text, after, new, fresh)


def judge(
    installation: Installation, tree: Tree, files: tuple[SourceFile, ...]
) -> tuple[Compilation, tuple[Diagnostic, ...]]:
    """Return the compilation of a root with other files, and the errors that only those bring."""
    today = installation.clock.now().date()
    old = compile_tree(tree, EXTENSIONS, today, installation.environment)
    new = compile_tree(replace(tree, files=files), EXTENSIONS, today, installation.environment)
    known = {(item.code, item.file, item.message) for item in old.findings}
    fresh = tuple(
        item for item in new.findings
        if item.severity == "error" and (item.code, item.file, item.message) not in known
    )  # fmt: skip
    return new, fresh


def _find(tree: Tree, ref: str) -> SourceFile:
    files = {_ref(file): file for file in tree.files if file.kind is not None}
    if ref not in files:
        raise UsageError(
            f"there is no {ref}", hint=did_you_mean(ref, files) or "name it as kind/name, such as site/blog"
        )
    return files[ref]


def _ref(file: SourceFile) -> str:
    assert file.kind is not None
    return file.kind.slug if file.kind.is_singleton else f"{file.kind.slug}/{name_of(file.kind, file.path)}"


def orders_along(source: SourceFile, path: FieldPath) -> Sequence[Sequence[str]]:
    """Return the keys that the mappings along a path may have, in the schema's order."""
    assert source.kind is not None
    root = schema_of(source.kind, EXTENSIONS)
    schema: Mapping[str, Any] = root
    orders: list[Sequence[str]] = []
    for step in path:
        while "$ref" in schema:
            schema = root["definitions"][schema["$ref"].rsplit("/", 1)[1]]
        properties = schema.get("properties", {})
        orders.append(list(properties))
        below = properties.get(step) if isinstance(step, str) else schema.get("items")
        others = schema.get("additionalProperties") or next(iter(schema.get("patternProperties", {}).values()), None)
        schema = below if isinstance(below, dict) else others if isinstance(others, dict) else {}
    return orders
