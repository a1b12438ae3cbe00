"""igny8 graph"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from cli.options import format_option
from cli.output import counted
from cli.session import Session
from reconciler.diagnostics import format_path
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from cli.graph_formats import Picture
    from reconciler.config.compilation import Compilation
    from reconciler.config.graph import Edge, Graph

# Finding the line of a reference reads its file once more; beyond this many only the file is told.
_PLACES_MAX = 500


@click.command()
@click.option("--impact", metavar="REF", help="Show what depends on this, directly or through others.")
@click.option("--from", "start", metavar="REF", help="Show what this depends on.")
@format_option("text", "json", "dot", "mermaid")
@click.pass_obj
def graph(session: Session, impact: str | None, start: str | None, format_: str) -> None:
    """Show what refers to what: resources, the items of catalogues, and keyword files.

    Examples:

      igny8 graph --impact models/NAME
      igny8 graph --from site/alpine-trails
      igny8 graph --format dot | dot -Tsvg > graph.svg
      igny8 graph --impact tiers/growth --format mermaid
    """
    from cli.graph_formats import FORMATS
    from reconciler.config.graph import build_graph
    from reconciler.operations.app import EXTENSIONS

    if impact and start:
        raise UsageError("--impact and --from look in opposite directions", hint="give one of them")
    compilation = session.compiled(session.installation())
    whole = build_graph(compilation, EXTENSIONS)
    center = _found(whole, impact or start or "")
    picture = _picture(compilation, whole, center, backwards=bool(impact))
    if format_ != "text":
        session.output.data(FORMATS[format_](picture))
    elif impact:
        _show_impact(session, whole, picture, center)
    elif start:
        _show_foundations(session, whole, picture, center)
    else:
        _show_all(session, whole)


def _found(graph: Graph, written: str) -> str:
    from reconciler.config.suggest import did_you_mean

    if not written:
        return ""
    ref = graph.find(written)
    if ref is None:
        raise UsageError(f"there is no {written}", hint=did_you_mean(written, graph.nodes) or "`igny8 graph` lists all")
    return ref


def _picture(compilation: Compilation, graph: Graph, center: str, *, backwards: bool) -> Picture:
    from cli.graph_formats import Picture

    if not center:
        nodes, edges = list(graph.nodes.values()), list(graph.edges)
    else:
        found = graph.impact([center]) if backwards else graph.foundations([center])
        edges = list(found.values())
        nodes = [graph.nodes[ref] for ref in (center, *found) if ref in graph.nodes]
    return Picture(nodes, edges, _places(compilation, graph, edges))


def _places(compilation: Compilation, graph: Graph, edges: list[Edge]) -> dict[Edge, tuple[str, int | None]]:
    resources = {item.ref: item for item in compilation.resources}
    holders = {graph.nodes[edge.source].resource for edge in edges}
    locators = {ref: resources[ref].locator() for ref in holders} if len(holders) <= _PLACES_MAX else {}
    places: dict[Edge, tuple[str, int | None]] = {}
    for edge in edges:
        node = graph.nodes[edge.source]
        places[edge] = (node.file, None)
        if edge.path and node.resource in locators:
            file, mark = locators[node.resource].place(edge.path)
            places[edge] = (file, mark.line if mark.line > 1 else None)  # the first line holds no reference
    return places


def _show_all(session: Session, graph: Graph) -> None:
    rows = [
        (node.ref, node.file, len(graph.needs.get(node.ref, ())), len(graph.needed_by.get(node.ref, ())))
        for node in graph.nodes.values()
    ]
    session.output.table(["WHAT", "WRITTEN IN", "NEEDS", "NEEDED BY"], rows, right=(2, 3))
    session.output.note(f"{counted(len(rows), 'node')}, {counted(sum(1 for _ in graph.edges), 'reference')}")


def _show_impact(session: Session, graph: Graph, picture: Picture, center: str) -> None:
    totals = Counter(node.kind for node in graph.nodes.values())
    kinds = Counter(graph.nodes[edge.source].kind for edge in picture.edges)
    counts = [
        f"{kinds[kind]:,} of {counted(totals[kind], noun)}" for kind, noun in (("site", "site"), ("account", "account"))
    ]
    others = sum(number for kind, number in kinds.items() if kind not in ("site", "account"))
    tail = f", and {counted(others, 'other')}" if others else ""
    session.output.data(session.output.style(f"{center}: {', '.join(counts)} depend on it{tail}", "head"))
    if picture.edges:
        _show_edges(session, picture, [(edge.source, edge.target, edge) for edge in picture.edges], "NEEDS")


def _show_foundations(session: Session, graph: Graph, picture: Picture, center: str) -> None:
    session.output.data(session.output.style(f"{center} depends on {counted(len(picture.edges), 'thing')}", "head"))
    if picture.edges:
        _show_edges(session, picture, [(edge.target, edge.source, edge) for edge in picture.edges], "NEEDED BY")


def _show_edges(session: Session, picture: Picture, found: list[tuple[str, str, Edge]], relation: str) -> None:
    rows = []
    for ref, other, edge in found:
        file, line = picture.places[edge]
        rows.append((ref, other, format_path(edge.path) or "(always)", f"{file}:{line}" if line else file))
    session.output.table(["WHAT", relation, "FIELD", "WRITTEN IN"], rows)
