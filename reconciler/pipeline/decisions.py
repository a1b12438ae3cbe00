"""What the executor decides, as pure functions: which model, which batches, when a stage stops, which run is owed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reconciler.kinds.extensions import ModelType, StageDeclaration
from reconciler.kinds.models import Model, live_model, testing_model
from reconciler.pipeline.port import Row, SiteContext

FAILURES_IN_A_ROW_MAX = 3


@dataclass(frozen=True, slots=True)
class ChosenModel:
    """The model that a stage calls, by its key in the catalogue."""

    name: str
    model: Model


@dataclass(frozen=True, slots=True)
class StagePulse:
    """How a stage is doing: failures in a row, and why it must stop, "" while it may go on."""

    failures_in_a_row: int = 0
    stop_reason: str = ""

    def after_success(self) -> StagePulse:
        """Return the pulse after an item that went well."""
        return replace(self, failures_in_a_row=0)

    def after_failure(self, reason: str) -> StagePulse:
        """Return the pulse after an item that failed; the third in a row stops the stage. A stopped one stays as it is."""
        if self.stop_reason:
            return self
        failures = self.failures_in_a_row + 1
        stop = f"{failures} failures in a row, the last: {reason}" if failures >= FAILURES_IN_A_ROW_MAX else ""
        return StagePulse(failures, stop)

    def after_refusal(self, reason: str) -> StagePulse:
        """Return the pulse after a call that the ledger refused."""
        return replace(self, stop_reason=self.stop_reason or reason)


def choose_model(context: SiteContext, stage: StageDeclaration) -> ChosenModel | str:
    """Return the model of an AI stage: Testing, else the account's preference, else Live; or why there is none."""
    assert stage.function is not None
    pinned = context.pinned_models.get(stage.key)
    if pinned is not None:
        return ChosenModel(pinned, context.models.models[pinned])
    model_type = stage.function.model_type
    if context.settings(stage).model == "testing":
        name = testing_model(context.models, model_type)
    else:
        name = _preferred(context, model_type) or live_model(context.models, model_type)
    if name is None:
        return f"there is no {context.settings(stage).model} {model_type} model"
    return ChosenModel(name, context.models.models[name])


def models_to_try(context: SiteContext, chosen: ChosenModel) -> tuple[ChosenModel, ...]:
    """Return the model and its fallbacks that can be called, each once, in order."""
    tried = {chosen.name: chosen}
    for name in chosen.model.fallbacks:
        model = context.models.models.get(name)
        provider = context.providers.providers.get(model.provider) if model else None
        if model and model.active and model.type == chosen.model.type and provider and provider.active:
            tried.setdefault(name, ChosenModel(name, model))
    return tuple(tried.values())


def _preferred(context: SiteContext, model_type: ModelType) -> str | None:
    name: str | None = getattr(context.site.ai.model_preferences, model_type, None)
    return name if name in context.models.models else None


def batches(stage: StageDeclaration, items: Sequence[Row], batch_size: int | None) -> Iterator[list[Row]]:
    """Yield the items in batches, in order; a batch stays within a sector where items have one, and on one revision."""
    size = batch_size or max(1, len(items))

    def alike(item: Row) -> tuple[object, object]:
        return item.get("sector") if stage.counts == "keywords" else None, item.get("pinned_generation")

    for _, group in groupby(items, key=alike):
        members = list(group)
        for start in range(0, len(members), size):
            yield members[start : start + size]


def items_left(per_run_limit: int, taken: int) -> int | None:
    """Return how many items a stage may still take in this run; None = all that is pending."""
    return None if per_run_limit == 0 else max(0, per_run_limit - taken)
