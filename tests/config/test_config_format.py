"""The one form of config files: what moves, what is written another way, and that nothing else changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from config_root import FILES, compile_texts
from hypothesis import given
from hypothesis import strategies as st

from reconciler.config.format import format_text, modeline_of
from reconciler.config.json_schema import schema_of
from reconciler.config.yaml_reader import read_yaml
from reconciler.kinds import KINDS
from reconciler.operations.app import EXTENSIONS

REPOSITORY = Path(__file__).parents[2]
SCHEMAS = {kind.slug: schema_of(kind, EXTENSIONS) for kind in KINDS}
SITE = SCHEMAS["site"]
OWN_FILES = [
    path
    for root in (REPOSITORY, REPOSITORY / "examples/minimal", REPOSITORY / "examples/agency")
    for kind in KINDS
    for path in sorted(root.glob(kind.place))
    if path.suffix == ".yaml"
]


def schema_for(path: str):
    folder = path.split("/")[0]
    return SCHEMAS[next(kind.slug for kind in KINDS if kind.place.split("/")[0] == folder)]


def test_keys_stand_in_the_schemas_order_with_the_comments_above_them():
    before = """\
# about the file
kind: Site
apiVersion: igny8/v1

# when
publishing:
  # mornings
  time_slots: ["09:00"]  # one is enough
  days: [mon]
    # still about the days

# who pays
account: acme
name: blog
url: https://blog.example
"""
    assert (
        format_text(before, SITE)
        == """\
# about the file
apiVersion: igny8/v1
kind: Site
name: blog

# who pays
account: acme
url: https://blog.example

# when
publishing:
  days: [mon]
    # still about the days
  # mornings
  time_slots: ["09:00"]  # one is enough
"""
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("automation:\n  time: 2:00\n", 'automation:\n  time: "02:00"\n'),
        ("automation: {time: 02:00, enabled: yes}\n", 'automation: {time: "02:00", enabled: true}\n'),
        ("publishing:\n  time_slots: [9:00, '14:00']\n", "publishing:\n  time_slots: [\"09:00\", '14:00']\n"),
        ("publishing:\n  auto_publish: OFF  # not yet\n", "publishing:\n  auto_publish: false  # not yet\n"),
        ("description: yes\ndisplay_name: 9:00\n", "description: yes\ndisplay_name: 9:00\n"),
        ("automation:\n  time: 25:00\n", "automation:\n  time: 25:00\n"),
        ("stages:\n  images: {enabled: no}\n", "stages:\n  images: {enabled: false}\n"),
    ],
)
def test_times_are_quoted_and_true_and_false_are_words_where_the_schema_says_so(before, after):
    assert format_text(before, SITE) == after


@pytest.mark.parametrize(
    "text",
    [
        "url: &u https://a.example\nname: a\nlabels: {x: *u}\n",
        "{url: https://a.example, name: a}\n",
        "labels:\n  b: x   \n  a: y\n  \nurl: https://a.example\n",
        "description: |\n  url: x\n\n  name: y\n\naccount: a\n",
        "x: 1\nb: 2\n",
        "",
    ],
    ids=[
        "an alias after its anchor",
        "flow style",
        "labels have no order",
        "a block of text",
        "unknown keys",
        "nothing",
    ],
)
def test_what_has_no_order_or_could_lose_its_meaning_stays(text):
    assert format_text(text, SITE) == text


def test_an_items_first_key_changes_place_with_its_dash():
    before = "sectors:\n  - keywords: [a]\n    # its name\n    name: hiking\n  - {name: camping}\n"
    assert format_text(before, SITE) == before, "a comment cannot stand before the dash"
    plain = before.replace("    # its name\n", "")
    assert format_text(plain, SITE) == "sectors:\n  - name: hiking\n    keywords: [a]\n  - {name: camping}\n"


def test_line_ends_and_a_missing_last_one_are_kept_apart():
    assert format_text("url: x\r\nname: a", SITE) == "name: a\r\nurl: x\r\n"


def test_a_modeline_is_added_once_with_the_way_to_the_schemas():
    modeline = modeline_of("sites/acme/blog.yaml", "site")
    assert modeline == "# yaml-language-server: $schema=../../schemas/site.schema.json"
    text = format_text("name: a\n", SITE, modeline)
    assert text == f"{modeline}\nname: a\n"
    assert format_text(text, SITE, modeline) == text


@pytest.mark.parametrize("path", OWN_FILES, ids=lambda path: path.relative_to(REPOSITORY).as_posix())
def test_the_repositorys_own_files_are_in_their_form(path):
    kind = next(kind for kind in KINDS for root in path.parents if path in root.glob(kind.place))
    text = path.read_text(encoding="utf-8")
    assert format_text(text, SCHEMAS[kind.slug]) == text, "run `igny8 fmt`"


def shuffled(draw: st.DrawFn, text: str) -> str:
    """Return a valid document with its top-level parts in another order, comments above some of them."""
    document, _ = read_yaml(text, "x.yaml")
    assert document is not None
    lines = text.splitlines(keepends=True)
    starts = sorted(mark.line - 1 for path, mark in document.keys.items() if len(path) == 1)
    parts = ["".join(lines[a:b]) for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]
    parts = draw(st.permutations(parts))
    return "".join(draw(st.sampled_from(["", "# note\n", "\n", "\n# note\n"])) + part for part in parts)


@st.composite
def shuffled_files(draw: st.DrawFn) -> tuple[str, str]:
    path = draw(st.sampled_from([path for path in FILES if path.endswith(".yaml")]))
    return path, shuffled(draw, FILES[path])


@given(shuffled_files())
def test_formatting_keeps_meaning_and_comments_and_is_done_in_one_go(drawn):
    path, text = drawn
    formatted = format_text(text, schema_for(path))
    assert format_text(formatted, schema_for(path)) == formatted
    assert sorted(formatted.splitlines()) == sorted(text.splitlines())
    before, after = (compile_texts(FILES | {path: content}) for content in (text, formatted))
    assert [item.digest for item in before.resources] == [item.digest for item in after.resources]
