"""What a change of files can affect: the files that depend on them, by what they refer to, and the findings about those.

A reference leads to a path whether the file exists or not, so a deleted file affects those that name it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from reconciler.config.compilation import Compilation
from reconciler.config.documents import SITE, Authored, load_document
from reconciler.config.plain_yaml import PlainReader
from reconciler.config.tree import Tree, name_of
from reconciler.diagnostics import Diagnostic

# What a declaration of a kind always depends on.
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "models": ("providers.yaml", "platform.yaml"),
    "account": ("platform.yaml", "tiers.yaml", "models.yaml"),
    "site": ("platform.yaml", "tiers.yaml", "models.yaml"),
}
_FOLDERS = {"account": "accounts", "author": "authors", "strategy": "strategies"}
# Rules over many files at once: a change of one file may have made a finding about another.
_OVER_ALL = ("environments/", "policies/")
_ROOT_WIDE = {"IG109", "IG130", "IG410", "IG411", "IG413"}


def limit_findings(compilation: Compilation, changed: Collection[str]) -> Compilation:
    """Return the compilation with the findings that the changed files (paths from the root) can affect.

    `left_out` counts the others.
    """
    dependents = find_dependents(compilation.tree)
    affected = affected_files(dependents, changed)
    files = {
        f"{file.kind.slug}/{name_of(file.kind, file.path)}": file.path
        for file in compilation.tree.files
        if file.kind is not None
    }  # fmt: skip
    kept = tuple(
        item for item in compilation.findings if _is_about(item, files.get(item.resource, item.file), affected, dependents)
    )  # fmt: skip
    return replace(compilation, findings=kept, left_out=len(compilation.findings) - len(kept))


def _is_about(
    finding: Diagnostic, own_file: str, affected: Collection[str], dependents: Mapping[str, Collection[str]]
) -> bool:
    if finding.file in affected or own_file in affected:
        return True
    if own_file != finding.file and any(path in affected for path in dependents.get(finding.file, ())):
        return True  # an inherited value: told once, for whichever of those that inherit it came first
    if finding.code in _ROOT_WIDE and any(path.startswith(("sites/", f"{finding.file}/")) for path in affected):
        return True
    is_folder = "." not in finding.file.rsplit("/", 1)[-1]
    return is_folder and any(path.startswith(f"{finding.file}/") for path in affected)


def affected_files(dependents: Mapping[str, Collection[str]], changed: Iterable[str]) -> frozenset[str]:
    """Return the changed files and all that depend on them, over any number of steps."""
    found: set[str] = set()
    waiting = list(changed)
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(dependents.get(path, ()))
    return frozenset(found)


def find_dependents(tree: Tree) -> dict[str, set[str]]:
    """Return by path the files that depend on it."""
    dependents: dict[str, set[str]] = {}
    reader = PlainReader()
    everything = {file.path for file in tree.files}
    for file in tree.files:
        if file.path.startswith(_OVER_ALL):
            dependents[file.path] = everything
        text = file.read() if file.kind is not None and file.kind.slug in _ALWAYS else None
        if file.kind is None or not isinstance(text, str):
            continue
        for path in _ALWAYS[file.kind.slug]:
            dependents.setdefault(path, set()).add(file.path)
        document, _ = load_document(file.path, text, file.kind, reader)
        if document is not None and file.kind is SITE:
            for path in _references(document):
                dependents.setdefault(path, set()).add(file.path)
    return dependents


def _references(site: Authored) -> Iterable[str]:
    for key, folder in _FOLDERS.items():
        if isinstance(name := site.value.get(key), str):
            yield f"{folder}/{name}.yaml"
    if site.value.get("industry") is not None:
        yield "industries.yaml"
    sectors = site.value.get("sectors")
    for sector in sectors if isinstance(sectors, list) else ():
        if isinstance(sector, dict) and isinstance(path := sector.get("keywords_file"), str):
            yield path
