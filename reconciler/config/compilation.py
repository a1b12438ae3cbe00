"""The result of compiling a config root: resources with their provenance, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import orjson

from reconciler.config.documents import Authored, KeywordList
from reconciler.config.resolve import Definition, Provenance, Resolution
from reconciler.config.schema import Locator
from reconciler.config.tree import SourceFile, Tree
from reconciler.config.waivers import PlacedWaiver, Waived
from reconciler.diagnostics import Diagnostic, FieldPath, Mark, Severity, format_path, has_errors
from reconciler.ids import digest
from reconciler.kinds import find_kind
from reconciler.kinds.account import Account
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import Spec
from reconciler.kinds.industries import IndustryCatalog
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.platform import Platform
from reconciler.kinds.providers import ProviderCatalog
from reconciler.kinds.site import Site
from reconciler.kinds.tiers import TierCatalog

if TYPE_CHECKING:
    from reconciler.config.policies.rules import PolicySet

SpecT = TypeVar("SpecT", bound=Spec)


class Origin(Protocol):
    """What stands behind a resource: its content and where that came from, worked out when asked for."""

    def canonical(self) -> bytes:
        """Return the spec as canonical JSON."""

    def resolution(self) -> Resolution:
        """Return the layers that it was folded from."""

    def locator(self) -> Locator:
        """Return what finds the place where a field was written."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One resolved declaration. `digest` is the SHA-256 of its canonical JSON.

    A root has many resources and a command looks into few: what a resource says is worked out at every asking.
    """

    kind: str
    name: str
    file: str
    digest: str
    origin: Origin = field(repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str]:
        """Return kind and name."""
        return self.kind, self.name

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.name == self.kind else f"{self.kind}/{self.name}"

    def canonical(self) -> bytes:
        """Return the spec as canonical JSON."""
        return self.origin.canonical()

    @property
    def data(self) -> dict[str, Any]:
        """Return the spec in canonical JSON form."""
        data: dict[str, Any] = orjson.loads(self.origin.canonical())
        return data

    @property
    def spec(self) -> Spec:
        """Return the spec."""
        kind = find_kind(self.kind)
        assert kind is not None
        return kind.spec.model_validate_json(self.origin.canonical())

    @property
    def provenance(self) -> Provenance:
        """Return all definitions of every field, the winner first."""
        return self.origin.resolution().provenance

    def winners(self) -> Callable[[FieldPath], Definition | None]:
        """Return what finds the definition that a field comes from: for a few fields much cheaper than all of them."""
        return self.origin.resolution().winner

    def locator(self) -> Locator:
        """Return what finds the place where a field was written; one answers many questions."""
        return self.origin.locator()


class SiteFacts(NamedTuple):
    """What rules about many sites at once need to know of each.

    `folders` are those that it publishes into: its own first, then of further places, "" where one is no folder.
    """

    name: str
    account: str
    keywords: int
    folders: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class Draft:
    """What checks look at: valid specs by kind and name, everything declared, and where things were written.

    Checks of the catalogues see no sites, checks of sites a part of them, checks of the root the facts of all.
    """

    extensions: Extensions
    today: date
    specs: Mapping[tuple[str, str], Spec]
    declared: frozenset[tuple[str, str]]
    documents: Mapping[tuple[str, str], Authored]
    resolutions: Mapping[tuple[str, str], Resolution]
    keyword_lists: Mapping[str, KeywordList]
    facts: tuple[SiteFacts, ...] = ()

    def all(self, kind: str, spec: type[SpecT]) -> dict[str, SpecT]:
        """Return the valid resources of a kind by name."""
        return {name: item for (slug, name), item in self.specs.items() if slug == kind and isinstance(item, spec)}

    def _only(self, kind: str, spec: type[SpecT]) -> SpecT | None:
        """Return the valid resource of a kind that there is one of, found without looking at all resources."""
        item = self.specs.get((kind, kind))
        return item if isinstance(item, spec) else None

    def has(self, kind: str, name: str) -> bool:
        """Tell whether a resource is declared, be it valid or not."""
        return (kind, name) in self.declared

    @cached_property
    def names(self) -> dict[str, list[str]]:
        """Return the names of everything declared, by kind, in order."""
        names: dict[str, list[str]] = {}
        for kind, name in sorted(self.declared):
            names.setdefault(kind, []).append(name)
        return names

    @cached_property
    def platform(self) -> Platform:
        """Return the platform, or its defaults when it is broken."""
        return self._only("platform", Platform) or Platform()

    @cached_property
    def models(self) -> ModelCatalog | None:
        """Return the model catalogue, or None when it is missing or broken."""
        return self._only("models", ModelCatalog)

    @cached_property
    def providers(self) -> ProviderCatalog | None:
        """Return the provider catalogue, or None when it is missing or broken."""
        return self._only("providers", ProviderCatalog)

    @cached_property
    def tiers(self) -> TierCatalog | None:
        """Return the tier catalogue, or None when it is missing or broken."""
        return self._only("tiers", TierCatalog)

    @cached_property
    def industries(self) -> IndustryCatalog | None:
        """Return the industry catalogue, or None when it is missing or broken."""
        return self._only("industries", IndustryCatalog)

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """Return the valid accounts by name."""
        return self.all("account", Account)

    @cached_property
    def sites(self) -> dict[str, Site]:
        """Return the valid sites by name."""
        return self.all("site", Site)

    def find(
        self, code: str, ref: tuple[str, str], path: FieldPath, message: str, *, hint: str = "",
        severity: Severity = "error", key: bool = False,
    ) -> Diagnostic:  # fmt: skip
        """Return a finding about a field of a resource, at the place where it was written."""
        document = self.documents[ref]
        file, mark = Locator(document, self.resolutions[ref]).place(path, key=key)
        return Diagnostic(code, message, file, mark, format_path(path), hint, severity, "/".join(ref))


class Sources(Mapping[str, str]):
    """The texts of a tree's files by path, read when one is asked for; a file that cannot be read has none."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def __getitem__(self, path: str) -> str:
        source = self._files.get(path)
        text = source.read() if source else None
        if not isinstance(text, str):
            raise KeyError(path)
        return text

    @cached_property
    def _files(self) -> dict[str, SourceFile]:
        return {file.path: file for file in self._tree.files}

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


@dataclass(frozen=True)
class Compilation:
    """A compiled config root, as it is in an environment if one was chosen.

    With errors among the findings it must not be planned from. Waived findings are not among them, nor are the
    `left_out`, so many, that a limited report does not tell. `moves` are the former names of resources that tell one.
    """

    tree: Tree
    resources: tuple[Resource, ...]
    findings: tuple[Diagnostic, ...]
    environment: str = ""
    waived: tuple[Waived, ...] = ()
    policies: PolicySet | None = None
    left_out: int = 0
    moves: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """Return the folder that was compiled."""
        return self.tree.root

    @property
    def revision(self) -> str:
        """Return the git commit that the root is checked out at; "" outside of git."""
        return self.tree.revision

    @cached_property
    def sources(self) -> Mapping[str, str]:
        """Return the text of every file by its path."""
        return Sources(self.tree)

    @property
    def is_valid(self) -> bool:
        """Tell whether there are no errors; warnings may be there."""
        return not has_errors(self.findings)

    @cached_property
    def digest(self) -> str:
        """Return the digest of all resources together."""
        return digest([[item.kind, item.name, item.digest] for item in self.resources])


def placed_waivers(draft: Draft) -> tuple[PlacedWaiver, ...]:
    """Return the waivers of the platform, with their places; none when the platform is broken."""
    ref = ("platform", "platform")
    waivers = draft.platform.waivers or ()
    if ref not in draft.specs or not waivers:
        return ()
    locator = Locator(draft.documents[ref], draft.resolutions[ref])
    placed = []
    for index, waiver in enumerate(waivers):
        path: FieldPath = ("waivers", index)
        file, mark = locator.place(path)
        code_mark, expires_mark = (locator.place((*path, key))[1] for key in ("code", "expires"))
        placed.append(PlacedWaiver(waiver, file, index, mark, code_mark, expires_mark))
    return tuple(placed)


def describe_place(file: str, mark: Mark) -> str:
    """Return `file:line`, or "built in" for a default."""
    return f"{file}:{mark.line}" if file else "built in"
