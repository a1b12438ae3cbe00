"""Compiles sites, many at a time: what sites share is worked out once, and what is plain is not looked at twice.

Most sites of an account have the same AI settings and stages in force. The first of them is resolved and validated
whole; the others with the same lines take its results over and are validated for the rest. Both ways give the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import orjson
from pydantic import ValidationError

from reconciler.config.cache import Cache, Entry
from reconciler.config.canonical import canonical_form
from reconciler.config.checks import SITE_CHECKS
from reconciler.config.checks.sites import facts_of
from reconciler.config.compilation import Draft, Resource, SiteFacts
from reconciler.config.documents import SITE, Authored, load_document
from reconciler.config.environments import Hit, Laid, PatchIndex, lay_over
from reconciler.config.plain_yaml import PlainReader
from reconciler.config.resolve import Resolution, as_written, resolve_site, with_keywords
from reconciler.config.schema import Locator, validate
from reconciler.config.secrets import find_secrets
from reconciler.config.tree import SourceFile, name_of
from reconciler.diagnostics import Diagnostic
from reconciler.errors import ConflictError
from reconciler.ids import canonical_bytes, digest_bytes, text_digest
from reconciler.ids import digest as digest_value
from reconciler.kinds.fields import AiSettings
from reconciler.kinds.site import Site, StageSettings

Ref = tuple[str, str]
_NONE = type(None)
_KNOWN_FIELDS_MAX = 4_000
Value = TypeVar("Value")


class SiteResult(NamedTuple):
    """What became of one site's file: the resource and its facts if it is valid, and what was found.

    `hits` are the patches of the environment that selected it.
    """

    file: SourceFile
    resource: Resource | None
    facts: SiteFacts | None
    findings: tuple[Diagnostic, ...]
    hits: frozenset[Hit] = frozenset()
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class _Shared:
    """AI settings and stages in force for every site with the same lines, with their canonical JSON."""

    ai: AiSettings
    stages: dict[str, StageSettings]
    ai_json: orjson.Fragment
    stages_json: orjson.Fragment


class _Known(NamedTuple):
    """A mapping or a list that several sites have in one field: as it was read, as it is in a spec, its canonical JSON."""

    key: str
    item: Any
    value: Any
    json: orjson.Fragment


@dataclass(slots=True)
class _Site:
    """A site on its way: what was written, and what came of it so far."""

    file: SourceFile
    document: Authored | None
    findings: list[Diagnostic]
    hits: frozenset[Hit] = frozenset()
    content: str = ""
    spec: Site | None = None
    canonical: bytes = b""


class SiteCompiler:
    """Compiles the sites of one root against its catalogues; `draft` holds the catalogues and no sites.

    With an index, the patches of an environment are laid over each site as it is loaded.
    """

    def __init__(
        self, draft: Draft, files: Sequence[SourceFile], index: PatchIndex | None, cache: Cache, contexts: Contexts
    ) -> None:
        self._draft = draft
        self._index = index
        self._cache = cache
        self._contexts = contexts
        self._all_files = files
        self._again: dict[str, bytes] = {}
        self._shared: dict[bytes, _Shared] = {}
        self._reader = PlainReader()
        self._met: dict[int, Any] = {}
        self._known_fields: dict[int, _Known] = {}
        self._publishers = {entry.name: entry.settings.__pydantic_validator__ for entry in draft.extensions.publishers}

    @cached_property
    def _files(self) -> Mapping[str, SourceFile]:
        """Return the files by the names of their sites; most compilations look nothing up."""
        assert SITE is not None
        return {name_of(SITE, file.path): file for file in self._all_files}

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

    def locator(self, name: str) -> Locator:
        """Return what finds the place where a field of a site was written; KeyError as for its resolution."""
        laid, _ = self._load(self._files[name])
        if laid.document is None:
            raise KeyError(name)
        return Locator(laid.document, self._resolve(laid.document))

    def compile(self, files: Iterable[SourceFile]) -> list[SiteResult]:
        """Return the result of every file, in order."""
        begun = [self._known(file) or self.read(file) for file in files]
        self._check([site for site in begun if isinstance(site, _Site)])
        return [self._finish(site) if isinstance(site, _Site) else site for site in begun]

    def compile_again(self, name: str, digest: str) -> bytes:
        """Return the canonical JSON of a site that was known; ConflictError when its file is another one by now."""
        if name not in self._again:
            site = self.read(self._files[name])
            if site.spec is None or digest_bytes(site.canonical) != digest:
                raise ConflictError(f"{site.file.path} was changed while it was read", hint="run the command again")
            self._again[name] = site.canonical
        return self._again[name]

    def _known(self, file: SourceFile) -> SiteResult | None:
        """Return what became of a file that is, with all that it depends on, as it was at the last compilation."""
        entry = self._cache.find(file.path)
        if entry is None or entry.context != self._contexts.of(entry.account, entry.keyword_files):
            return None
        if entry.signature is None or entry.signature != file.signature:
            text = file.read()
            if not isinstance(text, str) or text_digest(text) != entry.content:
                return None
            self._cache.put(file.path, entry._replace(signature=file.signature))
        else:
            self._cache.keep(file.path)
        if not entry.digest:
            return SiteResult(file, None, None, entry.findings, entry.hits, is_known=True)
        name = file.path[file.path.rfind("/") + 1 : -len(".yaml")]
        resource = Resource("site", name, file.path, entry.digest, _KnownOrigin(self, name, entry.digest))
        facts = SiteFacts(name, entry.account, entry.keywords, entry.folders, entry.moved)
        return SiteResult(file, resource, facts, entry.findings, entry.hits, is_known=True)

    def read(self, file: SourceFile) -> _Site:
        """Return a site read and validated; its rules are still to be checked."""
        text = file.read()
        if isinstance(text, Diagnostic):
            return _Site(file, None, [text])
        laid, found = self._lay(file, text)
        site = _Site(file, laid.document, found, laid.hits, text_digest(text) if self._cache.is_kept else "")
        if laid.document is not None:
            self._validate(site, laid.document)
        return site

    def _load(self, file: SourceFile) -> tuple[Laid, list[Diagnostic]]:
        text = file.read()
        return (Laid(None), [text]) if isinstance(text, Diagnostic) else self._lay(file, text)

    def _lay(self, file: SourceFile, text: str) -> tuple[Laid, list[Diagnostic]]:
        assert SITE is not None
        document, found = load_document(file.path, text, SITE, self._reader)
        if document is None or self._index is None:
            return Laid(document), found
        return lay_over(self._index, document), found

    def _resolve(self, document: Authored) -> Resolution:
        account = self._draft.documents.get(("account", str(document.value.get("account"))))
        platform = self._draft.documents.get(("platform", "platform"))
        return resolve_site(document, account, platform, self._draft.keyword_lists, self._draft.extensions)

    def _validate(self, site: _Site, document: Authored) -> None:
        secrets = find_secrets(as_written(document))
        site.findings.extend(secrets)
        key = self._shared_key(document.value)
        shared = self._shared.get(key) if key else None
        if shared is not None and not secrets and self._validate_rest(site, document.value, shared):
            return
        spec, found = validate(document, self._resolve(document), self._draft.extensions)
        site.findings.extend(about(("site", document.name), found))
        if isinstance(spec, Site) and not secrets:
            site.spec = spec
            site.canonical = canonical_bytes(spec.model_dump(mode="json", exclude_none=True))
            if key and shared is None:
                self._shared[key] = _share(spec)

    def _shared_key(self, value: Mapping[str, Any]) -> bytes:
        """Return what decides a site's AI settings and stages in force; b"" when it is not a plain case."""
        name, automation = value.get("account"), value.get("automation")
        account = self._draft.documents.get(("account", name)) if type(name) is str else None
        preset = automation.get("preset") if type(automation) is dict else None
        ai, stages = value.get("ai"), value.get("stages")
        if type(preset) not in (str, _NONE) or type(ai) not in (dict, _NONE) or type(stages) not in (dict, _NONE):
            return b""
        scopes = (account.value.get("ai") if account else None, preset, ai, stages)
        try:
            return orjson.dumps(scopes)
        except TypeError:  # an integer that JSON does not hold
            return b""

    def _validate_rest(self, site: _Site, value: Mapping[str, Any], shared: _Shared) -> bool:
        """Validate a site but for its AI settings and stages, which are taken over. False when anything is wrong.

        Fields that other sites wrote alike are taken over too.
        """
        own: dict[str, Any] = {}
        known: dict[str, _Known] = {}
        for key, item in value.items():
            if item is None or key == "ai" or key == "stages":
                continue
            met = self._known_fields.get(id(item))
            if met is None or met.key != key:
                own[key] = item
            else:
                known[key] = met
        fresh = [(key, item) for key, item in own.items() if type(item) is dict or type(item) is list]
        own = with_keywords(own, self._draft.keyword_lists)
        rest = own.copy()
        try:
            publisher = rest.pop("publisher", None)
            further = [item["publisher"] for item in own.get("syndication") or ()]
            for declared in (publisher, *further) if publisher is not None else further:
                settings = {key: value for key, value in declared.items() if key != "type"}
                self._publishers[declared["type"]].validate_json(orjson.dumps(settings))
            spec = Site.__pydantic_validator__.validate_json(orjson.dumps(rest))
        except (ValidationError, TypeError, KeyError, AttributeError):
            return False
        data = canonical_form(Site, own)
        # A frozen model is filled through its dict while nobody else has it; a copy would cost more than its validation.
        filled = spec.__dict__
        filled.update(ai=shared.ai, stages=shared.stages)
        if publisher is not None:
            filled["publisher"] = publisher
        for key, met in known.items():
            filled[key] = met.value
            data[key] = met.json
        data["ai"], data["stages"] = shared.ai_json, shared.stages_json
        site.spec = spec
        site.canonical = canonical_bytes(data)
        for key, item in fresh:
            if key in data:  # `moved` is no part of what is resolved
                self._meet(key, item, filled[key], data[key])
        return True

    def _meet(self, key: str, item: Any, value: Any, form: Any) -> None:
        """Remember a field of a valid site, when it is met again with what became of it.

        The reader gives the same object for the same text. What is remembered is held, so that it stays the only one.
        """
        if self._met.get(id(item)) is item:
            if len(self._known_fields) > _KNOWN_FIELDS_MAX:
                self._known_fields.clear()
            self._known_fields[id(item)] = _Known(key, item, value, orjson.Fragment(canonical_bytes(form)))
            return
        if len(self._met) > _KNOWN_FIELDS_MAX:
            self._met.clear()
        self._met[id(item)] = item

    def _check(self, sites: Sequence[_Site]) -> None:
        """Run the rules over all sites at once, and give each site what was found of it."""
        valid = {("site", site.spec.name): site for site in sites if site.spec is not None}
        documents: Mapping[Ref, Authored] = _OnDemand(self._draft.documents, lambda name: valid["site", name].document)
        draft = replace(
            self._draft,
            specs={**self._draft.specs, **{ref: site.spec for ref, site in valid.items() if site.spec is not None}},
            documents=documents,
            resolutions=_OnDemand(self._draft.resolutions, lambda name: self._resolve(documents["site", name])),
        )
        for check in SITE_CHECKS:
            for finding in check(draft):
                valid["site", finding.resource.removeprefix("site/")].findings.append(finding)

    def _finish(self, site: _Site) -> SiteResult:
        findings = tuple(site.findings)
        if site.spec is None:
            self._leave(site, "", None)
            return SiteResult(site.file, None, None, findings, site.hits)
        name, digest = site.spec.name, digest_bytes(site.canonical)
        facts = facts_of(name, site.spec)
        self._leave(site, digest, facts)
        resource = Resource("site", name, site.file.path, digest, _Origin(self, name, site.canonical))
        return SiteResult(site.file, resource, facts, findings, site.hits)

    def _leave(self, site: _Site, digest: str, facts: SiteFacts | None) -> None:
        if not self._cache.is_kept or site.document is None:
            return
        account = str(site.document.value.get("account", ""))
        sectors = site.document.value.get("sectors")
        keyword_files = tuple(
            str(sector["keywords_file"])
            for sector in (sectors if isinstance(sectors, list) else ())
            if isinstance(sector, dict) and "keywords_file" in sector
        )
        context = self._contexts.of(account, keyword_files)
        _, _, keywords, folders, moved = facts or SiteFacts("", "", 0)
        entry = Entry(
            site.file.signature, site.content, context, account, keyword_files, digest, keywords, folders, moved,
            tuple(site.findings), site.hits,
        )  # fmt: skip
        self._cache.put(site.file.path, entry)


def about(ref: Ref, findings: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield findings that say which resource they are about."""
    return (replace(item, resource="/".join(ref)) for item in findings)


class Contexts:
    """What sites depend on, as digests: everything that is no site, the site's account, its keyword files.

    `everything` tells all that is no site.
    """

    def __init__(self, common: object, digests: Mapping[str, str]) -> None:
        shared = {path: digest for path, digest in digests.items() if not path.startswith(("accounts/", "keywords/"))}
        self._common = digest_value([common, shared, sorted(path for path in digests if path not in shared)])
        self.everything = digest_value([self._common, digests])
        self._digests = digests
        self._found: dict[tuple[str, tuple[str, ...]], str] = {}

    def of(self, account: str, keyword_files: tuple[str, ...]) -> str:
        """Return the digest of what a site with this account and these keyword files depends on."""
        key = (account, keyword_files)
        if key not in self._found:
            files = (f"accounts/{account}.yaml", *keyword_files)
            self._found[key] = digest_value([self._common, [self._digests.get(file, "") for file in files]])
        return self._found[key]


class _Origin(NamedTuple):
    """The origin of a site: what it says is at hand, where that came from is found by resolving it again."""

    compiler: SiteCompiler
    name: str
    text: bytes

    def canonical(self) -> bytes:
        return self.text

    def resolution(self) -> Resolution:
        return self.compiler.resolve(self.name)

    def locator(self) -> Locator:
        return self.compiler.locator(self.name)


class _KnownOrigin(NamedTuple):
    """The origin of a site that was known already: compiled again when it is asked for."""

    compiler: SiteCompiler
    name: str
    digest: str

    def canonical(self) -> bytes:
        return self.compiler.compile_again(self.name, self.digest)

    def resolution(self) -> Resolution:
        return self.compiler.resolve(self.name)

    def locator(self) -> Locator:
        return self.compiler.locator(self.name)


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


def _share(spec: Site) -> _Shared:
    data = spec.model_dump(mode="json", exclude_none=True, include={"ai", "stages"})
    return _Shared(
        spec.ai,
        spec.stages,
        orjson.Fragment(canonical_bytes(data["ai"])),
        orjson.Fragment(canonical_bytes(data["stages"])),
    )
