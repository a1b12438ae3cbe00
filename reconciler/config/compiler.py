"""The compiler: a tree of files in, a compilation out. The day, the registries and what is known already are arguments.

What is no site is compiled first and whole: there is little of it, and every site needs it. The sites follow in
batches, each forgotten when the next begins, so that memory does not grow with the specs of all.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from reconciler.config.cache import Cache
from reconciler.config.checks import CATALOG_CHECKS, ROOT_CHECKS
from reconciler.config.checks.moves import former_names
from reconciler.config.compilation import Compilation, Draft, Resource, Sources, placed_waivers
from reconciler.config.documents import SITE, Authored, Loaded, load_catalogs
from reconciler.config.environments import Hit, Laid, PatchIndex, check_patches, index_named, lay_over
from reconciler.config.resolve import Resolution, as_written, resolve_document
from reconciler.config.schema import Locator, validate
from reconciler.config.secrets import find_secrets, redact
from reconciler.config.sites import Contexts, SiteCompiler, SiteResult, about
from reconciler.config.tree import SourceFile, Tree, name_of
from reconciler.config.waivers import Waived, check_waivers, shown_once, waive
from reconciler.diagnostics import Diagnostic, in_order
from reconciler.ids import canonical_bytes, digest_bytes
from reconciler.kinds import kind_order
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import Spec
from reconciler.kinds.policy import Policy

if TYPE_CHECKING:
    from reconciler.config.policies.rules import PolicySet

# Enough for the rules to be run over many sites at once, few enough to be held beside everything else.
SITES_A_BATCH = 500
SECRET_CODE = "IG209"
LINT_CODES = ("IG212", "IG213")


def compile_tree(
    tree: Tree, extensions: Extensions, today: date, environment: str = "", cache: Cache | None = None
) -> Compilation:
    """Return the compilation of a config root, with every finding of every step.

    With an environment its patches hold; without one no patch does. What the cache knows is not worked out again; what
    is left in it is for the caller to save.
    """
    with _undisturbed():
        return _compile(tree, extensions, today, environment, cache or Cache())


def _compile(tree: Tree, extensions: Extensions, today: date, environment: str, cache: Cache) -> Compilation:
    loaded = load_catalogs(tree)
    findings = [*tree.findings, *loaded.findings]
    documents = {(item.kind.slug, item.name): item for item in loaded.documents}
    index = None
    hits: set[Hit] = set()
    if environment:
        index, found = index_named(environment, documents)
        findings.extend(found)
    draft = draft_catalogs(tree, loaded, extensions, today, findings, index, hits)
    others = sorted(ref for ref in tree.declared if ref[0] != "site")
    contexts = Contexts([repr(extensions), str(today), environment, others], loaded.digests)
    findings.extend(_check_catalogs(draft, cache, contexts.everything))
    resources = [_resource(draft, ref) for ref in draft.specs if draft.documents[ref].kind.is_resource]
    sites, doubles = _first_of_each([file for file in tree.files if file.kind is SITE])
    findings.extend(doubles)
    compiler = SiteCompiler(draft, sites, index, cache, contexts)
    results: list[SiteResult] = []
    for batch in _batches(sites):
        results.extend(compiler.compile(batch))
    for result in results:
        findings.extend(result.findings)
        hits |= result.hits
        if result.resource is not None:
            resources.append(result.resource)
    facts = tuple(result.facts for result in results if result.facts is not None)
    whole = replace(draft, facts=facts, documents=compiler.documents, resolutions=compiler.resolutions)
    for check in ROOT_CHECKS:
        findings.extend(check(whole))
    if index is not None:
        findings.extend(check_patches(index, hits, draft.names, compiler.documents, extensions))
    resources.sort(key=lambda item: (kind_order(item.kind), item.name))
    policies, found = _check_policies(tree, whole, resources, results, cache)
    findings.extend(found)
    findings.sort(key=lambda item: (item.policy, item.resource if item.policy else ""))
    counting, waived = _waive(draft, _without_secrets(findings), in_environment=bool(environment))
    return Compilation(
        tree, tuple(resources), in_order(_once(_without_lint(counting))), environment, waived, policies,
        moves=former_names(whole),
    )  # fmt: skip


def _check_policies(
    tree: Tree, draft: Draft, resources: Sequence[Resource], sites: Sequence[SiteResult], cache: Cache
) -> tuple[PolicySet | None, tuple[Diagnostic, ...]]:
    """Ask the policies about what is not known to the cache, and leave with it what they say of sites."""
    written = [(draft.documents["policy", name], policy) for name, policy in draft.all("policy", Policy).items()]
    if not written:
        return None, ()
    # Imported by roots that have policies: the others need not pay for it.
    from reconciler.config.policies.evaluate import check_policies

    known = {site.resource.name for site in sites if site.is_known and site.resource is not None}
    asked = [item for item in resources if item.kind != "site" or item.name not in known]
    checked = check_policies(written, Sources(tree), draft, asked)
    said: dict[str, list[Diagnostic]] = {}
    for item in checked.findings:
        said.setdefault(item.resource, []).append(item)
    for site in sites:
        if site.resource is None or site.is_known:
            continue
        if checked.is_open(site.resource.ref):
            cache.drop(site.file.path)
        else:
            cache.add(site.file.path, said.get(site.resource.ref, ()))
    in_force = tuple(placed for placed in placed_waivers(draft) if placed.expires_on >= draft.today)
    return replace(checked.policies, waivers=in_force), checked.findings


def _check_catalogs(draft: Draft, cache: Cache, context: str) -> Sequence[Diagnostic]:
    """Return what the rules of the catalogues find; templates alone take as long as a small root."""
    found = cache.find_catalogs(context)
    if found is None:
        found = tuple(finding for check in CATALOG_CHECKS for finding in check(draft))
        cache.put_catalogs(context, found)
    return found


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from walking over many values that all stay: it takes longer than to make them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _batches(files: Sequence[SourceFile]) -> Iterable[Sequence[SourceFile]]:
    return (files[start : start + SITES_A_BATCH] for start in range(0, len(files), SITES_A_BATCH))


def _first_of_each(files: Sequence[SourceFile]) -> tuple[list[SourceFile], list[Diagnostic]]:
    """Return the files that declare sites, each name once, and what was found about the others."""
    assert SITE is not None
    first: dict[str, SourceFile] = {}
    doubles: list[Diagnostic] = []
    for file in files:
        name = name_of(SITE, file.path)
        if name in first:
            message = f"site/{name} is declared in {first[name].path} already"
            doubles.append(Diagnostic("IG109", message, file.path, hint="rename one of the two files"))
        else:
            first[name] = file
    return list(first.values()), doubles


def draft_catalogs(
    tree: Tree, loaded: Loaded, extensions: Extensions, today: date, findings: list[Diagnostic],
    index: PatchIndex | None, hits: set[Hit],
) -> Draft:  # fmt: skip
    """Return a draft of everything but sites; what is wrong with it is added to the findings."""
    documents: dict[tuple[str, str], Authored] = {}
    left_out: set[tuple[str, str]] = set()
    for item in loaded.documents:
        ref = (item.kind.slug, item.name)
        laid = lay_over(index, item) if index is not None else Laid(item)
        hits |= laid.hits
        if laid.document is None:
            left_out.add(ref)
        else:
            documents[ref] = laid.document
    resolutions = {ref: resolve_document(item) for ref, item in documents.items()}
    specs: dict[tuple[str, str], Spec] = {}
    for ref, document in documents.items():
        spec, found = validate(document, resolutions[ref], extensions)
        secrets = find_secrets(as_written(document))
        findings.extend((*about(ref, found), *secrets))
        if spec is not None and not secrets:
            specs[ref] = spec
    return Draft(extensions, today, specs, tree.declared - left_out, documents, resolutions, loaded.keyword_lists)


@dataclass(frozen=True, slots=True)
class _Held:
    """The origin of a resource that is at hand."""

    text: bytes
    document: Authored
    folded: Resolution

    def canonical(self) -> bytes:
        return self.text

    def resolution(self) -> Resolution:
        return self.folded

    def locator(self) -> Locator:
        return Locator(self.document, self.folded)


def _resource(draft: Draft, ref: tuple[str, str]) -> Resource:
    text = canonical_bytes(draft.specs[ref].model_dump(mode="json", exclude_none=True))
    document: Authored = draft.documents[ref]
    return Resource(*ref, document.file, digest_bytes(text), _Held(text, document, draft.resolutions[ref]))


def _waive(
    draft: Draft, findings: Sequence[Diagnostic], *, in_environment: bool
) -> tuple[Sequence[Diagnostic], tuple[Waived, ...]]:
    """Return the findings that count, those about waivers among them, and those that are waived."""
    waivers = placed_waivers(draft)
    if not waivers:
        return findings, ()
    resources = {document.file: f"{kind}/{name}" for (kind, name), document in draft.documents.items()}
    counting, waived = waive(findings, waivers, today=draft.today, resources=resources)
    about_them = check_waivers(waivers, {item.by for item in waived}, counting, today=draft.today)
    # What a waiver is for may be gone in an environment; it is unused only where it is so without any.
    told = (item for item in about_them if not in_environment or item.code != "IG120")
    return (*counting, *told), shown_once(waived)


def _without_secrets(found: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return the secrets, and the findings that are not about a value that was refused as one; none repeats it."""
    secrets = [item for item in found if item.code == SECRET_CODE]
    places = {(item.file, item.mark.line, item.mark.column) for item in secrets}
    return secrets + [
        replace(item, message=redact(item.message), hint=redact(item.hint), field=redact(item.field))
        for item in found
        if item.code != SECRET_CODE and (item.file, item.mark.line, item.mark.column) not in places
    ]


def _without_lint(findings: Sequence[Diagnostic]) -> Iterable[Diagnostic]:
    """Yield the findings; a word that is refused anyway needs no advice on its quotes."""
    places = {(item.file, item.mark) for item in findings if item.code not in LINT_CODES}
    return (item for item in findings if item.code not in LINT_CODES or (item.file, item.mark) not in places)


def _once(findings: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Yield one finding a code and place: a bad value that many sites inherit is one mistake."""
    seen: set[tuple[object, ...]] = set()
    for item in findings:
        key = (item.code, item.file, item.mark, item.policy, item.message if item.mark.line == 1 else "")
        if key not in seen:
            seen.add(key)
            yield item
