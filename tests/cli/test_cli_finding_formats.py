"""Findings for people and machines, each format as it is written; SARIF by the types of its standard."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
from pydantic import BaseModel
from sarif_pydantic import Sarif

from cli.diagnostics import show_findings
from cli.finding_formats import FORMATS
from cli.output import Output
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import Tree, read_tree
from reconciler.diagnostics import Diagnostic, Mark, in_order
from reconciler.operations.app import EXTENSIONS

FINDINGS = in_order(
    [
        Diagnostic(
            "IG203",
            'automation.time: "9:00" is not HH:MM',
            "sites/b.yaml",
            Mark(2, 7, 4),
            "automation.time",
            'write "09:00"',
        ),
        Diagnostic(
            "IG501", "100% <of> & more, with: signs\nand lines \x1b[31m", "sites/a, b:c.yaml", severity="warning"
        ),
        Diagnostic("IG201", "x" * 5000, "sites/b.yaml", Mark(1, 1, 9000)),
    ]
)
COMPILATION = Compilation(Tree(Path("root"), (), ()), (), FINDINGS)
LONG = "x" * 599 + "…"
GITHUB = f"""\
::warning file=root/sites/a%2C b%3Ac.yaml,line=1,col=1,title=IG501::100%25 <of> & more, with: signs\\nand lines \\x1b[31m
::error file=root/sites/b.yaml,line=1,col=1,title=IG201::{LONG}
::error file=root/sites/b.yaml,line=2,col=7,title=IG203::automation.time: "9:00" is not HH:MM (write "09:00")"""
JUNIT = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="igny8 validate" tests="2" failures="1" errors="0" skipped="0">
  <testcase classname="igny8" name="sites/a, b:c.yaml">
    <system-out>sites/a, b:c.yaml:1:1: warning[IG501] 100% &lt;of&gt; &amp; more, with: signs\\nand lines \\x1b[31m</system-out>
  </testcase>
  <testcase classname="igny8" name="sites/b.yaml">
    <failure message="sites/b.yaml:1:1: error[IG201] {LONG}">sites/b.yaml:1:1: error[IG201] {LONG}
sites/b.yaml:2:7: error[IG203] automation.time: "9:00" is not HH:MM (write "09:00")</failure>
  </testcase>
</testsuite>"""
TEXT = f"""\
sites/a, b:c.yaml:1:1: warning[IG501] 100% <of> & more, with: signs\\nand lines \\x1b[31m
sites/b.yaml:1:1: error[IG201] {LONG}
sites/b.yaml:2:7: error[IG203] automation.time: "9:00" is not HH:MM
   = hint: write "09:00"
   = help: igny8 explain IG501
2 errors, 1 warning: nothing can be planned or applied
"""


def test_github_annotations_escape_what_would_end_a_property_or_a_line():
    assert FORMATS["github"](COMPILATION) == GITHUB


def test_junit_is_xml_with_one_case_a_file():
    text = FORMATS["junit"](COMPILATION)
    assert text == JUNIT
    suite = ElementTree.fromstring(text.encode())
    assert (suite.tag, suite.get("tests"), len(suite)) == ("testsuite", "2", 2)


def test_the_text_is_one_short_line_a_finding(capsys):
    show_findings(Output(color="never"), COMPILATION)
    assert capsys.readouterr().out == TEXT


def test_json_tells_every_finding_in_order():
    answer = json.loads(FORMATS["json"](COMPILATION))
    assert [(item["file"], item["line"], item["code"]) for item in answer["diagnostics"]] == [
        ("sites/a, b:c.yaml", 1, "IG501"), ("sites/b.yaml", 1, "IG201"), ("sites/b.yaml", 2, "IG203"),
    ]  # fmt: skip
    assert answer["summary"] == {
        "valid": False, "resources": 0, "errors": 2, "warnings": 1, "waived": 0, "left_out": 0,
    }  # fmt: skip


def unknown_keys(value, path="log"):
    """Yield the keys that the standard's types do not know."""
    if isinstance(value, BaseModel):
        yield from (f"{path}.{key}" for key in value.model_extra or {})
        for key in type(value).model_fields:
            yield from unknown_keys(getattr(value, key), f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from unknown_keys(item, path)


def test_sarif_has_the_types_and_keys_of_its_standard():
    text = FORMATS["sarif"](COMPILATION)
    log = Sarif.model_validate_json(text)
    assert set(unknown_keys(log)) <= {"log.runs.columnKind"}  # in the standard, not in the package
    (run,) = log.runs
    assert [rule.id for rule in run.tool.driver.rules] == ["IG201", "IG203", "IG501"]
    assert [run.tool.driver.rules[item.rule_index].id for item in run.results] == [item.rule_id for item in run.results]
    places = [item.locations[0].physical_location for item in run.results]
    assert [place.artifact_location.uri for place in places] == [
        "root/sites/a%2C%20b%3Ac.yaml",
        *["root/sites/b.yaml"] * 2,
    ]
    assert (places[2].region.start_line, places[2].region.start_column, places[2].region.end_column) == (2, 7, 11)


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_control_character_through(name):
    assert all(line.isprintable() for line in FORMATS[name](COMPILATION).split("\n"))


def test_a_source_line_is_shown_without_what_a_terminal_would_obey(tmp_path, capsys):
    (tmp_path / "keywords").mkdir()
    (tmp_path / "keywords/a.csv").write_text("keyword,volume\na\x1b[31m,many\n")
    show_findings(Output(color="never"), compile_tree(read_tree(tmp_path), EXTENSIONS, date(2026, 11, 20)))
    told = capsys.readouterr().out
    assert "a\ufffd[31m,many" in told
    assert "\x1b" not in told
