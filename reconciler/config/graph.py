"""What refers to what: resources and the items of catalogues as nodes, references as edges from user to used.

The graph is made of what compiled. A reference to what is not there is an edge to a node that nothing declares.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.config.compilation import Compilation, Resource
from reconciler.diagnostics import FieldPath
from reconciler.kinds.extensions import Extensions

# Catalogues by slug, and where their items stand; an item is the node `slug/name`.
_CATALOGS = {
    "providers": "providers",
    "models": "models",
    "tiers": "tiers",
    "industries": "industries",
    "platform": "presets",
}
_ITEM_KINDS = {"platform": "presets"}
_SINGULAR = {
    "model": "models", "provider": "providers", "tier": "tiers", "industry": "industries", "preset": "presets",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """One thing that others refer to: a resource, an item of a catalogue, or a keyword list."""

    ref: str
    kind: str
    file: str
    resource: str
    path: FieldPath = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A reference: `source` needs `target`, as the field `path` of the resource that holds it says."""

    source: str
    target: str
    path: FieldPath


@dataclass(slots=True)
class Graph:
    """Nodes by reference, in dependency order, and the edges out of and into each."""

    nodes: dict[str, Node] = field(default_factory=dict)
    needs: dict[str, list[Edge]] = field(default_factory=dict)
    needed_by: dict[str, list[Edge]] = field(default_factory=dict)

    def add(self, node: Node, edges: Iterable[tuple[str, FieldPath]] = ()) -> None:
        """Add a node with what it needs; a thing that it needs in several places is needed once, in the first."""
        self.nodes[node.ref] = node
        seen = dict.fromkeys(edge.target for edge in self.needs.get(node.ref, ()))
        for target, path in edges:
            if target not in seen:
                seen[target] = None
                edge = Edge(node.ref, target, path)
                self.needs.setdefault(node.ref, []).append(edge)
                self.needed_by.setdefault(target, []).append(edge)

    @property
    def edges(self) -> Iterator[Edge]:
        """Yield every reference, in the order of the nodes."""
        return (edge for edges in self.needs.values() for edge in edges)

    def find(self, written: str) -> str | None:
        """Return the node that a person means: `models/NAME`, `model/NAME`, `site/blog`, `platform`; else None."""
        kind, separator, name = written.partition("/")
        ref = f"{_SINGULAR.get(kind, kind)}{separator}{name}"
        return ref if ref in self.nodes or ref in self.needed_by else None

    def impact(self, refs: Iterable[str]) -> dict[str, Edge]:
        """Return everything that needs any of the nodes, directly or through others, each with the edge it does so by."""
        return self._walk(refs, self.needed_by, lambda edge: edge.source)

    def foundations(self, refs: Iterable[str]) -> dict[str, Edge]:
        """Return everything that the nodes need, directly or through others, each with an edge to it."""
        return self._walk(refs, self.needs, lambda edge: edge.target)

    def _walk(self, refs: Iterable[str], edges: Mapping[str, Sequence[Edge]], far_end: Any) -> dict[str, Edge]:
        start = set(refs)
        found: dict[str, Edge] = {}
        queue = deque(sorted(start))
        while queue:
            for edge in edges.get(queue.popleft(), ()):
                ref = far_end(edge)
                if ref not in found and ref not in start:
                    found[ref] = edge
                    queue.append(ref)
        return found


def build_graph(compilation: Compilation, extensions: Extensions) -> Graph:
    """Return the graph of a compilation."""
    graph = Graph()
    catalogs = {item.kind: item for item in compilation.resources if item.kind in _CATALOGS}
    for slug, place in _CATALOGS.items():
        if slug in catalogs:
            _add_catalog(graph, catalogs[slug], slug, place)
    models = _Models(catalogs["models"].data.get("models", {}) if "models" in catalogs else {})
    prompts: dict[str, str] = {}
    folders: dict[str, str] = {}
    for item in compilation.resources:
        if item.kind in _CATALOGS:
            continue
        data = item.data
        edges: list[tuple[str, FieldPath]] = []
        if item.kind == "prompt":
            prompts.setdefault(str(data["function"]), item.ref)
        elif item.kind == "account":
            edges.append((f"tiers/{data['tier']}", ("tier",)))
            edges += _preferences(data.get("ai", {}))
            edges.append(("platform", ()))
        elif item.kind == "site":
            edges += _site_edges(data, models, prompts, extensions)
            edges += _folder_edges(data, item.ref, folders)
        graph.add(Node(item.ref, item.kind, item.file, item.ref), edges)
    for file in compilation.tree.files:
        if file.kind is None:
            graph.add(Node(file.path, "keywords", file.path, ""))
    return graph


def _add_catalog(graph: Graph, resource: Resource, slug: str, place: str) -> None:
    graph.add(Node(slug, slug, resource.file, slug))
    kind = _ITEM_KINDS.get(slug, slug)
    for name, item in resource.data.get(place, {}).items():
        edges: list[tuple[str, FieldPath]] = []
        at = (place, name)
        if slug == "models":
            edges.append((f"providers/{item['provider']}", (*at, "provider")))
            if item.get("replaced_by"):
                edges.append((f"models/{item['replaced_by']}", (*at, "replaced_by")))
            for index, other in enumerate(item.get("fallbacks", ())):
                edges.append((f"models/{other}", (*at, "fallbacks", index)))
        graph.add(Node(f"{kind}/{name}", kind, resource.file, slug, at), edges)


class _Models:
    """Which model a stage asks for by Testing or Live."""

    def __init__(self, models: Mapping[str, Any]) -> None:
        active = {name: model for name, model in models.items() if model.get("active", True)}
        self._marked = {
            (model["type"], word): name
            for word, mark in (("live", "default"), ("testing", "testing"))
            for name, model in reversed(active.items())
            if model.get(mark)
        }

    def wanted(self, model_type: str, choice: str | None, preferences: Mapping[str, Any]) -> tuple[str, bool] | None:
        """Return the model that a stage uses, and whether a preference says so; None when there is none."""
        preferred = preferences.get(model_type) if choice == "live" else None
        name = preferred or self._marked.get((model_type, str(choice)))
        return (name, bool(preferred)) if name else None


def _site_edges(
    data: Mapping[str, Any], models: _Models, prompts: Mapping[str, str], extensions: Extensions
) -> Iterator[tuple[str, FieldPath]]:
    yield f"account/{data['account']}", ("account",)
    for kind in ("author", "strategy"):
        if kind in data:
            yield f"{kind}/{data[kind]}", (kind,)
    if "industry" in data:
        yield f"industries/{data['industry']}", ("industry",)
    if "preset" in data.get("automation", {}):
        yield f"presets/{data['automation']['preset']}", ("automation", "preset")
    for index, sector in enumerate(data.get("sectors", ())):
        if "keywords_file" in sector:
            yield sector["keywords_file"], ("sectors", index, "keywords_file")
    preferences = data.get("ai", {}).get("model_preferences", {})
    for stage in extensions.stages:
        settings = data.get("stages", {}).get(stage.key)
        if stage.function is None or settings is None or not settings.get("enabled", True):
            continue
        wanted = models.wanted(stage.function.model_type, settings.get("model"), preferences)
        if wanted:
            path = (
                ("ai", "model_preferences", stage.function.model_type) if wanted[1] else ("stages", stage.key, "model")
            )
            yield f"models/{wanted[0]}", path
        if stage.function.name in prompts:
            yield prompts[stage.function.name], ("stages", stage.key)
    yield "platform", ()


def _preferences(ai: Mapping[str, Any]) -> Iterator[tuple[str, FieldPath]]:
    for model_type, name in ai.get("model_preferences", {}).items():
        yield f"models/{name}", ("ai", "model_preferences", model_type)


def _folder_edges(data: Mapping[str, Any], ref: str, folders: dict[str, str]) -> Iterator[tuple[str, FieldPath]]:
    """Yield the site that publishes into the same folder already: what is wrong with one depends on the other."""
    places: list[tuple[FieldPath, Any]] = [(("publisher", "path"), data.get("publisher", {}).get("path"))]
    for index, item in enumerate(data.get("syndication", ())):
        places.append((("syndication", index, "publisher", "path"), item["publisher"].get("path")))
    for path, folder in places:
        if isinstance(folder, str) and folders.setdefault(folder, ref) != ref:
            yield folders[folder], path
