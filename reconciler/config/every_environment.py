"""Compiles a config root as it stands and again in each of its environments, so that one answer tells every mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date

from reconciler.config.cache import Cache
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import Tree, name_of
from reconciler.config.waivers import shown_once, shown_ref
from reconciler.diagnostics import Diagnostic, in_order
from reconciler.kinds.extensions import Extensions


def compile_everywhere(
    tree: Tree, extensions: Extensions, today: date, open_cache: Callable[[str], Cache] = lambda environment: Cache()
) -> Compilation:
    """Return the compilation without an environment, with what is found only in one added and said so.

    Each environment has a cache of its own, opened and saved here.
    """
    base = _compile(tree, extensions, today, "", open_cache)
    broken = {finding.file for finding in base.findings if finding.severity == "error"}
    files = [file for file in tree.files if file.kind is not None and file.kind.slug == "environment"]
    names = [name_of(file.kind, file.path) for file in files if file.kind is not None and file.path not in broken]
    others = [_compile(tree, extensions, today, name, open_cache) for name in names]
    return _merged(base, others) if others else base


def _compile(
    tree: Tree, extensions: Extensions, today: date, environment: str, open_cache: Callable[[str], Cache]
) -> Compilation:
    cache = open_cache(environment)
    compilation = compile_tree(tree, extensions, today, environment, cache)
    cache.save()
    return compilation


def _merged(base: Compilation, others: Sequence[Compilation]) -> Compilation:
    known = {_key(finding) for finding in (*base.findings, *(item.finding for item in base.waived))}
    findings, waived = list(base.findings), list(base.waived)
    for other in others:
        findings += [_told(item, other.environment) for item in other.findings if _key(item) not in known]
        fresh = (item for item in other.waived if _key(item.finding) not in known)
        waived += [replace(item, finding=_told(item.finding, other.environment)) for item in fresh]
    used = {(item.by.file, item.by.mark) for item in waived}
    kept = [item for item in findings if item.code != "IG120" or (item.file, item.mark) not in used]
    return replace(base, findings=in_order(kept), waived=shown_once(waived))


def _told(finding: Diagnostic, environment: str) -> Diagnostic:
    """Return a finding that says where it appears, and about what where the place is a patch of many resources."""
    is_patch = finding.file == f"environments/{environment}.yaml" and finding.resource != f"environment/{environment}"
    about = f", {shown_ref(finding.resource)}" if is_patch and finding.resource else ""
    message = f"in environment {environment}{about}: {finding.message}"
    return replace(finding, environment=environment, message=message)


def _key(finding: Diagnostic) -> tuple[object, ...]:
    return finding.code, finding.file, finding.mark, finding.message
