"""Builds what a run of a site needs to know, from what was applied."""

from __future__ import annotations

from reconciler.errors import UsageError
from reconciler.kinds.account import Account
from reconciler.kinds.author import Author
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.platform import Platform
from reconciler.kinds.prompt import Prompt
from reconciler.kinds.providers import ProviderCatalog
from reconciler.kinds.site import Site
from reconciler.kinds.strategy import Strategy
from reconciler.kinds.tiers import TierCatalog
from reconciler.operations.app import EXTENSIONS
from reconciler.pipeline.port import SiteContext
from reconciler.store.engine import Connection, Database
from reconciler.store.history import current_generation
from reconciler.store.resources import load_specs


def load_contexts(connection: Connection) -> dict[str, SiteContext]:
    """Return the context of every applied site by name."""
    platform = load_specs(connection, "platform", Platform).get("platform", Platform())
    models = load_specs(connection, "models", ModelCatalog).get("models", ModelCatalog())
    providers = load_specs(connection, "providers", ProviderCatalog).get("providers", ProviderCatalog())
    prompts = {prompt.function: prompt for prompt in load_specs(connection, "prompt", Prompt).values()}
    accounts = load_specs(connection, "account", Account)
    tiers = load_specs(connection, "tiers", TierCatalog).get("tiers", TierCatalog())
    authors = load_specs(connection, "author", Author)
    strategies = load_specs(connection, "strategy", Strategy)
    generation = current_generation(connection)
    return {
        name: SiteContext(
            site=site,
            account=accounts[site.account],
            platform=platform,
            models=models,
            providers=providers,
            prompts=prompts,
            author=authors.get(site.author or ""),
            strategy=strategies.get(site.strategy or ""),
            tier=tiers.tiers.get(accounts[site.account].tier),
            generation=generation,
            extensions=EXTENSIONS,
        )
        for name, site in load_specs(connection, "site", Site).items()
    }


def context_of(contexts: dict[str, SiteContext], name: str) -> SiteContext:
    """Return one site's context; UsageError when no such site was applied."""
    if name not in contexts:
        known = ", ".join(sorted(contexts)) or "none; run `igny8 apply` first"
        raise UsageError(f"no site {name!r} was applied", hint=f"applied sites: {known}")
    return contexts[name]


def refreshed(database: Database, context: SiteContext) -> SiteContext:
    """Return a site's context as it is now: another when something was applied since; the same when the site is gone."""
    with database.read() as connection:
        if current_generation(connection) == context.generation:
            return context
        return load_contexts(connection).get(context.site.name, context)
