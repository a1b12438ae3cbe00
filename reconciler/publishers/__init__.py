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


@dataclass(frozen=True, slots=True)
class PublisherType:
    """A publisher's declaration and how to make one; `make` is None for a type that this version only validates."""

    declaration: PublisherDeclaration
    make: Callable[[Mapping[str, Any], str, Path], Publisher] | None


PUBLISHERS: tuple[PublisherType, ...] = (
    PublisherType(static.DECLARATION, static.make),
    PublisherType(wordpress.DECLARATION, None),
    PublisherType(ghost.DECLARATION, None),
    PublisherType(shopify.DECLARATION, None),
    PublisherType(webhook.DECLARATION, None),
)


def find_publisher(name: str) -> PublisherType | None:
    """Return the registered publisher of this type, or None."""
    return next((entry for entry in PUBLISHERS if entry.declaration.name == name), None)
