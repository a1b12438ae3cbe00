"""IndustryCatalog: industries, their sectors, and seed keywords."""

from __future__ import annotations

from pydantic import Field

from reconciler.kinds.fields import Name, Spec, Text


class Sector(Spec):
    """A field of topics within an industry."""

    display_name: Text | None = None
    seed_keywords: tuple[Text, ...] = ()


class Industry(Spec):
    """A line of business."""

    display_name: Text | None = None
    sectors: dict[Name, Sector] = Field(default_factory=dict)


class IndustryCatalog(Spec):
    """All industries by name."""

    industries: dict[Name, Industry] = Field(default_factory=dict)
