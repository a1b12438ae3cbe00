"""Graphs for machines: JSON, Graphviz dot and Mermaid; FORMATS is the registry."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.diagnostics import format_path

if TYPE_CHECKING:
    from reconciler.config.graph import Edge, Node

_SHAPES = {"site": "box", "account": "house", "models": "ellipse", "providers": "hexagon", "keywords": "note"}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown of a graph: nodes, references between them, and the file and line that each reference stands in."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    places: dict[Edge, tuple[str, int | None]]


def to_json(picture: Picture) -> str:
    """Return the graph as one JSON document."""
    document = {
        "version": 1,
        "summary": {"nodes": len(picture.nodes), "references": len(picture.edges)},
        "nodes": [{"ref": node.ref, "kind": node.kind, "file": node.file} for node in picture.nodes],
        "references": [_reference(picture, edge) for edge in picture.edges],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _reference(picture: Picture, edge: Edge) -> dict[str, object]:
    file, line = picture.places[edge]
    return {"from": edge.source, "to": edge.target, "field": format_path(edge.path), "file": file, "line": line}


def to_dot(picture: Picture) -> str:
    """Return the graph in Graphviz's language; an arrow points to what is needed."""
    nodes = (f"  {_quoted(node.ref)} [shape={_SHAPES.get(node.kind, 'box')}];" for node in picture.nodes)
    edges = (
        f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(format_path(edge.path))}];"
        for edge in picture.edges
    )
    return "\n".join(("digraph igny8 {", "  rankdir=LR;", *nodes, *edges, "}"))


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_mermaid(picture: Picture) -> str:
    """Return the graph in Mermaid's language, as code hosts draw it in Markdown."""
    refs = dict.fromkeys([node.ref for node in picture.nodes] + [edge.target for edge in picture.edges])
    numbers = {ref: f"n{number}" for number, ref in enumerate(refs)}
    nodes = (f'  {numbers[ref]}["{_escaped(ref)}"]' for ref in refs)
    edges = (f"  {numbers[edge.source]} --> {numbers[edge.target]}" for edge in picture.edges)
    return "\n".join(("flowchart LR", *nodes, *edges))


def _escaped(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in "/-_. @:" else f"#{ord(character)};" for character in text
    )


FORMATS: dict[str, Callable[[Picture], str]] = {"json": to_json, "dot": to_dot, "mermaid": to_mermaid}
