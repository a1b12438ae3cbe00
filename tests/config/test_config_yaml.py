"""The YAML reader: YAML 1.2 values, the exact place of everything, and no text that it cannot take."""

from __future__ import annotations

import json
import math

import pytest
from config_root import compile_root
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import Mark

STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=200)


def value_of(text):
    document, findings = read_yaml(f"x: {text}\n", "f.yaml")
    assert findings == ()
    return document.value["x"]


@pytest.mark.parametrize(
    "text",
    [
        "no", "on", "yes", "off", "y", "N", "9:00", "12:30:45", "2024-01-01", "2024-01-01T10:00:00Z", "0o14", "0x1F",
        "1_000", "1,5", "tRUE", "nULL", "+", ".", "e5", "1e", "0b1", "<", "=", "NAN", "inf", "nan", "5%", "v1.2.3",
    ],
)  # fmt: skip
def test_what_yaml_1_1_would_convert_stays_text(text):
    assert value_of(text) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("012", 12), ("+7", 7), ("-0", 0), ("9223372036854775807", 2**63 - 1), ("-9223372036854775807", 1 - 2**63),
        ("1.5", 1.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("-2.5E-1", -0.25), ("true", True), ("False", False),
        ("TRUE", True), ("null", None), ("~", None), ("", None), ("Null", None), ("'5'", "5"), ('"true"', "true"),
        ('""', ""), ("[1, [a]]", [1, ["a"]]), ("{a: {b: 1}}", {"a": {"b": 1}}), ("{}", {}), ("[]", []),
        ("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b"), ('"\\u00e9\\t"', "é\t"), ("&a 1\ny: *a", 1),
    ],
)  # fmt: skip
def test_values_follow_the_core_schema_of_yaml_1_2(text, value):
    read = value_of(text)
    assert read == value
    assert type(read) is type(value)


def test_keys_are_text_whatever_they_look_like():
    document, _ = read_yaml("1: a\ntrue: b\n9:00: c\nnull: d\n", "f.yaml")
    assert document.value == {"1": "a", "true": "b", "9:00": "c", "null": "d"}


TEXT = """\
first: 1
nested:
  list:
    - one
    -   two: "quoted"
  ünïcode: x
flow: {a: [10, 20], b: c}
block: |
  several
  lines
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("first",), Mark(1, 1, 5), Mark(1, 8, 1)),
        (("nested",), Mark(2, 1, 6), Mark(3, 3, 1)),
        (("nested", "list"), Mark(3, 3, 4), Mark(4, 5, 1)),
        (("nested", "list", 0), None, Mark(4, 7, 3)),
        (("nested", "list", 1), None, Mark(5, 9, 1)),
        (("nested", "list", 1, "two"), Mark(5, 9, 3), Mark(5, 14, 8)),
        (("nested", "ünïcode"), Mark(6, 3, 7), Mark(6, 12, 1)),
        (("flow",), Mark(7, 1, 4), Mark(7, 7, 1)),
        (("flow", "a", 1), None, Mark(7, 16, 2)),
        (("flow", "b"), Mark(7, 21, 1), Mark(7, 24, 1)),
        (("block",), Mark(8, 1, 5), Mark(8, 8, 1)),
    ],
)
def test_every_key_and_value_has_its_exact_place(path, key, value):
    document, findings = read_yaml(TEXT, "f.yaml")
    assert findings == ()
    assert document.keys.get(path) == key
    assert document.values[path] == value


def test_front_matter_is_counted_from_the_files_first_line():
    document, _ = read_yaml(TEXT, "f.md", first_line=2)
    assert document.values["flow", "a", 1] == Mark(8, 16, 2)
    assert document.keys["nested", "list"] == Mark(4, 3, 4)


def test_findings_in_front_matter_are_counted_from_the_files_first_line():
    _, (twice, syntax) = read_yaml("a: 1\na: 2\nb: [\n", "f.md", first_line=2)
    assert (twice.code, twice.mark) == ("IG105", Mark(3, 1, 1))
    assert (syntax.code, syntax.mark.line) == ("IG103", 5)


def test_a_key_that_stands_twice_names_both_lines():
    _, (finding,) = read_yaml("a:\n  b: 1\n  c: 2\n  b: 3\n", "f.yaml")
    assert (finding.mark, finding.message) == (Mark(4, 3, 1), "a.b is written twice, first in line 2, column 3")


def test_an_alias_stands_where_it_is_used():
    document, _ = read_yaml("a: &x [1, 2]\nb:  *x\n", "f.yaml")
    assert document.value == {"a": [1, 2], "b": [1, 2]}
    assert document.values["b",] == Mark(2, 5, 2)


def test_64_levels_are_read_and_65_are_not():
    assert read_yaml("[" * 64 + "]" * 64, "f.yaml")[1] == ()
    assert [item.code for item in read_yaml("[" * 66 + "]" * 66, "f.yaml")[1]] == ["IG104"]


def test_windows_line_ends_and_a_byte_order_mark_make_no_difference(tmp_path):
    text = "\ufeffapiVersion: igny8/v1\r\nkind: Author\r\ndisplay_name: Zoë\r\nlanguage: ENGLISH\r\n"
    (finding,) = compile_root(tmp_path, {"authors/zoe.yaml": text}).findings
    assert (finding.code, finding.mark.line, finding.mark.column) == ("IG210", 4, 11)


def assert_in_order(text, findings):
    for finding in findings:
        assert finding.mark.line >= 1
        assert finding.mark.column >= 1
        assert finding.mark.length >= 1
        assert finding.code.startswith("IG1")
        assert finding.message


@STEADY
@given(st.text(max_size=200), st.sampled_from([1, 2, 7]))
def test_any_text_is_read_or_refused_with_a_place(text, first_line):
    document, findings = read_yaml(text, "f.yaml", first_line=first_line)
    assert_in_order(text, findings)
    assert document is not None or findings


YAML_LIKE = st.lists(
    st.sampled_from([
        "a", ":", " ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&x ", "*x", "!t ", "|", ">", "'", '"', "#", "%", "---",
        "...", "<<", "?", "\t", "1", ".nan", "\r", "\x85", "\u2028", "\x0c", "é", "\ufeff", "@", "`", "\x00",
    ]),
    max_size=40,
).map("".join)  # fmt: skip


@settings(STEADY, max_examples=1500)
@given(YAML_LIKE)
def test_any_pieces_of_yaml_are_read_or_refused_with_a_place(text):
    document, findings = read_yaml(text, "f.yaml")
    assert_in_order(text, findings)
    assert document is not None or findings


# As JSON writes them: characters beyond 16 bits would be pairs of escapes, which YAML does not know.
_TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | _TEXT
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@STEADY
@given(_JSON)
def test_json_is_read_back_as_it_was_written(value):
    document, findings = read_yaml(json.dumps(value), "f.json")
    assert findings == ()
    assert same(document.value, value)


def same(one, other):
    """Tell whether two values are equal, types included."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    return type(one) is type(other) and one == other


def test_a_control_character_is_placed_by_the_line_ends_of_yaml():
    _, (finding,) = read_yaml("a: 1\rb: é\x85c: \x9b\n", "f.yaml")
    assert (finding.mark.line, finding.mark.column) == (3, 4)
