"""Rules of the model catalogue: references, Live and Testing, completeness, life, and the expected margin."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from itertools import pairwise

from reconciler.config.compilation import Draft
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic, FieldPath
from reconciler.kinds.models import Model, live_model, testing_model
from reconciler.money import format_usd, parse_usd

_REF = ("models", "models")
_SIZE_AND_QUALITY = re.compile(r"[1-9]\d{1,4}x[1-9]\d{1,4}/(standard|hd)")
_SHUTDOWN_NOTICE = timedelta(days=60)
# A typical call for comparing models: what an article takes in and gives out.
_TYPICAL_INPUT_TOKENS, _TYPICAL_OUTPUT_TOKENS = 1000, 2000


def check_references(draft: Draft) -> Iterable[Diagnostic]:
    """Providers, replacements and fallbacks that a model names exist and fit."""
    if draft.models is None:
        return
    models = draft.models.models
    for name, model in models.items():
        if draft.providers is not None and model.provider not in draft.providers.providers:
            yield draft.find(
                "IG301", _REF, ("models", name, "provider"), f"{name}: there is no provider {model.provider!r}",
                hint=did_you_mean(model.provider, draft.providers.providers),
            )  # fmt: skip
        named: list[tuple[FieldPath, str]] = [(("replaced_by",), model.replaced_by)] if model.replaced_by else []
        named += [(("fallbacks", index), fallback) for index, fallback in enumerate(model.fallbacks)]
        for path, other in named:
            if other not in models:
                yield draft.find(
                    "IG301", _REF, ("models", name, *path), f"{name}: there is no model {other!r}",
                    hint=did_you_mean(other, models),
                )  # fmt: skip
            elif models[other].type != model.type:
                yield draft.find(
                    "IG302", _REF, ("models", name, *path),
                    f"{name}: {other} is a {models[other].type} model, not {model.type}",
                )  # fmt: skip


def check_fallbacks(draft: Draft) -> Iterable[Diagnostic]:
    """A model's fallbacks can be called."""
    if draft.models is None:
        return
    models = draft.models.models
    for name, model in models.items():
        if not model.active:
            continue
        for index, other in enumerate(model.fallbacks):
            fallback = models.get(other)
            if fallback is None:
                continue
            provider = draft.providers.providers.get(fallback.provider) if draft.providers else None
            why = (
                "is not active" if not fallback.active
                else f"has the inactive provider {fallback.provider}" if provider is not None and not provider.active
                else ""
            )  # fmt: skip
            if why:
                yield draft.find(
                    "IG431", _REF, ("models", name, "fallbacks", index), f"{name}: the fallback {other} {why}",
                    hint="it is never tried: remove it, or activate it", severity="warning",
                )  # fmt: skip


def check_live_and_testing(draft: Draft) -> Iterable[Diagnostic]:
    """Each type in use has exactly one Live model and at most one Testing model, never the same."""
    if draft.models is None:
        return
    models = {name: model for name, model in draft.models.models.items() if model.active}
    for name, model in models.items():
        if model.default and model.testing:
            yield draft.find(
                "IG401", _REF, ("models", name, "testing"), f"{name} is marked both default and testing",
                hint="Live and Testing are two models",
            )  # fmt: skip
    for model_type in dict.fromkeys(model.type for model in models.values()):
        live = [name for name, model in models.items() if model.type == model_type and model.default]
        testing = [name for name, model in models.items() if model.type == model_type and model.testing]
        if not live:
            yield draft.find(
                "IG401", _REF, ("models",), f"no active {model_type} model is marked `default: true`", key=True,
                hint="mark the Live model",
            )  # fmt: skip
        for field, names in (("default", live), ("testing", testing)):
            for name in names[1:]:
                yield draft.find(
                    "IG401", _REF, ("models", name, field), f"{names[0]} is the active {field} {model_type} model already",
                    hint=f"remove `{field}` from one of them",
                )  # fmt: skip


def check_completeness(draft: Draft) -> Iterable[Diagnostic]:
    """An active model has its costs, its credit rate and an active provider, and no field of the other type."""
    if draft.models is None:
        return
    for name, model in draft.models.models.items():
        wrong = "tokens_per_credit" if model.type == "image" else "credits_per_image"
        if getattr(model, wrong) is not None:
            yield draft.find("IG402", _REF, ("models", name, wrong), f"{name}: {wrong} is not for {model.type} models")
        if model.type != "image" and model.cost_per_image is not None:
            yield draft.find(
                "IG402", _REF, ("models", name, "cost_per_image"), f"{name}: cost_per_image is for image models"
            )
        if not model.active:
            continue
        for field in _missing(model):
            yield draft.find(
                "IG402", _REF, ("models", name), f"{name} is active but has no {field}", key=True,
                hint=f"add `{field}`, or write `active: false`",
            )  # fmt: skip
        provider = draft.providers.providers.get(model.provider) if draft.providers else None
        if provider is not None and (not provider.active or provider.type != "ai"):
            what = "is not active" if not provider.active else "is no AI provider"
            yield draft.find("IG402", _REF, ("models", name, "provider"), f"{name}: provider {model.provider} {what}")


def _missing(model: Model) -> list[str]:
    if model.type == "image":
        by_tokens = model.cost_per_1k_input is not None and model.cost_per_1k_output is not None
        needed = {"credits_per_image": model.credits_per_image is not None}
        needed["cost_per_image"] = model.cost_per_image is not None or by_tokens
    else:
        needed = {"tokens_per_credit": model.tokens_per_credit is not None}
        needed["cost_per_1k_input"] = model.cost_per_1k_input is not None
        needed["cost_per_1k_output"] = model.cost_per_1k_output is not None or model.type == "embedding"
    return [field for field, present in needed.items() if not present]


def check_life(draft: Draft) -> Iterable[Diagnostic]:
    """An active model is neither switched off, nor about to be, nor deprecated."""
    if draft.models is None:
        return
    for name, model in draft.models.models.items():
        if not model.active:
            continue
        hint = f"move to {model.replaced_by}" if model.replaced_by else "name a successor in `replaced_by`"
        if model.shutdown_on:
            off = date.fromisoformat(model.shutdown_on)
            if draft.today >= off:
                yield draft.find(
                    "IG403", _REF, ("models", name, "shutdown_on"), f"{name} was switched off on {off}", hint=hint
                )
            elif off - draft.today <= _SHUTDOWN_NOTICE:
                yield draft.find(
                    "IG403", _REF, ("models", name, "shutdown_on"), f"{name} is switched off on {off}", hint=hint,
                    severity="warning",
                )  # fmt: skip
        if model.deprecation_date and draft.today >= date.fromisoformat(model.deprecation_date):
            yield draft.find(
                "IG404", _REF, ("models", name, "deprecation_date"), f"{name} is deprecated since {model.deprecation_date}",
                hint=hint, severity="warning",
            )  # fmt: skip


def check_margin(draft: Draft) -> Iterable[Diagnostic]:
    """What a typical call is sold for covers what it costs, and Testing is cheaper than Live."""
    if draft.models is None:
        return
    credit_value = parse_usd(draft.platform.credit_value_usd)
    ai = draft.platform.defaults.ai
    size = f"{ai.image_size}/{ai.image_quality}"
    for name, model in draft.models.models.items():
        cost, credits = _typical_cost(model, size), _typical_milli_credits(model)
        if not model.active or cost is None or credits is None:
            continue
        revenue = credits * credit_value // 1000
        if revenue < cost:
            yield draft.find(
                "IG405", _REF, ("models", name),
                f"{name}: a typical call costs {format_usd(cost)} and is sold for {format_usd(revenue)}",
                key=True, hint="raise its credit rate or the credit value", severity="warning",
            )  # fmt: skip
    for model_type in ("text", "image"):
        live, testing = live_model(draft.models, model_type), testing_model(draft.models, model_type)
        if live and testing and live != testing:
            live_cost, testing_cost = (_typical_cost(draft.models.models[name], size) for name in (live, testing))
            if live_cost is not None and testing_cost is not None and testing_cost >= live_cost:
                yield draft.find(
                    "IG405", _REF, ("models", testing), f"Testing {testing} is not cheaper than Live {live}", key=True,
                    severity="warning",
                )  # fmt: skip


def _typical_cost(model: Model, size: str) -> int | None:
    if model.type == "image" and model.cost_per_image is not None:
        prices = model.cost_per_image
        if isinstance(prices, dict):
            return parse_usd(prices[size]) if size in prices else max(map(parse_usd, prices.values()))
        return parse_usd(prices)
    if model.cost_per_1k_input is None or model.cost_per_1k_output is None:
        return None
    tokens = ((_TYPICAL_INPUT_TOKENS, model.cost_per_1k_input), (_TYPICAL_OUTPUT_TOKENS, model.cost_per_1k_output))
    return sum(count * parse_usd(price) for count, price in tokens) // 1000


def _typical_milli_credits(model: Model) -> int | None:
    if model.type == "image":
        return None if model.credits_per_image is None else model.credits_per_image * 1000
    if model.tokens_per_credit is None:
        return None
    return (_TYPICAL_INPUT_TOKENS + _TYPICAL_OUTPUT_TOKENS) * 1000 // model.tokens_per_credit


def check_aliases(draft: Draft) -> Iterable[Diagnostic]:
    """An alias stands for one model."""
    if draft.models is None:
        return
    models = draft.models.models
    meant: dict[str, str] = {}
    for name, model in models.items():
        for index, alias in enumerate(model.aliases):
            other = alias if alias in models else meant.get(alias)
            meant.setdefault(alias, name)
            if other is not None:
                yield draft.find(
                    "IG303", _REF, ("models", name, "aliases", index), f"{name}: {alias} means {other} already",
                    hint="remove this alias",
                )  # fmt: skip


def check_successors(draft: Draft) -> Iterable[Diagnostic]:
    """Fallbacks and successors lead to other models."""
    if draft.models is None:
        return
    models = draft.models.models
    for name, model in models.items():
        for index, fallback in enumerate(model.fallbacks):
            if fallback == name:
                path = ("models", name, "fallbacks", index)
                yield draft.find("IG304", _REF, path, f"{name} is its own fallback", hint="name another model")
        if _is_replaced_in_a_circle(models, name):
            yield draft.find(
                "IG304", _REF, ("models", name, "replaced_by"), f"{name} is replaced in a circle by {model.replaced_by}",
                hint="name a model that is not replaced by this one",
            )  # fmt: skip


def _is_replaced_in_a_circle(models: Mapping[str, Model], name: str) -> bool:
    seen: set[str] = set()
    successor = models[name].replaced_by
    while successor is not None and successor in models and successor not in seen:
        if successor == name:
            return True
        seen.add(successor)
        successor = models[successor].replaced_by
    return False


def check_dates(draft: Draft) -> Iterable[Diagnostic]:
    """A model's dates come in the order of its life."""
    if draft.models is None:
        return
    for name, model in draft.models.models.items():
        fields = ("release_date", "deprecation_date", "shutdown_on")
        dates = [(field, getattr(model, field)) for field in fields if getattr(model, field)]
        for (before, one), (after, other) in pairwise(dates):
            if other < one:
                yield draft.find(
                    "IG418", _REF, ("models", name, after), f"{name}: {after} {other} is before {before} {one}"
                )


def check_sizes_priced(draft: Draft) -> Iterable[Diagnostic]:
    """A price of an image is for a size and a quality."""
    if draft.models is None:
        return
    for name, model in draft.models.models.items():
        for key in model.cost_per_image if isinstance(model.cost_per_image, dict) else ():
            if not _SIZE_AND_QUALITY.fullmatch(key):
                yield draft.find(
                    "IG415", _REF, ("models", name, "cost_per_image", key), f"{name}: {key!r} is no SIZE/QUALITY", key=True,
                    hint="write it like 1024x1024/standard",
                )  # fmt: skip
