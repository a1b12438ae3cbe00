"""Builds what a run of a site needs to know, from what was applied."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.errors import UsageError
from reconciler.kinds.account import Account
from reconciler.kinds.author import Author
from reconciler.kinds.fields import Spec
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
from reconciler.store.resources import load_specs_of

_KINDS: Mapping[str, type[Spec]] = {
    "platform": Platform,
    "models": ModelCatalog,
    "providers": ProviderCatalog,
    "prompt": Prompt,
    "account": Account,
    "tiers": TierCatalog,
    "author": Author,
    "strategy": Strategy,
    "site": Site,
}


def load_contexts(connection: Connection) -> dict[str, SiteContext]:
    """Return the context of every applied site by name."""
    specs = load_specs_of(connection, _KINDS)
    platform: Platform = specs["platform"].get("platform", Platform())
    models: ModelCatalog = specs["models"].get("models", ModelCatalog())
    providers: ProviderCatalog = specs["providers"].get("providers", ProviderCatalog())
    prompts: dict[str, Prompt] = {prompt.function: prompt for prompt in specs["prompt"].values()}
    accounts: dict[str, Account] = specs["account"]
    tiers: TierCatalog = specs["tiers"].get("tiers", TierCatalog())
    authors: dict[str, Author] = specs["author"]
    strategies: dict[str, Strategy] = specs["strategy"]
    sites: dict[str, Site] = specs["site"]
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
        for name, site in sites.items()
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
