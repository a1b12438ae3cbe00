"""The graph of references: what a change of one thing can affect."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_root import FILES, compile_root, edited
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.graph import Graph, Node, build_graph
from reconciler.operations.app import EXTENSIONS

NEWS = FILES["sites/blog.yaml"].replace("blog", "news").replace("strategy: guides\n", "")
TWO_SITES = {"sites/news.yaml": NEWS}


def graph_of(folder: Path, files: dict[str, str] | None = None) -> Graph:
    return build_graph(compile_root(folder, files), EXTENSIONS)


def needs(graph: Graph, ref: str) -> dict[str, str]:
    return {edge.target: ".".join(map(str, edge.path)) for edge in graph.needs.get(ref, ())}


def test_a_site_needs_everything_that_it_names_or_inherits(tmp_path):
    assert needs(graph_of(tmp_path), "site/blog") == {
        "account/acme": "account", "author/ann": "author", "strategy/guides": "strategy",
        "industries/outdoors": "industry", "keywords/hiking.csv": "sectors.0.keywords_file",
        "models/writer": "stages.clusters.model", "models/sketcher": "stages.images.model",
        "prompt/cluster": "stages.clusters", "prompt/ideas": "stages.ideas", "prompt/article": "stages.content",
        "prompt/pictures": "stages.prompts", "prompt/drawing": "stages.images", "platform": "",
    }  # fmt: skip


def test_a_model_needs_its_provider_its_successor_and_its_fallbacks(tmp_path):
    files = edited(
        "models.yaml",
        "    tokens_per_credit: 1000\n",
        "    tokens_per_credit: 1000\n    fallbacks: [drafter]\n    replaced_by: drafter\n",
    )
    graph = graph_of(tmp_path, files)
    assert needs(graph, "models/writer") == {
        "providers/samples": "models.writer.provider",
        "models/drafter": "models.writer.replaced_by",
    }


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("strategy/guides", {"site/blog"}),
        ("account/acme", {"site/blog", "site/news"}),
        ("tiers/growth", {"account/acme", "site/blog", "site/news"}),
        ("providers/samples", {"models/writer", "models/drafter", "models/painter", "models/sketcher", "site/blog", "site/news"}),
        ("models/painter", set()),
        ("keywords/hiking.csv", {"site/blog", "site/news"}),
        ("site/blog", set()),
    ],
)  # fmt: skip
def test_the_impact_of_a_change_goes_through_others(tmp_path, ref, expected):
    assert set(graph_of(tmp_path, TWO_SITES).impact([ref])) == expected


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30), st.integers(0, 9))
def test_circles_end_and_impact_is_the_mirror_of_foundations(pairs, start):
    graph = Graph()
    for number in range(10):
        edges = [(str(target), ("x",)) for source, target in pairs if source == number]
        graph.add(Node(str(number), "thing", "f", ""), edges)
    reached = graph.impact([str(start)])
    assert str(start) not in reached
    for other in range(10):
        if other != start:
            assert (str(other) in reached) == (str(start) in graph.foundations([str(other)]))
