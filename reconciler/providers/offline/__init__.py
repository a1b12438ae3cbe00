"""The offline provider: stands in for every AI provider, without a network, a key or a bill.

It answers from a request's `inputs`, the same way each time for the same seed and request, and marks every answer as
simulated. It may import the port and the vocabulary; it refuses to know the pipeline, whose answer shapes it writes by
hand. A language is one TOML file in `languages/`.
"""

from __future__ import annotations

from reconciler.providers.offline.provider import DECLARATION, OfflineProvider, make

__all__ = ["DECLARATION", "OfflineProvider", "make"]
