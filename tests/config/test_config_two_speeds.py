"""The fast way and the careful way through config give the same: of every text, of every root, of sites that share lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from config_root import FILES, TODAY, compile_texts, write_root
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.config import plain_yaml
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.plain_yaml import NOT_PLAIN, PlainReader, read_plain
from reconciler.config.tree import read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.operations.app import EXTENSIONS

REPOSITORY = Path(__file__).parents[2]
LINES = sorted({line for text in FILES.values() for line in text.splitlines(keepends=True)})
PIECES = (
    ":", " ", "  ", "\n", "- ", "[", "]", "{", "}", ",", "'", '"', "#", " #", ": ", "0", "1", "-", "+", ".", "1e3", "0x1", "0o7",
    "1_0", "_0", "~", "null", "true", "No", "é", "\t", "\\", "|", ">", "&a", "*a", "!t", "? ", "%", "@", "`", "---\n", "...\n",
    "<<", ".inf", "12:30", "\n  ", "''", '""', "::", "[]", "{}", "\u2028", "\ufeff", "0b1", "-\n",
)  # fmt: skip


def is_same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(is_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(is_same, a, b))
    return repr(a) == repr(b)


@st.composite
def texts(draw: st.DrawFn) -> str:
    text = "".join(draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=6)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(PIECES)) + text[place + draw(st.integers(0, 2)) :]
    return text


@given(texts())
@example("x: _500\n")
@example('a: ["b"::c]\n')
@example("...\na: b\n")
@example("a: |\n  text\n")
@example("a: [b,\n:c]\n")
def test_what_is_plain_is_read_as_the_careful_reader_reads_it(text):
    value = read_plain(text)
    if value is not NOT_PLAIN:
        document, found = read_yaml(text, "x.yaml")
        assert document is not None
        assert found == ()
        assert is_same(value, document.value)


def test_the_sites_and_accounts_of_this_repository_go_the_fast_way():
    paths = [path for pattern in ("sites/*.yaml", "accounts/*.yaml") for path in REPOSITORY.glob(pattern)]
    careful = [path.stem for path in paths if read_plain(path.read_text(encoding="utf-8")) is NOT_PLAIN]
    assert careful == ["reef-and-tide"], "an & before a space might be an anchor: it is looked at"


def test_a_reader_that_knows_a_line_reads_it_as_one_that_does_not():
    reader = PlainReader()
    for text in FILES.values():
        first, again, alone = reader.read(text), reader.read(text), read_plain(text)
        assert (first is NOT_PLAIN) == (again is NOT_PLAIN) == (alone is NOT_PLAIN)
        assert first is NOT_PLAIN or first == again == alone
    assert reader.read("a: 1\n") == {"a": 1}
    assert reader.read("a: &x 1\n") is NOT_PLAIN
    assert reader.read("a: &x 1\n") is NOT_PLAIN, "what was not plain is not known"


FIELDS = (
    "a: 1", "a: 2", 'a: "x', "b: y\"", "b: 'it", "b: it's", "c: [']',", "c: [\"]\",", "d: 1]", "d:", "- x", "  - x", "  e: 1", " e: 1",
    "e:\n  a: 1\n  b: [1, {c: 2}]", '"a": 3', "'b': 4", "f", "f g", "# a: 1", "  # b", "", "---", "true: 1", "a : 5", "b:6", "g: x\n  y",
    "a: {b: 1,", "{a: 1}", "h: 12:30", "h: off", "1: 2", "_i: 1", "é: 1", "? a", ": 1", "a: - b", "a: b: c", "i: 0x1f", "i: 1_000",
)  # fmt: skip


@given(st.lists(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=6).map("\n".join), min_size=2, max_size=6))
@example(['a: "x\nb: y"', 'a: "x\nd:'])
@example(['a: "x\nb: y"\n"b": 1', 'a: "x', 'b: y"'])
@example(['c: ["]",\nd: 1]', "d: 1]", 'c: ["]",\na: 1\nd: 1]'])
@example(["# a\n  e: 1", "# a\n  e: 1\nb:6", "# a\na: 1"])
@example(["# a\na: 1", "# a"])
@example(["a: 1\nd:", "a: 1\nb:6\na: 1", "a: 1\nd:\n- x"])
def test_a_reader_that_knows_a_field_reads_it_as_the_careful_reader(texts_in_turn):
    reader = PlainReader()
    for text in texts_in_turn:
        for value in (reader.read(text), reader.read(text)):
            if value is not NOT_PLAIN:
                document, found = read_yaml(text, "x.yaml")
                assert document is not None
                assert found == ()
                assert is_same(value, document.value)


def test_a_reader_that_met_many_fields_still_reads_what_is_common():
    reader = PlainReader()
    for number in range(9_000):
        assert reader.read(f"common: [a, b]\nown: {number}\n") == {"common": ["a", "b"], "own": number}


def told(compilation: Compilation) -> Any:
    resources = [(item.ref, item.file, item.digest, item.data, item.provenance) for item in compilation.resources]
    return resources, compilation.findings


@pytest.mark.parametrize("root", [".", "examples/minimal", "examples/agency", "examples/v1beta1"])
def test_a_root_compiles_to_the_same_both_ways(root, monkeypatch):
    fast = told(compile_tree(read_tree(REPOSITORY / root), EXTENSIONS, TODAY))
    monkeypatch.setattr(plain_yaml, "_parser", lambda: None)
    assert told(compile_tree(read_tree(REPOSITORY / root), EXTENSIONS, TODAY)) == fast


BLOG = FILES["sites/blog.yaml"]
CHANGES = st.sampled_from([
    ("per_run_limit: 1", "per_run_limit: 2"), ("per_run_limit: 1", "per_run_limit: x"), ("max_tokens: 4000", "max_tokens: 0"),
    ("max_tokens: 4000", "temperature: 1"), ("language: en", "language: English"), ("language: en", ""),
    ("ai:\n  max_tokens: 4000\n", ""), ("ai:\n  max_tokens: 4000\n", "ai:\n"), ("account: acme", "account: nobody"),
    ("account: acme", "account: [acme]"), ("type: static", "type: statik"), ("path: published/blog", "path: 5"),
    ("[hiking boots, winter boots]", "[Hiking  Boots, trail shoes, {term: x, volume: null}]"), ("industry: outdoors", "industry:"),
    ("automation:\n", "automation:\n  preset: brisk\n"), ("automation:\n", "automation:\n  preset: [x]\n"),
    ("name: blog", "name: &n blog"), ("stages:\n", "stages:\n  contents: {}\n"), ("[mon, wed, fri]", "[mon, mon]"),
    ("publishing:\n", "publishing: &p\n"), ('"02:00"', "2:00"), ("strategy: guides", "strategy: guides  # note"),
])  # fmt: skip


@given(st.lists(st.lists(CHANGES, max_size=2), min_size=1, max_size=4))
def test_sites_that_share_lines_are_what_each_is_alone(sites):
    files = {path: text for path, text in FILES.items() if path != "sites/blog.yaml"}
    written = {}
    for number, changes in enumerate(sites):
        text = BLOG.replace("name: blog", f"name: blog{number}").replace("published/blog", f"published/blog{number}")
        for old, new in changes:
            text = text.replace(old, new)
        written[f"sites/blog{number}.yaml"] = text
    together = compile_texts(files | written)
    alone = [compile_texts(files | {path: text}) for path, text in written.items()]
    sites_of = lambda compilation: {item.ref: item.data for item in compilation.resources if item.kind == "site"}  # noqa: E731
    assert sites_of(together) == {ref: data for one in alone for ref, data in sites_of(one).items()}
    own = [{item for item in one.findings if item.file in written} for one in alone]
    assert {item for item in together.findings if item.file in written and item.code != "IG413"} == {
        item for found in own for item in found if item.code != "IG413"
    }


def test_a_hundred_sites_compile_like_one(tmp_path):
    files = {f"sites/blog{number}.yaml": BLOG.replace("name: blog", f"name: blog{number}").replace("published/blog", f"published/{number}")
             for number in range(100)}  # fmt: skip
    compilation = compile_tree(read_tree(write_root(tmp_path, files)), EXTENSIONS, TODAY)
    specs = [
        item.spec.model_copy(update={"name": "", "publisher": None})
        for item in compilation.resources
        if item.kind == "site"
    ]
    assert len(specs) == 101
    assert all(spec == specs[0] for spec in specs)
