"""What can be declared: one frozen spec a file, and KINDS, the registry in dependency order.

May import the vocabulary only. Reads no files, knows no database.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.kinds.account import Account
from reconciler.kinds.author import Author
from reconciler.kinds.environment import Environment
from reconciler.kinds.fields import Spec
from reconciler.kinds.industries import IndustryCatalog
from reconciler.kinds.models import ModelCatalog
from reconciler.kinds.platform import Platform
from reconciler.kinds.policy import Policy
from reconciler.kinds.prompt import Prompt
from reconciler.kinds.providers import ProviderCatalog
from reconciler.kinds.site import Site
from reconciler.kinds.strategy import Strategy
from reconciler.kinds.tiers import TierCatalog


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of declaration: its YAML name, its slug in `kind/name`, where its files stand, and its spec.

    What is no resource is read and checked like the others, but never planned or applied.
    """

    name: str
    slug: str
    place: str
    spec: type[Spec]
    required: bool = False
    is_resource: bool = True

    @property
    def is_singleton(self) -> bool:
        """Tell whether exactly one resource of the kind exists, in a file of its own."""
        return "*" not in self.place


# In dependency order: a kind refers only to kinds above it. Deletions go the other way.
KINDS: tuple[Kind, ...] = (
    Kind("Platform", "platform", "platform.yaml", Platform, required=True),
    Kind("ProviderCatalog", "providers", "providers.yaml", ProviderCatalog),
    Kind("ModelCatalog", "models", "models.yaml", ModelCatalog),
    Kind("TierCatalog", "tiers", "tiers.yaml", TierCatalog),
    Kind("IndustryCatalog", "industries", "industries.yaml", IndustryCatalog),
    Kind("Prompt", "prompt", "prompts/*.md", Prompt),
    Kind("Author", "author", "authors/*.yaml", Author),
    Kind("Strategy", "strategy", "strategies/*.yaml", Strategy),
    Kind("Account", "account", "accounts/*.yaml", Account),
    Kind("Site", "site", "sites/**/*.yaml", Site),
    Kind("Environment", "environment", "environments/*.yaml", Environment, is_resource=False),
    Kind("Policy", "policy", "policies/*.yaml", Policy, is_resource=False),
)
_ORDER = {kind.slug: index for index, kind in enumerate(KINDS)}
RESOURCE_KINDS: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind.is_resource)


def find_kind(slug_or_name: str) -> Kind | None:
    """Return the kind with this slug or YAML name, or None."""
    return next((kind for kind in KINDS if slug_or_name in (kind.slug, kind.name)), None)


def kind_order(slug: str) -> int:
    """Return the place of a kind in dependency order."""
    return _ORDER[slug]
