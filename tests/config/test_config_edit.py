"""Edits of one value: what is written, that every other byte stays, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from config_root import FILES
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.edit import RefusedEditError, flow_text, parse_path, parse_value, set_value, unset_value
from reconciler.config.yaml_reader import read_yaml


def value_of(text: str) -> Any:
    document, found = read_yaml(text, "x.yaml")
    assert document is not None and not found
    return document.value


def with_set(text: str, path: str, value: str, *orders: list[str]) -> str:
    return set_value(text, parse_path(value_of(text), path), parse_value(value), orders)


def with_unset(text: str, path: str) -> str:
    return unset_value(text, parse_path(value_of(text), path))


@pytest.mark.parametrize(
    ("before", "path", "value", "after"),
    [
        ("a: 1  # one\nb: 2\n", "a", "3", "a: 3  # one\nb: 2\n"),
        ("a: 'x'\n", "a", "two words", "a: two words\n"),
        ("a: x\n", "a", "09:00", 'a: "09:00"\n'),
        ("a: x\n", "a", "yes", 'a: "yes"\n'),
        ("a: x\n", "a", "[mon, '9:00']", 'a: [mon, "9:00"]\n'),
        ("a: x\n", "a", "it's: a trap", 'a: "it\'s: a trap"\n'),
        ("a:\nb: 2\n", "a", "1", "a: 1\nb: 2\n"),
        ("a:  # nothing yet\n", "a.b", "1", "a: {b: 1}  # nothing yet\n"),
        ("a:\n  - 1\n  - 2\nb: 2\n", "a", "[3]", "a: [3]\nb: 2\n"),
        ("a: |\n  long\n  text\n\nb: 2\n", "a", "short", "a: short\n\nb: 2\n"),
        ("a: {x: 1, y: 2}\n", "a.y", "3", "a: {x: 1, y: 3}\n"),
        ("a: {x: 1}\n", "a.y", "2", "a: {x: 1, y: 2}\n"),
        ("a: {}\n", "a.y", "2", "a: {y: 2}\n"),
        ("a: [1, 2]\n", "a[1]", "3", "a: [1, 3]\n"),
        ("a: [1]\n", "a[1]", "2", "a: [1, 2]\n"),
        ("a:\n  - 1\n\nb: 2\n", "a[1]", "2", "a:\n  - 1\n  - 2\n\nb: 2\n"),
        ("a:\n- x: 1\n  y: 2\n", "a[0].z", "3", "a:\n- x: 1\n  y: 2\n  z: 3\n"),
        ("a:\n  x: 1\n\n# about b\nb: 2\n", "a.y", "2", "a:\n  x: 1\n  y: 2\n\n# about b\nb: 2\n"),
        ("a: 1\n", "b.c.d", "2", "a: 1\nb:\n  c:\n    d: 2\n"),
        ("a: 1", "b", "2", "a: 1\nb: 2"),
        ("a: 1\r\nb: 2\r\n", "c", "3", "a: 1\r\nb: 2\r\nc: 3\r\n"),
        ("m:\n  gpt-5.1:\n    active: true\n", "m.gpt-5.1.active", "false", "m:\n  gpt-5.1:\n    active: false\n"),
    ],
)
def test_a_value_is_set_and_nothing_else_changes(before, path, value, after):
    assert with_set(before, path, value) == after


def test_a_new_key_takes_its_place_in_the_schemas_order():
    text = "name: a\n# the address\nurl: x\nai: {}\n"
    order = ["name", "account", "url", "language", "ai"]
    assert with_set(text, "language", "de", order) == "name: a\n# the address\nurl: x\nlanguage: de\nai: {}\n"
    assert with_set(text, "account", "b", order) == "name: a\naccount: b\n# the address\nurl: x\nai: {}\n"
    assert with_set("url: x\n", "name", "a", order) == "name: a\nurl: x\n"


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("a: 1\nb: 2\n", "a", "b: 2\n"),
        ("a:\n  x: 1\n  y: 2\n", "a.x", "a:\n  y: 2\n"),
        ("a:\n  x: 1\nb: 2\n", "a.x", "b: 2\n"),
        ("a: {x: 1, y: 2}\n", "a.x", "a: {y: 2}\n"),
        ("a: {x: 1, y: 2}\n", "a.y", "a: {x: 1}\n"),
        ("a: [1, 2, 3]\n", "a[1]", "a: [1, 3]\n"),
        ("a:\n  - 1\n  - 2\n", "a[0]", "a:\n  - 2\n"),
        ("a: |\n  text\nb: 2\n", "a", "b: 2\n"),
    ],
)
def test_a_value_is_taken_out_with_parents_that_would_be_empty(before, path, after):
    assert with_unset(before, path) == after


@pytest.mark.parametrize(
    ("text", "path", "reason"),
    [
        ("a: &x {b: 1}\nc: *x\n", "a.b", "anchor"),
        ("a: &x {b: 1}\nc: *x\n", "c.b", "anchor"),
        ("a: 1\n", "a.b", "is no mapping"),
        ("a: {b: 1}\n", "a[0]", "is no list"),
        ("a: [1]\n", "a[5]", "is no list with 5"),
        ("- 1\n", "a", "no mapping"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(text, path, reason):
    with pytest.raises(RefusedEditError, match=reason):
        with_set(text, path, "2")


def test_what_is_not_there_cannot_be_taken_out():
    with pytest.raises(RefusedEditError, match="not written there"):
        with_unset("a: 1\n", "b")


def leaves(value: Any, path: tuple[str | int, ...] = ()):
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))


EDITS = [(path, place) for path in FILES if path.endswith(".yaml") for place in leaves(value_of(FILES[path])) if place]
VALUES = st.sampled_from([0, True, None, "x", "9:00", "a: b", "#", "", [1, "two"], {"k": "v, w"}, "ünï\n"])


@given(st.sampled_from(EDITS), VALUES)
def test_any_value_of_any_file_can_be_set_and_taken_back_byte_by_byte(edit, value):
    path, place = edit
    text = FILES[path]
    edited = set_value(text, place, value)
    old, new = text.splitlines(), edited.splitlines()
    same_above = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    below = 0
    while below < min(len(old), len(new)) - same_above and old[-1 - below] == new[-1 - below]:
        below += 1
    assert len(new) - same_above - below <= 1, "one line is written"
    marks = read_yaml(text, path)[0].values
    assert marks[place].line - 1 <= same_above + 1, "lines above the value stay"


@given(VALUES)
def test_a_value_in_one_line_is_read_as_it_was_meant(value):
    assert value_of(f"a: {flow_text(value)}\n") == {"a": value}
