"""AI providers: one adapter a file behind the port, and PROVIDERS, the registry.

May import kinds and the vocabulary. Knows neither the ledger nor the database, retries nothing by itself, and imports
an SDK only when an adapter is made. One attempt is one request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers import anthropic, bria, google, offline, openai, runware
from reconciler.providers.port import Provider


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter's declaration and the function that makes it from its catalogue entry and resolved secrets."""

    declaration: AdapterDeclaration
    make: Callable[[ProviderSpec, Mapping[str, str]], Provider]


PROVIDERS: tuple[Adapter, ...] = (
    Adapter(offline.DECLARATION, offline.make),
    Adapter(openai.DECLARATION, openai.make),
    Adapter(anthropic.DECLARATION, anthropic.make),
    Adapter(google.DECLARATION, google.make),
    Adapter(runware.DECLARATION, runware.make),
    Adapter(bria.DECLARATION, bria.make),
)


def find_adapter(name: str) -> Adapter | None:
    """Return the adapter of this name, or None when this version cannot drive it."""
    return next((adapter for adapter in PROVIDERS if adapter.declaration.name == name), None)
