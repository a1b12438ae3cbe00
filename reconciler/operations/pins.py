"""What an item is made with: what is declared now, or for one that stays on an older revision, what was declared then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from reconciler.kinds.author import Author
from reconciler.kinds.extensions import ModelType, StageDeclaration
from reconciler.kinds.fields import AiSettings
from reconciler.kinds.prompt import Prompt
from reconciler.kinds.strategy import Strategy
from reconciler.pipeline.port import Row, SiteContext
from reconciler.plan.in_flight import INTAKE
from reconciler.store.engine import Database
from reconciler.store.in_flight import draining_sites, load_revision


def context_for(
    database: Database, context: SiteContext, stage: StageDeclaration, batch: Sequence[Row], now: datetime
) -> SiteContext:
    """Return the context that a stage makes a batch with; its items all stay on one revision, or on none.

    What limits a stage, and what things cost, is always what is declared now.
    """
    generation = batch[0].get("pinned_generation")
    if generation is None or generation == context.generation:
        return context
    with database.read() as connection:
        parts = load_revision(connection, context.site.name, int(generation))
    if parts is None:
        return replace(context, notes=(f"generation {generation} was not kept; made as declared now",))
    return _pinned(context, stage, int(generation), parts, now)


def _pinned(
    context: SiteContext, stage: StageDeclaration, generation: int, parts: dict[str, Any], now: datetime
) -> SiteContext:
    name, models, notes = parts["models"].get(stage.key), dict[str, str](), tuple[str, ...]()
    if name is not None and stage.function is not None:
        problem = _why_gone(context, name, stage.function.model_type, now)
        if problem:
            notes = (f"{problem}: generation {generation} called it, now the current one is called",)
        else:
            models = {stage.key: name}
    prompts = {
        name.removeprefix("prompt:"): Prompt.model_validate(spec, strict=False)
        for name, spec in parts.items()
        if name.startswith("prompt:")
    }
    return replace(
        context,
        site=context.site.model_copy(update={"ai": AiSettings.model_validate(parts["ai"], strict=False)}),
        prompts={**context.prompts, **prompts},
        author=Author.model_validate(parts["author"], strict=False) if parts["author"] else None,
        strategy=Strategy.model_validate(parts["strategy"], strict=False) if parts["strategy"] else None,
        pinned_models=models,
        notes=notes,
    )


def _why_gone(context: SiteContext, name: str, model_type: ModelType, now: datetime) -> str:
    """Return why a model can no longer be called, "" when it can."""
    model = context.models.models.get(name)
    if model is None or model.type != model_type:
        return f"the model {name} is gone"
    provider = context.providers.providers.get(model.provider)
    if not model.active or provider is None or not provider.active:
        return f"the model {name} is inactive"
    if model.shutdown_on is not None and str(model.shutdown_on) <= now.date().isoformat():
        return f"the model {name} was shut down"
    return ""


def why_draining(database: Database, context: SiteContext, stage: StageDeclaration) -> str:
    """Return why a stage takes nothing new in, "" when it does: a change waits until the site is empty."""
    if stage.key not in INTAKE:
        return ""
    with database.read() as connection:
        since = draining_sites(connection).get(context.site.name)
    if since is None:
        return ""
    return f"the site is drained since {since:%Y-%m-%d %H:%M} UTC, for a change that waits to be applied"
