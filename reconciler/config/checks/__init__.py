"""The rules of the domain as small pure functions over a draft, in CHECKS, the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.config.checks import accounts, models, platform, prompts, sites, stages
from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic

CHECKS: tuple[Callable[[Draft], Iterable[Diagnostic]], ...] = (
    platform.check_notifications,
    models.check_references,
    models.check_live_and_testing,
    models.check_completeness,
    models.check_life,
    models.check_margin,
    accounts.check_references,
    accounts.check_model_preferences,
    accounts.check_ai_overrides,
    accounts.check_grants,
    accounts.check_tier_limits,
    sites.check_references,
    sites.check_sectors,
    sites.check_publishing,
    sites.check_folders,
    stages.check_budgets,
    stages.check_models,
    stages.check_limits,
    prompts.check_functions,
    prompts.check_templates,
)
