"""The two catalogues of a config root, as specs: what the commands about providers and models look into."""

from __future__ import annotations

from typing import TypeVar

from reconciler.config.compilation import Compilation
from reconciler.kinds.fields import Spec
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.providers import ProviderCatalog

SpecT = TypeVar("SpecT", bound=Spec)


def catalogues(compilation: Compilation) -> tuple[ProviderCatalog, ModelCatalog]:
    """Return the catalogues of a valid compilation, empty ones where the root has none."""
    return _only(compilation, "providers", ProviderCatalog), _only(compilation, "models", ModelCatalog)


def _only(compilation: Compilation, kind: str, spec: type[SpecT]) -> SpecT:
    found = next((item.spec for item in compilation.resources if item.kind == kind), None)
    return found if isinstance(found, spec) else spec()
