"""What a call costs us and what it is charged: the rules of domain section 4, in integers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from reconciler.kinds.models import Model
from reconciler.money import Credits, NanoUsd, divide_half_up, divide_up, parse_usd
from reconciler.usage import Usage

CostBasis = Literal["reported", "computed", "estimated", "zero"]


class UnknownPriceError(LookupError):
    """The catalogue has no price for what was asked; an unknown price is never zero."""


@dataclass(frozen=True, slots=True)
class Rates:
    """A model's prices as they stand in the catalogue, in nano-USD; the snapshot that a usage line keeps."""

    model: str
    input_per_1k: int | None
    cached_input_per_1k: int | None
    output_per_1k: int | None
    per_image: int | None
    tokens_per_credit: int | None
    credits_per_image: int | None
    cache_write_per_1k: int | None = None

    def to_json(self) -> dict[str, str | int | None]:
        """Return the snapshot as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a call cost us, split into what went in and what came out."""

    input_nano: NanoUsd
    output_nano: NanoUsd
    basis: CostBasis

    @property
    def total_nano(self) -> NanoUsd:
        """Return both together."""
        return NanoUsd(self.input_nano + self.output_nano)


def rates_of(name: str, model: Model, *, size: str = "", quality: str = "") -> Rates:
    """Return a model's rates for a size and quality of image; UnknownPriceError when the catalogue has none."""

    def nano(text: str | None) -> int | None:
        return None if text is None else parse_usd(text)

    return Rates(
        name,
        nano(model.cost_per_1k_input),
        nano(model.cost_per_1k_cached_input),
        nano(model.cost_per_1k_output),
        _image_price(name, model, size, quality) if model.type == "image" else None,
        model.tokens_per_credit,
        model.credits_per_image,
        nano(model.cost_per_1k_cache_write),
    )


def _image_price(name: str, model: Model, size: str, quality: str) -> int | None:
    price = model.cost_per_image
    if isinstance(price, dict):
        if f"{size}/{quality}" not in price:
            raise UnknownPriceError(f"{name} has no price for {size}/{quality}")
        return parse_usd(price[f"{size}/{quality}"])
    if price is None and model.cost_per_1k_output is None:
        raise UnknownPriceError(f"{name} has no cost_per_image")
    return None if price is None else parse_usd(price)


def cost_of(usage: Usage, rates: Rates, reported: NanoUsd | None = None) -> Cost:
    """Return the cost of a call: the provider's own word when it gave one, else by tokens, else by image."""
    if reported is not None:
        return Cost(NanoUsd(0), reported, "reported")
    # An image's tokens are its output: a provider that counts only the prompt has not counted the image.
    by_tokens = rates.input_per_1k is not None and usage.output_tokens > 0
    if usage.images and not by_tokens:
        if rates.per_image is None:
            raise UnknownPriceError(f"{rates.model} has no price for an image")
        return Cost(NanoUsd(0), NanoUsd(usage.images * rates.per_image), "computed")
    if rates.input_per_1k is None:
        raise UnknownPriceError(f"{rates.model} has no price for tokens")
    cached_rate = rates.input_per_1k if rates.cached_input_per_1k is None else rates.cached_input_per_1k
    write_rate = rates.input_per_1k if rates.cache_write_per_1k is None else rates.cache_write_per_1k
    fresh = usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens
    cached = usage.cached_input_tokens * cached_rate + usage.cache_write_tokens * write_rate
    into = divide_half_up(fresh * rates.input_per_1k + cached, 1000)
    out = divide_half_up(usage.output_tokens * (rates.output_per_1k or 0), 1000)
    return Cost(NanoUsd(into), NanoUsd(out), "estimated" if usage.is_estimated else "computed")


def credits_of(usage: Usage, rates: Rates) -> Credits:
    """Return what a call is charged: per started credit of tokens, or per image that succeeded."""
    if usage.images or rates.tokens_per_credit is None:
        if rates.credits_per_image is None:
            raise UnknownPriceError(f"{rates.model} has no credit rate")
        return Credits(usage.images * rates.credits_per_image)
    return Credits(divide_up(usage.total_tokens, rates.tokens_per_credit))


def revenue_of(credits: int, credit_value_nano: int) -> NanoUsd:
    """Return what credits are worth."""
    return NanoUsd(credits * credit_value_nano)
