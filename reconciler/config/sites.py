"""Compiles sites, many at a time: what sites share is worked out once, and what is plain is not looked at twice.

Most sites of an account have the same AI settings and stages in force. The first of them is resolved and validated
whole; the others with the same lines take its results over and are validated for the rest. Both ways give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError
from pydantic_core import to_json

from reconciler.config.checks import SITE_CHECKS
from reconciler.config.checks.sites import facts_of
from reconciler.config.compilation import Draft, Resource, SiteFacts
from reconciler.config.documents import SITE, Authored, load_document
from reconciler.config.environments import Hit, Laid, PatchIndex, lay_over
from reconciler.config.resolve import Provenance, Resolution, as_written, resolve_site, with_keywords
from reconciler.config.schema import validate
from reconciler.config.secrets import find_secrets
from reconciler.config.tree import SourceFile, name_of
from reconciler.diagnostics import Diagnostic
from reconciler.ids import canonical_bytes, digest_bytes
from reconciler.kinds.fields import AiSettings
from reconciler.kinds.site import Site, StageSettings

Ref = tuple[str, str]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class SiteResult:
    """What became of one site's file: the resource and its facts if it is valid, and what was found.

    `hits` are the patches of the environment that selected it.
    """

    file: SourceFile
    resource: Resource | None
    facts: SiteFacts | None
    findings: tuple[Diagnostic, ...]
    hits: frozenset[Hit] = frozenset()


@dataclass(frozen=True, slots=True)
class _Shared:
    """AI settings and stages in force for every site with the same lines, with their canonical JSON."""

    ai: AiSettings
    stages: dict[str, StageSettings]
    ai_json: orjson.Fragment
    stages_json: orjson.Fragment


@dataclass(slots=True)
class _Site:
    """A site on its way: what was written, and what came of it so far."""

    file: SourceFile
    document: Authored
    hits: frozenset[Hit] = frozenset()
    spec: Site | None = None
    canonical: bytes = b""
    findings: list[Diagnostic] = field(default_factory=list)


class SiteCompiler:
    """Compiles the sites of one root against its catalogues; `draft` holds the catalogues and no sites.

    With an index, the patches of an environment are laid over each site as it is loaded.
    """

    def __init__(self, draft: Draft, files: Sequence[SourceFile], index: PatchIndex | None = None) -> None:
        assert SITE is not None
        self._draft = draft
        self._index = index
        self._files = {name_of(SITE, file.path): file for file in files}
        self._shared: dict[bytes, _Shared] = {}
        self._publishers = {entry.name: entry.settings.__pydantic_validator__ for entry in draft.extensions.publishers}

    @property
    def documents(self) -> Mapping[Ref, Authored]:
        """Return the documents of the catalogues, and that of a site when it is asked for."""
        return _OnDemand(self._draft.documents, lambda name: self._load(self._files[name])[0].document)

    @property
    def resolutions(self) -> Mapping[Ref, Resolution]:
        """Return the resolutions of the catalogues, and that of a site when it is asked for."""
        return _OnDemand(self._draft.resolutions, self.resolve)

    def resolve(self, name: str) -> Resolution:
        """Return the resolution of a site; KeyError when there is no such site or it cannot be read any more."""
        laid, _ = self._load(self._files[name])
        if laid.document is None:
            raise KeyError(name)
        return self._resolve(laid.document)

    def compile(self, files: Iterable[SourceFile]) -> Iterator[SiteResult]:
        """Yield the result of every file, in order."""
        sites: list[_Site] = []
        broken: dict[str, SiteResult] = {}
        order = list(files)
        for file in order:
            laid, found = self._load(file)
            if laid.document is None:  # broken, or left out in this environment
                broken[file.path] = SiteResult(file, None, None, tuple(found), laid.hits)
            else:
                sites.append(self._validate(_Site(file, laid.document, laid.hits, findings=found)))
        self._check(sites)
        done = {site.file.path: self._finish(site) for site in sites}
        for file in order:
            yield done.get(file.path) or broken[file.path]

    def _load(self, file: SourceFile) -> tuple[Laid, list[Diagnostic]]:
        assert SITE is not None
        text = file.read()
        document, found = (None, [text]) if isinstance(text, Diagnostic) else load_document(file.path, text, SITE)
        if document is None or self._index is None:
            return Laid(document), found
        return lay_over(self._index, document), found

    def _resolve(self, document: Authored) -> Resolution:
        account = self._draft.documents.get(("account", str(document.value.get("account"))))
        platform = self._draft.documents.get(("platform", "platform"))
        return resolve_site(document, account, platform, self._draft.keyword_lists, self._draft.extensions)

    def _validate(self, site: _Site) -> _Site:
        secrets = find_secrets(as_written(site.document))
        site.findings.extend(secrets)
        key = _shared_key(site.document.value)
        shared = self._shared.get(key) if key else None
        if shared is not None and self._validate_rest(site, shared):
            site.spec = None if secrets else site.spec
            return site
        spec, found = validate(site.document, self._resolve(site.document), self._draft.extensions)
        site.findings.extend(about(("site", site.document.name), found))
        if isinstance(spec, Site) and not secrets:
            site.spec = spec
            site.canonical = canonical_bytes(spec.model_dump(mode="json", exclude_none=True))
            if key and shared is None:
                self._shared[key] = _share(spec)
        return site

    def _validate_rest(self, site: _Site, shared: _Shared) -> bool:
        """Validate a site but for its AI settings and stages, which are taken over. False when anything is wrong."""
        own = {
            key: value
            for key, value in site.document.value.items()
            if key not in ("ai", "stages") and value is not None
        }
        own = with_keywords(own, self._draft.keyword_lists)
        try:
            publisher = own.get("publisher")
            if publisher is not None:
                settings = {key: value for key, value in publisher.items() if key != "type"}
                self._publishers[publisher["type"]].validate_json(orjson.dumps(settings))
            spec = Site.__pydantic_validator__.validate_json(orjson.dumps(own))
        except (ValidationError, TypeError, KeyError, AttributeError):
            return False
        data = orjson.loads(to_json(spec, exclude_none=True, exclude={"ai", "stages"}))
        data["ai"], data["stages"] = shared.ai_json, shared.stages_json
        site.spec = spec.model_copy(update={"ai": shared.ai, "stages": shared.stages})
        site.canonical = canonical_bytes(data)
        return True

    def _check(self, sites: Sequence[_Site]) -> None:
        """Run the rules over all sites at once, and give each site what was found of it."""
        valid = {("site", site.document.name): site for site in sites if site.spec is not None}
        draft = replace(
            self._draft,
            specs={**self._draft.specs, **{ref: site.spec for ref, site in valid.items() if site.spec is not None}},
            documents={**self._draft.documents, **{ref: site.document for ref, site in valid.items()}},
            resolutions=_OnDemand(self._draft.resolutions, lambda name: self._resolve(valid["site", name].document)),
        )
        for check in SITE_CHECKS:
            for finding in check(draft):
                valid["site", finding.resource.removeprefix("site/")].findings.append(finding)

    def _finish(self, site: _Site) -> SiteResult:
        if site.spec is None:
            return SiteResult(site.file, None, None, tuple(site.findings), site.hits)
        name = site.document.name
        origin = _Origin(self, name, site.canonical)
        resource = Resource("site", name, site.file.path, digest_bytes(site.canonical), origin)
        return SiteResult(site.file, resource, facts_of(name, site.spec), tuple(site.findings), site.hits)


def about(ref: Ref, findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield findings that say which resource they are about."""
    return (replace(item, resource="/".join(ref)) for item in findings)


@dataclass(frozen=True, slots=True)
class _Origin:
    """The origin of a site: what it says is at hand, where that came from is found by resolving it again."""

    compiler: SiteCompiler
    name: str
    text: bytes

    def canonical(self) -> bytes:
        return self.text

    def provenance(self) -> Provenance:
        return self.compiler.resolve(self.name).provenance


class _OnDemand(Mapping[Ref, Value]):
    """The values of the catalogues, and those of sites, found by name when they are asked for."""

    def __init__(self, catalogs: Mapping[Ref, Value], find: Any) -> None:
        self._catalogs = catalogs
        self._find = find
        self._found: dict[Ref, Value] = {}

    def __getitem__(self, ref: Ref) -> Value:
        if ref in self._catalogs:
            return self._catalogs[ref]
        if ref[0] != "site":
            raise KeyError(ref)
        if ref not in self._found:
            self._found[ref] = self._find(ref[1])
        return self._found[ref]

    def __iter__(self) -> Iterator[Ref]:
        return iter(self._catalogs)

    def __len__(self) -> int:
        return len(self._catalogs)


def _shared_key(value: Mapping[str, Any]) -> bytes:
    """Return what decides a site's AI settings and stages in force; b"" when it is not a plain case."""
    ai, stages, automation = value.get("ai"), value.get("stages"), value.get("automation")
    preset = automation.get("preset") if isinstance(automation, dict) else None
    if not isinstance(ai, dict | None) or not isinstance(stages, dict | None) or not isinstance(preset, str | None):
        return b""
    try:
        return orjson.dumps((value.get("account"), preset, ai, stages))
    except TypeError:  # an integer that JSON does not hold
        return b""


def _share(spec: Site) -> _Shared:
    data = spec.model_dump(mode="json", exclude_none=True, include={"ai", "stages"})
    return _Shared(
        spec.ai,
        spec.stages,
        orjson.Fragment(canonical_bytes(data["ai"])),
        orjson.Fragment(canonical_bytes(data["stages"])),
    )
