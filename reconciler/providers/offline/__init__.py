"""The offline provider: stands in for every AI provider, without a network, a key or a bill.

It answers from a request's `inputs`, the same way each time for the same seed and request, and marks every answer as
simulated. It may import the port and the vocabulary; it refuses to know the pipeline, whose answer shapes it writes by
hand. A language is one TOML file in `languages/`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.kinds.extensions import AdapterDeclaration
from reconciler.kinds.providers import Provider as ProviderSpec
from reconciler.providers.port import Provider

DECLARATION = AdapterDeclaration("offline", "ai")


def make(spec: ProviderSpec, secrets: Mapping[str, str]) -> Provider:
    """Return an offline provider; it needs neither an endpoint nor a secret."""
    # Imported here: only a run that is about to call pays for it.
    from reconciler.providers.offline.provider import OfflineProvider

    return OfflineProvider()
