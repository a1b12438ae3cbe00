"""The rules of the domain as small pure functions over a draft, in CHECKS, the registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler.config.checks import (
    accounts,
    image_settings,
    keywords,
    models,
    moves,
    platform,
    prompts,
    providers,
    sites,
    stages,
    syndication,
)
from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic

Check = Callable[[Draft], Iterable[Diagnostic]]

# Rules of everything but sites; the draft holds no sites.
CATALOG_CHECKS: tuple[Check, ...] = (
    platform.check_email_channels,
    platform.check_events,
    providers.check_adapters,
    models.check_references,
    models.check_fallbacks,
    models.check_live_and_testing,
    models.check_completeness,
    models.check_life,
    models.check_margin,
    models.check_aliases,
    models.check_successors,
    models.check_dates,
    models.check_sizes_priced,
    accounts.check_references,
    accounts.check_model_preferences,
    accounts.check_ai_overrides,
    accounts.check_grants,
    accounts.check_grant_days,
    accounts.check_billing,
    keywords.check_doubles,
    prompts.check_functions,
    prompts.check_templates,
)
# Rules of one site: what they find of a site depends on nothing but it, its account and the catalogues. The draft
# holds some of the sites.
SITE_CHECKS: tuple[Check, ...] = (
    sites.check_references,
    sites.check_sectors,
    sites.check_model_preferences,
    sites.check_ai_overrides,
    sites.check_model_settings,
    sites.check_publishing,
    syndication.check_first_place,
    syndication.check_canonical,
    syndication.check_places,
    sites.check_blackouts,
    sites.check_slots,
    sites.check_spending,
    stages.check_budgets,
    stages.check_models,
    stages.check_batches,
    stages.check_limits,
    stages.check_shares,
    stages.check_image_sizes,
    stages.check_run_time,
    image_settings.check_image_settings,
)
# Rules over all sites together; the draft holds the facts of all sites and the specs of none.
ROOT_CHECKS: tuple[Check, ...] = (
    accounts.check_tier_limits,
    prompts.check_presence,
    sites.check_folders,
    moves.check_moves,
)
CHECKS: tuple[Check, ...] = (*CATALOG_CHECKS, *SITE_CHECKS, *ROOT_CHECKS)
