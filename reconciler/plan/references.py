"""What a resolved resource refers to by name, as far as an apply of a part of the config may leave it behind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

# Where the items of a catalogue stand in it.
ITEMS = {
    "platform": "presets",
    "providers": "providers",
    "models": "models",
    "tiers": "tiers",
    "industries": "industries",
}


class Need(NamedTuple):
    """A resource that another refers to, and the item of it that is meant; "" for the resource itself."""

    kind: str
    name: str
    item: str = ""

    @property
    def ref(self) -> str:
        """Return the resource as `kind/name`; a singleton is just its kind."""
        return self.kind if self.kind == self.name else f"{self.kind}/{self.name}"

    def is_met_by(self, spec: Mapping[str, Any] | None) -> bool:
        """Tell whether a resource as it is, None when there is none, is or holds what is needed."""
        return spec is not None and (not self.item or self.item in spec.get(ITEMS[self.kind], {}))

    def __str__(self) -> str:
        """Return it as people write it: `account/acme`, `models/writer`."""
        kind = "presets" if self.item and self.kind == "platform" else self.kind
        return f"{kind}/{self.item}" if self.item else self.ref


def needs_of(kind: str, spec: Mapping[str, Any]) -> Iterator[Need]:
    """Yield what a resource refers to."""
    if kind == "models":
        yield from (_item("providers", model["provider"]) for model in spec.get("models", {}).values())
    elif kind == "account":
        yield _item("tiers", spec["tier"])
        yield from _preferred(spec)
    elif kind == "site":
        yield from (Need(catalog, catalog) for catalog in ("platform", "models"))
        yield Need("account", spec["account"])
        yield from (Need(other, spec[other]) for other in ("author", "strategy") if spec.get(other))
        if spec.get("industry"):
            yield _item("industries", spec["industry"])
        if spec.get("automation", {}).get("preset"):
            yield _item("platform", spec["automation"]["preset"])
        yield from _preferred(spec)


def items_of(kind: str, spec: Mapping[str, Any] | None) -> frozenset[Need]:
    """Return what others may refer to in a resource: itself, and the items of a catalogue."""
    if spec is None:
        return frozenset()
    items = spec.get(ITEMS[kind], {}) if kind in ITEMS else {}
    return frozenset({Need(kind, spec.get("name", kind)), *(_item(kind, name) for name in items)})


def _item(catalog: str, name: str) -> Need:
    return Need(catalog, catalog, name)


def _preferred(spec: Mapping[str, Any]) -> Iterator[Need]:
    preferences = (spec.get("ai") or {}).get("model_preferences") or {}
    return (_item("models", name) for name in preferences.values() if name)
