"""Writes the files of resources that stand in the database only, as people would have written them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.config.authoring import document_text, without_defaults
from reconciler.config.compilation import Compilation
from reconciler.config.edit import RefusedEditError, set_value
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import SourceFile, Tree, read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import Diagnostic
from reconciler.errors import BlockedError, UsageError
from reconciler.kinds import Kind, find_kind, kind_order
from reconciler.operations.app import EXTENSIONS, Installation
from reconciler.operations.edit import judge
from reconciler.operations.format import format_one
from reconciler.plan.diff import diff_specs
from reconciler.store.engine import Database
from reconciler.store.resources import load_actual

Ref = tuple[str, str]
# The mappings of a catalogue whose entries can be taken over one by one.
CATALOGUES: dict[str, tuple[str, ...]] = {
    "providers": ("providers",),
    "models": ("models",),
    "tiers": ("tiers", "credit_packages"),
    "industries": ("industries",),
}


@dataclass(frozen=True, slots=True)
class Imported:
    """A file before and after; before is "" for one that is new."""

    path: str
    before: str
    after: str
    refs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import would write, the root as it would be, and the errors that only this brings."""

    files: tuple[Imported, ...]
    compilation: Compilation
    new_errors: tuple[Diagnostic, ...]


def find_importable(installation: Installation, database: Database) -> tuple[str, ...]:
    """Return everything that only the database has: resources without a file, and entries that no catalogue's file has."""
    tree = read_tree(installation.root)
    return tuple(_importable(tree, _live(database)))


def import_resources(installation: Installation, database: Database, refs: Collection[str]) -> ImportResult:
    """Return the files that declare what the database has, each resource just as it is there.

    Raises UsageError for what is not only in the database, and BlockedError where it cannot be written as it is.
    """
    tree, live = read_tree(installation.root), _live(database)
    known = _importable(tree, live)
    for ref in refs:
        if ref not in known:
            _refuse(ref, tree, live, known)
    has_schemas = (installation.root / "schemas").is_dir()
    written: dict[str, Imported] = {}
    resources = [ref for ref in refs if known[ref].entry is None]
    files = _with_files(tree, {known[ref].path: _plain_text(known[ref]) for ref in resources})
    inherited = judge(installation, tree, files)[0] if any(ref.startswith("site/") for ref in resources) else None
    for ref in resources:
        item = known[ref]
        text = document_text(item.kind, item.data, _inherited(inherited, item))
        after = format_one(item.path, text, item.kind, EXTENSIONS, has_schemas=has_schemas).after
        written[item.path] = Imported(item.path, "", after, (ref,))
    for ref in refs:
        if known[ref].entry is not None:
            _insert(tree, known[ref], ref, written)
    new, fresh = judge(installation, tree, _with_files(tree, {path: item.after for path, item in written.items()}))
    if not fresh:
        _check(new, [known[ref] for ref in refs])
    return ImportResult(tuple(written.values()), new, fresh)


@dataclass(frozen=True, slots=True)
class _Item:
    """What can be imported: a resource, or an `entry` of a catalogue: the mapping and the key in it."""

    kind: Kind
    name: str
    path: str
    data: Mapping[str, Any]
    entry: tuple[str, str] | None = None


def _live(database: Database) -> dict[Ref, Mapping[str, Any]]:
    with database.read() as connection:
        return {ref: item.spec for ref, item in load_actual(connection).items()}


def _importable(tree: Tree, live: Mapping[Ref, Mapping[str, Any]]) -> dict[str, _Item]:
    found: dict[str, _Item] = {}
    for (slug, name), data in sorted(live.items(), key=lambda item: (kind_order(item[0][0]), item[0][1])):
        kind = find_kind(slug)
        assert kind is not None
        if (slug, name) not in tree.declared:
            ref = slug if kind.is_singleton else f"{slug}/{name}"
            found[ref] = _Item(kind, name, _place(tree, kind, name, data), data)
        elif slug in CATALOGUES:
            found.update(_entries(tree, kind, data))
    return found


def _place(tree: Tree, kind: Kind, name: str, data: Mapping[str, Any]) -> str:
    """Return the path of a resource's file; a site joins the others of its account where those have a folder."""
    folder = f"sites/{data.get('account')}"
    if kind.slug == "site" and any(file.path.startswith(f"{folder}/") for file in tree.files):
        return f"{folder}/{name}.yaml"
    return kind.place.replace("**/", "").replace("*", name)


def _entries(tree: Tree, kind: Kind, data: Mapping[str, Any]) -> Iterable[tuple[str, _Item]]:
    written = _value_of(tree, kind.place)
    for mapping in CATALOGUES[kind.slug]:
        there = written.get(mapping) or {}
        for key in data.get(mapping, {}):
            if isinstance(there, Mapping) and key not in there:
                yield f"{kind.slug}/{key}", _Item(kind, kind.slug, kind.place, data, (mapping, key))


def _value_of(tree: Tree, path: str) -> Mapping[str, Any]:
    text = _text_of(tree, path)
    document, _ = read_yaml(text, path)
    return document.value if document is not None and isinstance(document.value, dict) else {}


def _text_of(tree: Tree, path: str) -> str:
    source = next((file for file in tree.files if file.path == path), None)
    text = source.read() if source is not None else ""
    return text if isinstance(text, str) else ""


def _refuse(ref: str, tree: Tree, live: Mapping[Ref, Mapping[str, Any]], known: Collection[str]) -> None:
    kind, _, name = ref.partition("/")
    if (kind, name or kind) in tree.declared:
        raise UsageError(f"{ref} has a file already", hint=f"`igny8 adopt {ref}` takes live values into it")
    if (kind, name or kind) not in live:
        raise UsageError(f"there is no {ref} in the database", hint=did_you_mean(ref, known) or "igny8 import --all")
    raise UsageError(f"{ref} cannot be imported", hint="igny8 import --all")


def _plain_text(item: _Item) -> str:
    """Return the text without AI settings and stages of its own: what it inherits is seen by compiling it."""
    data = {key: value for key, value in item.data.items() if key not in ("ai", "stages") or item.kind.slug != "site"}
    return document_text(item.kind, data)


def _inherited(compilation: Compilation | None, item: _Item) -> Mapping[str, Any] | None:
    if compilation is None or item.kind.slug != "site":
        return None
    found = next((part for part in compilation.resources if part.key == ("site", item.name)), None)
    return None if found is None else found.data


def _with_files(tree: Tree, texts: Mapping[str, str]) -> tuple[SourceFile, ...]:
    """Return the files of the tree with others, or other texts, held in memory."""
    from reconciler.config.tree import kind_of_path

    kept = [replace(file, held=texts[file.path]) if file.path in texts else file for file in tree.files]
    there = {file.path for file in kept}
    kept += [
        SourceFile(path, kind_of_path(path), tree.root, held=text) for path, text in texts.items() if path not in there
    ]
    return tuple(sorted(kept, key=lambda file: file.path))


def _insert(tree: Tree, item: _Item, ref: str, written: dict[str, Imported]) -> None:
    """Insert an entry into a catalogue's file, after those that stand there."""
    assert item.entry is not None
    mapping, key = item.entry
    known = written.get(item.path)
    before = known.before if known else _text_of(tree, item.path)
    whole = without_defaults(item.kind.spec, {mapping: {key: item.data[mapping][key]}})
    try:
        after = set_value(known.after if known else before, (mapping, key), whole.get(mapping, {}).get(key, {}))
    except RefusedEditError as refused:
        raise BlockedError(f"cannot insert {ref} into {item.path}: {refused}") from refused
    written[item.path] = Imported(item.path, before, after, (*(known.refs if known else ()), ref))


def _check(compilation: Compilation, items: Iterable[_Item]) -> None:
    """Raise BlockedError when a resource would not be declared just as the database has it."""
    declared = {part.key: part for part in compilation.resources}
    for item in items:
        found = declared.get((item.kind.slug, item.name))
        assert found is not None
        if item.entry is not None:
            mapping, key = item.entry
            differing = diff_specs(found.data[mapping].get(key), item.data[mapping][key], None)
            fields = [part.field for part in differing if part.before != part.after]
        else:
            fields = [part.field for part in diff_specs(found.data, item.data, item.data)]
        if fields:
            raise BlockedError(
                f"{item.kind.slug}/{item.name} cannot be declared as it is in the database: {', '.join(fields)}",
                hint="what it inherits says otherwise there; import by hand",
            )


def write_files(root: Path, files: Iterable[Imported]) -> None:
    """Write the files; one that appeared meanwhile is refused."""
    from reconciler.operations.format import write_text

    for item in files:
        path = root / item.path
        if not item.before and path.exists():
            raise BlockedError(f"{item.path} exists already", hint="nothing is overwritten; run the command again")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, item.after)
