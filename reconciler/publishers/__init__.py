"""Publishers: one a file behind the port, and PUBLISHERS, the registry.

May import kinds and the vocabulary. Knows neither the schedule nor the database; the caller decides when and what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.publishers import ghost, shopify, static, webhook, wordpress
from reconciler.publishers.port import Publisher

# Settings as the site declares them, the site's URL, the config root, and the values of the settings' secrets by key.
Make = Callable[[Mapping[str, Any], str, Path, Mapping[str, str]], Publisher]


@dataclass(frozen=True, slots=True)
class PublisherType:
    """A publisher's declaration, how to make one, and what it can do.

    `make` is None for a type that this version only validates. `drafts`: `prepare` makes something that nobody sees,
    so it pays to call it before the slot. `media`: it keeps images apart from the article. `seo_meta`: it stores meta
    title and description; where a site decides that, its preflight tells.
    """

    declaration: PublisherDeclaration
    make: Make | None
    drafts: bool = False
    updates: bool = False
    withdraws: bool = False
    looks: bool = False
    media: bool = False
    seo_meta: bool = False

    @property
    def carries_canonical(self) -> bool:
        """Tell whether it can be given copies of articles."""
        return self.declaration.carries_canonical


PUBLISHERS: tuple[PublisherType, ...] = (
    PublisherType(static.DECLARATION, static.make, updates=True, withdraws=True, looks=True, seo_meta=True),
    PublisherType(
        wordpress.DECLARATION,
        wordpress.make,
        drafts=True,
        updates=True,
        withdraws=True,
        looks=True,
        media=True,
        seo_meta=True,
    ),
    PublisherType(
        ghost.DECLARATION,
        ghost.make,
        drafts=True,
        updates=True,
        withdraws=True,
        looks=True,
        media=True,
        seo_meta=True,
    ),
    PublisherType(
        shopify.DECLARATION,
        shopify.make,
        drafts=True,
        updates=True,
        withdraws=True,
        looks=True,
        media=True,
        seo_meta=True,
    ),
    PublisherType(webhook.DECLARATION, webhook.make, updates=True, withdraws=True, seo_meta=True),
)


def find_publisher(name: str) -> PublisherType | None:
    """Return the registered publisher of this type, or None."""
    return next((entry for entry in PUBLISHERS if entry.declaration.name == name), None)
