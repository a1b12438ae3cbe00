"""The result of compiling a config root: resources with their provenance, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from reconciler.config.documents import Authored, KeywordList
from reconciler.config.resolve import Definition, Resolution
from reconciler.config.schema import Locator
from reconciler.diagnostics import Diagnostic, FieldPath, Mark, Severity, format_path, has_errors
from reconciler.ids import digest
from reconciler.kinds.account import Account
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import Spec
from reconciler.kinds.industries import IndustryCatalog
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.platform import Platform
from reconciler.kinds.providers import ProviderCatalog
from reconciler.kinds.site import Site
from reconciler.kinds.tiers import TierCatalog

SpecT = TypeVar("SpecT", bound=Spec)


@dataclass(frozen=True, slots=True)
class Resource:
    """One resolved declaration. `data` is the spec in canonical JSON form, `digest` its SHA-256."""

    kind: str
    name: str
    file: str
    spec: Spec
    data: dict[str, Any]
    digest: str
    provenance: dict[FieldPath, tuple[Definition, ...]]

    @property
    def ref(self) -> str:
        """Return `kind/name`; a singleton is just its kind."""
        return self.kind if self.name == self.kind else f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Draft:
    """What checks look at: valid specs by kind and name, everything declared, and where things were written."""

    extensions: Extensions
    today: date
    specs: dict[tuple[str, str], Spec]
    declared: frozenset[tuple[str, str]]
    documents: dict[tuple[str, str], Authored]
    resolutions: dict[tuple[str, str], Resolution]
    keyword_lists: dict[str, KeywordList]

    def all(self, kind: str, spec: type[SpecT]) -> dict[str, SpecT]:
        """Return the valid resources of a kind by name."""
        return {name: item for (slug, name), item in self.specs.items() if slug == kind and isinstance(item, spec)}

    def has(self, kind: str, name: str) -> bool:
        """Tell whether a resource is declared, be it valid or not."""
        return (kind, name) in self.declared

    @property
    def platform(self) -> Platform:
        """Return the platform, or its defaults when it is broken."""
        return self.all("platform", Platform).get("platform") or Platform()

    @property
    def models(self) -> ModelCatalog | None:
        """Return the model catalogue, or None when it is missing or broken."""
        return self.all("models", ModelCatalog).get("models")

    @property
    def providers(self) -> ProviderCatalog | None:
        """Return the provider catalogue, or None when it is missing or broken."""
        return self.all("providers", ProviderCatalog).get("providers")

    @property
    def tiers(self) -> TierCatalog | None:
        """Return the tier catalogue, or None when it is missing or broken."""
        return self.all("tiers", TierCatalog).get("tiers")

    @property
    def industries(self) -> IndustryCatalog | None:
        """Return the industry catalogue, or None when it is missing or broken."""
        return self.all("industries", IndustryCatalog).get("industries")

    @property
    def accounts(self) -> dict[str, Account]:
        """Return the valid accounts by name."""
        return self.all("account", Account)

    @property
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
        return Diagnostic(code, message, file, mark, format_path(path), hint, severity)


@dataclass(frozen=True, slots=True)
class Compilation:
    """A compiled config root. With errors among the findings it must not be planned from."""

    root: Path
    revision: str
    resources: tuple[Resource, ...]
    findings: tuple[Diagnostic, ...]
    sources: dict[str, str] = field(default_factory=dict)

    @property
    def is_valid(self) -> bool:
        """Tell whether there are no errors; warnings may be there."""
        return not has_errors(self.findings)

    @property
    def digest(self) -> str:
        """Return the digest of all resources together."""
        return digest([[item.kind, item.name, item.digest] for item in self.resources])


def describe_place(file: str, mark: Mark) -> str:
    """Return `file:line`, or "built in" for a default."""
    return f"{file}:{mark.line}" if file else "built in"
