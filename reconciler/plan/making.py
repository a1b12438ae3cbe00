"""How a site makes its items: prompts, models, AI settings, author and strategy, and which stages a plan makes different.

What limits or stops a stage (enabled, batches, limits, budgets, prices) is no part of it: that holds at once, for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.kinds.models import ModelCatalog, live_model, testing_model
from reconciler.plan.change import Actual, Change

Ref = tuple[str, str]
Spec = dict[str, Any]

# The stages that ask an AI, in the order of a run, with their function and the type of their model.
AI_STAGES: tuple[tuple[str, str, Any], ...] = (
    ("clusters", "auto_cluster", "text"),
    ("ideas", "generate_ideas", "text"),
    ("content", "generate_content", "text"),
    ("prompts", "generate_image_prompts", "text"),
    ("images", "generate_images", "image"),
)
_TEXT_SETTINGS = ("temperature", "max_tokens")
_SETTINGS = {
    "prompts": (*_TEXT_SETTINGS, "image_style", "max_in_article_images"),
    "images": ("image_style", "image_quality", "image_size"),
}
# What is said of a resource, not in a call.
_UNSAID = {"description", "labels", "protected"}
_SHARED_KINDS = ("models", "prompt", "author", "strategy")


@dataclass(frozen=True, slots=True)
class MakingChange:
    """What a plan does to the making of one site: stages that make differently, and stages only limited differently."""

    made_differently: tuple[str, ...]
    limited_differently: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """The resources of one moment, as far as making depends on them."""

    find: Callable[[Ref], Spec | None]
    prompts: Mapping[str, Spec]
    catalog: ModelCatalog

    @classmethod
    def of(cls, refs: Iterable[Ref], find: Callable[[Ref], Spec | None]) -> State:
        """Return the state of these resources."""
        found = (find(ref) for ref in sorted(refs) if ref[0] == "prompt")
        prompts = {spec["function"]: spec for spec in found if spec is not None}
        catalog = ModelCatalog.model_validate(find(("models", "models")) or {}, strict=False)
        return cls(find, prompts, catalog)

    def model_of(self, site: Spec, stage: str, model_type: Any) -> str | None:
        """Return the model that a stage of a site calls."""
        if (site.get("stages", {}).get(stage) or {}).get("model") == "testing":
            return testing_model(self.catalog, model_type)
        preferred = (site.get("ai", {}).get("model_preferences") or {}).get(model_type)
        return preferred if preferred in self.catalog.models else live_model(self.catalog, model_type)

    def parts_of(self, site: Spec) -> dict[str, Any]:
        """Return everything that the site makes its items with, part by part."""
        parts: dict[str, Any] = {f"prompt:{function}": spec for function, spec in self.prompts.items()}
        for kind in ("author", "strategy"):
            name = site.get(kind)
            parts[kind] = self.find((kind, name)) if name else None
        parts["ai"] = site.get("ai", {})
        parts["models"] = {stage: self.model_of(site, stage, model_type) for stage, _, model_type in AI_STAGES}
        return parts


def before_of(actual: Mapping[Ref, Actual]) -> State:
    """Return the state that the database records."""

    def find(ref: Ref) -> Spec | None:
        item = actual.get(ref)
        return None if item is None else orjson.loads(item.text)

    return State.of(actual, find)


def after_of(actual: Mapping[Ref, Actual], changes: Iterable[Change]) -> State:
    """Return the state once the changes are applied."""
    changed = {(change.kind, change.name): change for change in changes}
    before = before_of(actual)
    return State.of({*actual, *changed}, lambda ref: changed[ref].after if ref in changed else before.find(ref))


def changed_sites(actual: Mapping[Ref, Actual], changes: Iterable[Change]) -> dict[str, MakingChange]:
    """Return the sites, there before and after, at which the changes alter stages; in order of their names."""
    changes = list(changes)
    touched = {change.name for change in changes if change.kind == "site" and change.action == "update"}
    if not actual or not (touched or any(change.kind in _SHARED_KINDS for change in changes)):
        return {}
    before, after = before_of(actual), after_of(actual, changes)
    names = [name for kind, name in actual if kind == "site"] if _shares_differ(before, after, changes) else touched
    found = {}
    for name in sorted(names):
        old, new = before.find(("site", name)), after.find(("site", name))
        if old is not None and new is not None:
            change = MakingChange(_made_differently(before, after, old, new), _limited_differently(old, new))
            if change.made_differently or change.limited_differently:
                found[name] = change
    return found


def _shares_differ(before: State, after: State, changes: Iterable[Change]) -> bool:
    """Tell whether sites that are no part of the plan may be altered by it."""
    if any(change.kind in ("author", "strategy", "prompt") and change.action != "create" for change in changes):
        return True
    if before.prompts != after.prompts:
        return True
    chosen = [
        [choose(state.catalog, kind) for choose in (live_model, testing_model) for kind in ("text", "image")]
        for state in (before, after)
    ]  # fmt: skip
    return chosen[0] != chosen[1] or before.catalog.models.keys() != after.catalog.models.keys()


def _made_differently(before: State, after: State, old: Spec, new: Spec) -> tuple[str, ...]:
    was, is_now = before.parts_of(old), after.parts_of(new)

    def differs(stage: str, function: str) -> bool:
        keys = (f"prompt:{function}", "author", "strategy")
        if any(_said(was.get(key)) != _said(is_now.get(key)) for key in keys):
            return True
        if was["models"][stage] != is_now["models"][stage]:
            return True
        return any(was["ai"].get(key) != is_now["ai"].get(key) for key in _SETTINGS.get(stage, _TEXT_SETTINGS))

    return tuple(stage for stage, function, _ in AI_STAGES if differs(stage, function))


def _limited_differently(old: Spec, new: Spec) -> tuple[str, ...]:
    def limits(site: Spec, stage: str) -> Spec:
        settings = site.get("stages", {}).get(stage) or {}
        return {key: value for key, value in settings.items() if key != "model"}

    stages = dict.fromkeys((*old.get("stages", {}), *new.get("stages", {})))
    return tuple(stage for stage in stages if limits(old, stage) != limits(new, stage))


def _said(spec: Spec | None) -> Spec | None:
    return None if spec is None else {key: value for key, value in spec.items() if key not in _UNSAID}
