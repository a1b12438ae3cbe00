"""A public price list (the data of genai-prices, which comes with the AI extras): a second opinion, never an authority."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from reconciler.money import NanoUsd
from reconciler.providers.requirements import need_extra

# The list's names of the providers that our adapters call.
_LISTED_AS = {"openai": "openai", "anthropic": "anthropic", "google": "google"}


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A model's price in the list, in nano-USD per 1,000 tokens; None where the list says nothing."""

    input_per_1k: NanoUsd | None
    output_per_1k: NanoUsd | None
    cached_input_per_1k: NanoUsd | None


def listed_price(adapter: str, model: str, at: datetime) -> ListedPrice | None:
    """Return a model's listed price at an instant, None when the list does not know it; UnreachableError without it."""
    need_extra("ai", "genai_prices")
    from genai_prices.data_snapshot import get_snapshot

    provider = _LISTED_AS.get(adapter)
    if provider is None:
        return None
    try:
        _, info = get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None
    prices = info.get_prices(at)
    return ListedPrice(
        _per_1k(prices.input_mtok), _per_1k(prices.output_mtok), _per_1k(prices.cache_read_mtok)
    )  # fmt: skip


def _per_1k(per_million: object) -> NanoUsd | None:
    """Return nano-USD per 1,000 tokens; of prices by tiers the first, which holds for ordinary requests."""
    base = getattr(per_million, "base", per_million)
    return NanoUsd(int(base * 1_000_000)) if isinstance(base, Decimal) else None
