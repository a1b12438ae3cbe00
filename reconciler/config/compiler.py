"""The compiler: a tree of files in, a compilation out. Pure; the day and the registries are arguments."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from reconciler.config.checks import CHECKS
from reconciler.config.compilation import Compilation, Draft, Resource
from reconciler.config.documents import Authored, Loaded, load_documents
from reconciler.config.resolve import Resolution, resolve_document, resolve_site
from reconciler.config.schema import validate
from reconciler.config.secrets import find_secrets, redact
from reconciler.config.tree import Tree
from reconciler.diagnostics import Diagnostic, in_order
from reconciler.ids import digest
from reconciler.kinds import kind_order
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import Spec


def compile_tree(tree: Tree, extensions: Extensions, today: date) -> Compilation:
    """Return the compilation of a config root, with every finding of every step."""
    loaded = load_documents(tree)
    documents: dict[tuple[str, str], Authored] = {}
    for item in loaded.documents:
        documents.setdefault((item.kind.slug, item.name), item)
    resolutions = {ref: _resolve(item, documents, loaded, extensions) for ref, item in documents.items()}
    secrets = {ref: find_secrets(document) for ref, document in documents.items()}
    findings = list(loaded.findings)
    specs: dict[tuple[str, str], Spec] = {}
    for ref, document in documents.items():
        spec, found = validate(document, resolutions[ref], extensions)
        findings.extend(found)
        if spec is not None and not secrets[ref]:
            specs[ref] = spec
    draft = Draft(extensions, today, specs, tree.declared, documents, resolutions, loaded.keyword_lists)
    for check in CHECKS:
        findings.extend(check(draft))
    findings = _without_secrets(findings, [finding for found in secrets.values() for finding in found])
    return Compilation(
        tree.root,
        tree.revision,
        tuple(_resources(draft)),
        in_order(_once(findings)),
        {file.path: file.text for file in tree.files},
    )


def _resolve(
    document: Authored, documents: dict[tuple[str, str], Authored], loaded: Loaded, extensions: Extensions
) -> Resolution:
    if document.kind.slug != "site":
        return resolve_document(document)
    account = documents.get(("account", str(document.value.get("account"))))
    platform = documents.get(("platform", "platform"))
    return resolve_site(document, account, platform, loaded.keyword_lists, extensions)


def _without_secrets(found: Iterable[Diagnostic], secrets: list[Diagnostic]) -> list[Diagnostic]:
    """Return the secrets, and the findings that are not about a value that was refused as one; none repeats it."""
    places = {(finding.file, finding.mark.line, finding.mark.column) for finding in secrets}
    others = (item for item in found if (item.file, item.mark.line, item.mark.column) not in places)
    return secrets + [
        replace(item, message=redact(item.message), hint=redact(item.hint), field=redact(item.field)) for item in others
    ]


def _once(findings: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Yield one finding a code and place: a bad value that many sites inherit is one mistake."""
    seen: set[tuple[object, ...]] = set()
    for item in findings:
        key = (item.code, item.file, item.mark, item.message if item.mark.line == 1 else "")
        if key not in seen:
            seen.add(key)
            yield item


def _resources(draft: Draft) -> Iterable[Resource]:
    for ref in sorted(draft.specs, key=lambda item: (kind_order(item[0]), item[1])):
        spec = draft.specs[ref]
        data = spec.model_dump(mode="json", exclude_none=True)
        yield Resource(
            ref[0], ref[1], draft.documents[ref].file, spec, data, digest(data), draft.resolutions[ref].provenance
        )  # fmt: skip
