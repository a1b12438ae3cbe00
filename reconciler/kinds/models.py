"""ModelCatalog: every AI model with its cost, its credit rate and its life. No price is written anywhere else."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.kinds.extensions import ModelType
from reconciler.kinds.fields import Count, Date, ImageSize, ModelName, Name, Positive, Spec, Text, Usd


class Supports(Spec):
    """What a model can do beyond plain completion."""

    json_mode: bool = False
    vision: bool = False
    tools: bool = False
    temperature: bool = True


class Model(Spec):
    """One model. `default` marks the Live model of its type, `testing` the cheap one for trying settings."""

    display_name: Text | None = None
    type: ModelType
    provider: Name
    cost_per_1k_input: Usd | None = None
    cost_per_1k_output: Usd | None = None
    cost_per_1k_cached_input: Usd | None = None
    cost_per_1k_cache_write: Usd | None = None
    cost_per_image: Usd | Annotated[dict[Text, Usd], Field(min_length=1)] | None = Field(
        None, description="USD, or a map SIZE/QUALITY to USD."
    )
    tokens_per_credit: Positive | None = None
    credits_per_image: Count | None = None
    max_input_tokens: Positive | None = None
    max_output_tokens: Positive | None = None
    sizes: tuple[ImageSize, ...] = ()
    supports: Supports = Supports()
    active: bool = True
    default: bool = False
    testing: bool = False
    sort_order: int = 0
    notes: str = ""
    release_date: Date | None = None
    deprecation_date: Date | None = None
    shutdown_on: Date | None = None
    replaced_by: ModelName | None = None
    fallbacks: tuple[ModelName, ...] = ()
    aliases: tuple[ModelName, ...] = ()


class ModelCatalog(Spec):
    """All models by name."""

    models: dict[ModelName, Model] = Field(default_factory=dict)


def live_model(catalog: ModelCatalog, model_type: ModelType) -> str | None:
    """Return the name of the Live model of a type, or None."""
    return _first(catalog, model_type, testing=False)


def testing_model(catalog: ModelCatalog, model_type: ModelType) -> str | None:
    """Return the name of the Testing model of a type, or None."""
    return _first(catalog, model_type, testing=True)


def _first(catalog: ModelCatalog, model_type: ModelType, *, testing: bool) -> str | None:
    for name, model in catalog.models.items():
        if model.type == model_type and model.active and (model.testing if testing else model.default):
            return name
    return None
