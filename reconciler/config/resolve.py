"""Inheritance as a fold over layers: the first definition of a field wins, and every definition is kept.

A layer is a part of one document, laid at one place of the resolved resource. Mappings are folded key by key; lists
and plain values are taken whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.documents import Authored, KeywordList
from reconciler.diagnostics import FieldPath, Mark
from reconciler.kinds.extensions import Extensions
from reconciler.kinds.fields import AiSettings
from reconciler.kinds.platform import Platform


@dataclass(frozen=True, slots=True)
class Definition:
    """One authored or built-in value of a field; `file` is "" for a built-in default."""

    value: Any
    scope: str
    file: str = ""
    mark: Mark = Mark()


Provenance = dict[FieldPath, tuple[Definition, ...]]


@dataclass(frozen=True, slots=True)
class Layer:
    """A mapping that contributes to a resource: from a document's `origin` path, or built in."""

    scope: str
    value: Mapping[str, Any]
    document: Authored | None = None
    origin: FieldPath = ()

    def define(self, value: Any, path: FieldPath) -> Definition:
        """Return the definition of a field of this layer."""
        if self.document is None:
            return Definition(value, self.scope)
        mark = self.document.marks.values.get((*self.origin, *path), Mark())
        return Definition(value, self.scope, self.document.file, mark)


@dataclass(frozen=True, slots=True)
class Removal:
    """A field that an environment takes out of a document: what lay there, and the layer and place of who says so."""

    path: FieldPath
    layers: Sequence[Layer]
    by: Layer
    place: FieldPath

    @property
    def file(self) -> str:
        """Return the file that says so."""
        return self.by.document.file if self.by.document else ""

    @property
    def mark(self) -> Mark:
        """Return where it says so."""
        marks = self.by.document.marks.values if self.by.document else {}
        return marks.get(self.place, Mark())

    def lost(self) -> Provenance:
        """Return the definition of every leaf that was removed, in a scope that says so."""
        return {
            path: tuple(
                Definition(item.value, f"{item.scope}, removed by {self.by.scope}", item.file, item.mark)
                for item in definitions[:1]
            )
            for path, definitions in fold(self.layers).provenance.items()
            if path[: len(self.path)] == self.path
        }


@dataclass(slots=True)
class Patched(Authored):
    """A document that an environment patches: `value` is what holds, `layers` what it is made of, the winner first.

    The last layer is the document itself.
    """

    layers: tuple[Layer, ...] = ()
    removals: tuple[Removal, ...] = ()


def as_written(document: Authored) -> Authored:
    """Return a document without the patches of an environment."""
    own = document.layers[-1].document if isinstance(document, Patched) else document
    assert own is not None
    return own


def layers_of(scope: str, document: Authored, *path: str) -> list[Layer]:
    """Return the mappings that a document has at a path, the winner first: one, or more where it is patched."""
    whole = document.layers if isinstance(document, Patched) else (Layer(scope, document.value, document),)
    found = []
    for layer in whole:
        value: Any = layer.value
        for step in path:
            value = value.get(step) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            own = scope if layer is whole[-1] else layer.scope
            found.append(Layer(own, value, layer.document, (*layer.origin, *path)))
    return found


@dataclass(slots=True)
class Resolution:
    """A resource's folded value, the layers that each part of it came from, and what an environment removed."""

    value: dict[str, Any]
    parts: tuple[tuple[FieldPath, Sequence[Layer]], ...]
    removals: Sequence[Removal] = ()
    known: Provenance | None = field(default=None, repr=False)

    @property
    def provenance(self) -> Provenance:
        """Return all definitions of every leaf, the winner first; found when first asked for."""
        if self.known is None:
            self.known = {}
            for at, layers in self.parts:
                _define([(layer, layer.value, ()) for layer in layers], at, self.known)
            for removal in self.removals:
                for path, lost in removal.lost().items():
                    if path in self.known:  # another value took its place
                        self.known[path] += lost
        return self.known

    def winner(self, path: FieldPath) -> Definition | None:
        """Return the definition that a field comes from, or the list or value that it stands in; None for a mapping."""
        for at, layers in self.parts:
            if path[: len(at)] == at and (found := _winner(layers, path[len(at) :])):
                return found
        return None


def fold(layers: Sequence[Layer], at: FieldPath = ()) -> Resolution:
    """Return the fold of layers, first wins, with the definitions recorded below the path `at`."""
    return Resolution(_fold([layer.value for layer in layers]), ((at, layers),))


def _fold(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    folded: dict[str, Any] = {}
    for index, value in enumerate(values):
        for key, item in value.items():
            if key in folded:
                continue
            if isinstance(item, Mapping):
                below = (other.get(key) for other in values[index + 1 :])
                item = _fold([item, *(other for other in below if isinstance(other, Mapping))])
            folded[key] = item
    return folded


def _define(parts: list[tuple[Layer, Mapping[str, Any], FieldPath]], at: FieldPath, provenance: Provenance) -> None:
    keys = dict.fromkeys(key for _, value, _ in parts for key in value)
    for key in keys:
        holders = [(layer, value[key], (*path, key)) for layer, value, path in parts if key in value]
        if isinstance(holders[0][1], Mapping):
            mappings = [(layer, item, path) for layer, item, path in holders if isinstance(item, Mapping)]
            _define(mappings, (*at, key), provenance)
        else:
            provenance[(*at, key)] = tuple(layer.define(item, path) for layer, item, path in holders)


def _winner(layers: Sequence[Layer], path: FieldPath) -> Definition | None:
    holders: list[tuple[Layer, Mapping[Any, Any]]] = [(layer, layer.value) for layer in layers]
    for depth, key in enumerate(path, 1):
        found = [(layer, value[key]) for layer, value in holders if key in value]
        if not found:
            return None
        layer, value = found[0]
        if not isinstance(value, Mapping):
            return layer.define(value, path[:depth])
        holders = [(layer, value) for layer, value in found if isinstance(value, Mapping)]
    return None


def resolve_document(document: Authored) -> Resolution:
    """Return a document that inherits nothing."""
    layers = layers_of(document.kind.slug, document)
    if document.kind.slug == "platform":
        shipped = {"presets": Platform().model_dump(mode="json", exclude_none=True)["presets"]}
        layers.append(Layer("default", shipped))
    resolution = fold(layers)
    resolution.removals = removals_of(document)
    return resolution


def removals_of(document: Authored) -> Sequence[Removal]:
    """Return what an environment takes out of a document."""
    return document.removals if isinstance(document, Patched) else ()


def resolve_site(
    site: Authored,
    account: Authored | None,
    platform: Authored | None,
    keyword_lists: Mapping[str, KeywordList],
    extensions: Extensions,
) -> Resolution:
    """Return a site with its AI settings and stages folded over all scopes and its keyword files taken in."""
    resolution = fold([_without(layer, ("ai", "stages")) for layer in layers_of("site", site)])
    resolution.removals = removals_of(site)
    for name, layers in (
        ("ai", _ai_layers(site, account, platform)),
        ("stages", _stage_layers(site, platform, extensions)),
    ):
        if not isinstance(site.value.get(name), dict | None):  # left empty is left out
            resolution.value[name] = site.value[name]
            continue
        part = fold(layers, (name,))
        resolution.value[name] = part.value
        resolution.parts += part.parts
    resolution.value = with_keywords(resolution.value, keyword_lists)
    return resolution


def _without(layer: Layer, keys: tuple[str, ...]) -> Layer:
    kept = {key: value for key, value in layer.value.items() if key not in keys}
    return Layer(layer.scope, kept, layer.document, layer.origin)


def _part(scope: str, document: Authored | None, *path: str) -> list[Layer]:
    return layers_of(scope, document, *path) if document else []


def _ai_layers(site: Authored, account: Authored | None, platform: Authored | None) -> list[Layer]:
    return [
        *_part("site", site, "ai"),
        *_part("account", account, "ai"),
        *_part("platform", platform, "defaults", "ai"),
        Layer("default", AiSettings().model_dump(mode="json", exclude_none=True)),
    ]


def _stage_layers(site: Authored, platform: Authored | None, extensions: Extensions) -> list[Layer]:
    automation = site.value.get("automation")
    preset = automation.get("preset") if isinstance(automation, dict) else None
    layers = _part("site", site, "stages")
    if isinstance(preset, str):
        layers += _part(f"preset {preset}", platform, "presets", preset, "stages")
        shipped = Platform().presets.get(preset)
        if shipped is not None:
            layers.append(
                Layer(f"preset {preset}", shipped.model_dump(mode="json", exclude_none=True)["stages"])
            )  # fmt: skip
    layers.append(Layer("default", {stage.key: stage.defaults() for stage in extensions.stages}))
    return layers


def with_keywords(value: dict[str, Any], keyword_lists: Mapping[str, KeywordList]) -> dict[str, Any]:
    """Return the site with every sector holding all its keywords as mappings, each term once, first writing wins."""
    sectors = value.get("sectors")
    if not isinstance(sectors, list):
        return value
    seen: set[str] = set()
    return {**value, "sectors": [_sector_with_keywords(sector, keyword_lists, seen) for sector in sectors]}


def _sector_with_keywords(sector: Any, keyword_lists: Mapping[str, KeywordList], seen: set[str]) -> Any:
    if not isinstance(sector, dict) or not isinstance(sector.get("keywords", []), list):
        return sector
    listed = keyword_lists.get(str(sector.get("keywords_file", "")))
    keywords: list[Any] = []
    for keyword in (*sector.get("keywords", ()), *(listed.keywords if listed else ())):
        entry: Any = {"term": " ".join(keyword.split())} if type(keyword) is str else keyword
        term = entry.get("term") if type(entry) is dict else None
        if type(term) is not str:
            keywords.append(entry)
            continue
        folded = term.casefold()
        if folded not in seen:
            seen.add(folded)
            keywords.append(entry)
    return {**sector, "keywords": keywords}
