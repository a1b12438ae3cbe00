"""graph and compile on the command line: what they print, and that what they write is the same everywhere."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import networkx
import pydot
import pytest
from builder import write_root

from cli.main import run

ODD_KEYWORDS = 'keywords/a "b" \\ c.csv'


@pytest.fixture
def igny8(tmp_path, capsys):
    root = write_root(tmp_path / "root")

    def call(*words):
        code = run(["-C", str(root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.root = root
    return call


def test_impact_counts_sites_and_accounts_and_tells_why_and_where(igny8):
    code, out, _ = igny8("graph", "--impact", "tiers/growth")
    assert code == 0
    lines = out.splitlines()
    assert re.fullmatch(r"tiers/growth: \d+ of \d+ sites?, 1 of \d+ accounts? depend on it", lines[0])
    assert any(re.fullmatch(r"account/\S+ +tiers/growth +tier +accounts/\S+\.yaml:\d+", line) for line in lines)


def test_a_singular_word_means_the_same(igny8):
    assert igny8("graph", "--impact", "tier/growth") == igny8("graph", "--impact", "tiers/growth")


def test_json_has_nodes_references_and_places(igny8):
    document = json.loads(igny8("graph", "--from", "site/blog", "--format", "json")[1])
    account = next(item for item in document["references"] if item["to"].startswith("account/"))
    assert account["from"] == "site/blog" and account["field"] == "account"
    text = (igny8.root / account["file"]).read_text().splitlines()[account["line"] - 1]
    assert text.strip().startswith("account:")
    assert document["summary"] == {"nodes": len(document["nodes"]), "references": len(document["references"])}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the parser itself
def test_dot_is_read_by_a_real_parser_also_with_odd_names(igny8):
    (igny8.root / "keywords").mkdir(exist_ok=True)
    (igny8.root / ODD_KEYWORDS).write_text("keyword\nboots\n")
    (graph,) = pydot.graph_from_dot_data(igny8("graph", "--format", "dot")[1])
    names = {json.loads(node.get_name()) for node in graph.get_nodes()}
    assert ODD_KEYWORDS in names
    edges = networkx.DiGraph(
        (json.loads(edge.get_source()), json.loads(edge.get_destination())) for edge in graph.get_edges()
    )
    assert "platform" in networkx.descendants(edges, "site/blog")


def test_mermaid_escapes_what_would_end_a_label(igny8):
    (igny8.root / "keywords").mkdir(exist_ok=True)
    (igny8.root / ODD_KEYWORDS).write_text("keyword\nboots\n")
    lines = igny8("graph", "--format", "mermaid")[1].splitlines()
    assert lines[0] == "flowchart LR"
    assert all(re.fullmatch(r'  n\d+(\["[^"\\]+"\]| --> n\d+)', line) for line in lines[1:])
    assert any("a #34;b#34; #92; c" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--impact", "tiers/grwth"], "did you mean `tiers/growth`?"),
        (["--impact", "tiers/growth", "--from", "site/blog"], "give one of them"),
    ],
)
def test_what_there_is_not_is_said(igny8, words, told):
    code, out, err = igny8("graph", *words)
    assert (code, out) == (64, "")
    assert told in err


def compiled(root, folder, **environment):
    words = [sys.executable, "-c", "from cli.main import main; main()", "-C", str(root), "compile", "-o", str(folder)]
    subprocess.run(words, check=True, capture_output=True, env={**os.environ, **environment})
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_compile_writes_the_same_bytes_wherever_and_whenever(igny8, tmp_path):
    first = compiled(igny8.root, tmp_path / "a", PYTHONHASHSEED="1", TZ="Asia/Tokyo", LC_ALL="C")
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(igny8.root, elsewhere, ignore=shutil.ignore_patterns(".igny8"))
    second = compiled(elsewhere, tmp_path / "b", PYTHONHASHSEED="2", TZ="America/Denver", LC_ALL="C.UTF-8")
    assert first == second
    index = json.loads(first["index.json"])
    assert len(index["resources"]) == len(first) - 1
    for item in index["resources"]:
        data = first[f"{item['kind']}/{item['name']}.json"]
        assert (
            data
            == json.dumps(json.loads(data), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
        )


def test_compile_replaces_what_it_wrote_and_check_tells_what_is_stale(igny8, tmp_path):
    folder = tmp_path / "state"
    assert igny8("compile", "-o", str(folder))[0] == 0
    (folder / "site" / "old.json").write_text("{}")
    (folder / "platform" / "platform.json").write_text("{}")
    code, out, _ = igny8("compile", "-o", str(folder), "--check")
    assert code == 2
    assert out.splitlines() == [f"not current: {folder}/platform/platform.json", f"not current: {folder}/site/old.json"]
    assert igny8("compile", "-o", str(folder))[0] == 0
    assert igny8("compile", "-o", str(folder), "--check")[:2] == (0, "")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_compile_touches_no_folder_of_somebody_else_and_writes_nothing_broken(igny8, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    code, _, err = igny8("compile", "-o", str(tmp_path))
    assert code == 64 and "holds something else" in err
    assert (tmp_path / "thesis.txt").exists()
    (igny8.root / "platform.yaml").write_text("kind: Nonsense\n")
    assert igny8("compile", "-o", str(tmp_path / "new"))[0] == 3
    assert not (tmp_path / "new").exists()


def test_compile_to_stdout_is_one_document(igny8):
    document = json.loads(igny8("compile", "-o", "-")[1])
    assert {item["kind"] for item in document["resources"]} >= {"platform", "site", "account"}
    assert len(document["digest"]) == 64
