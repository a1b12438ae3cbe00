"""Lists the models of a catalogue, and compares their prices with a public list: drift in percent."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from reconciler.config.compilation import Compilation
from reconciler.kinds.models import Model
from reconciler.money import parse_usd
from reconciler.operations.catalogues import catalogues
from reconciler.providers.price_list import ListedPrice, listed_price


@dataclass(frozen=True, slots=True)
class PriceLine:
    """One of a model's rates in nano-USD per 1,000 tokens: ours, the list's, and by how many percent ours is off."""

    model: str
    rate: str
    ours_nano: int | None
    listed_nano: int | None

    @property
    def drift_pct(self) -> float | None:
        """Return by how many percent our price is above (or below) the listed one; None without one of them."""
        if self.ours_nano is None or not self.listed_nano:
            return None
        return round((self.ours_nano - self.listed_nano) * 100 / self.listed_nano, 1)

    def to_json(self) -> dict[str, object]:
        """Return the machine-readable form."""
        return asdict(self) | {"drift_pct": self.drift_pct}


def list_models(compilation: Compilation, *, everything: bool) -> dict[str, Model]:
    """Return the active models, or all, in the catalogue's order of showing."""
    models = catalogues(compilation)[1].models
    chosen = {name: model for name, model in models.items() if everything or model.active}
    return dict(sorted(chosen.items(), key=lambda item: (item[1].type, item[1].sort_order, item[0])))


def compare_prices(compilation: Compilation, at: datetime, *, everything: bool = False) -> tuple[PriceLine, ...]:
    """Return a line for each rate of each model that is priced by tokens; image prices are on no list."""
    providers = catalogues(compilation)[0].providers
    lines: list[PriceLine] = []
    for name, model in list_models(compilation, everything=everything).items():
        provider = providers.get(model.provider)
        if model.type == "image" or provider is None or provider.adapter == "offline":
            continue
        listed = listed_price(provider.adapter, name, at)
        lines += _lines(name, model, listed)
    return tuple(lines)


def _lines(name: str, model: Model, listed: ListedPrice | None) -> list[PriceLine]:
    def line(rate: str, ours: str | None, theirs: int | None) -> PriceLine:
        return PriceLine(name, rate, None if ours is None else parse_usd(ours), theirs)

    found = [
        line("input", model.cost_per_1k_input, listed.input_per_1k if listed else None),
        line("output", model.cost_per_1k_output, listed.output_per_1k if listed else None),
    ]
    if model.cost_per_1k_cached_input is not None:
        found.append(
            line("cached input", model.cost_per_1k_cached_input, listed.cached_input_per_1k if listed else None)
        )
    return found
