"""Rules of the provider catalogue: an adapter drives providers of one type."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic

_TYPES = {"stripe": "payment", "paypal": "payment", "resend": "email", "smtp": "email"}
_TYPES |= dict.fromkeys(("openai", "anthropic", "google", "runware", "bria", "offline"), "ai")


def check_adapters(draft: Draft) -> Iterable[Diagnostic]:
    """The adapter of a provider is one of its type."""
    if draft.providers is None:
        return
    types = _TYPES | {adapter.name: adapter.provider_type for adapter in draft.extensions.adapters}
    for name, provider in draft.providers.providers.items():
        wanted = types.get(provider.adapter, provider.type)
        if wanted != provider.type:
            yield draft.find(
                "IG417", ("providers", "providers"), ("providers", name, "adapter"),
                f"{name}: {provider.adapter} is an adapter of type {wanted}, not {provider.type}",
                hint=f"write `type: {wanted}`, or another adapter",
            )  # fmt: skip
