"""Whatever happens to a file, compiling ends with findings that have a place, never with an exception."""

from __future__ import annotations

import tempfile
from pathlib import Path

from config_root import FILES, TODAY, compile_root, compile_texts, write_root
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.config.compiler import compile_tree
from reconciler.config.tree import read_tree
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import CODES
from reconciler.operations.app import EXTENSIONS

STEADY = settings(derandomize=True, deadline=None, database=None)
PATHS = sorted(FILES)
KNOWN = {entry.code for entry in CODES}


def assert_findings_have_places(compilation, files):
    for finding in compilation.findings:
        assert finding.code in KNOWN
        assert finding.file
        assert finding.mark.line >= 1
        assert finding.mark.column >= 1
        assert finding.message
        if finding.file in files:
            assert finding.mark.line <= files[finding.file].count("\n") + files[finding.file].count("\r") + 2


def test_the_valid_root_has_no_findings_also_without_a_disk():
    compilation = compile_texts(FILES)
    assert compilation.findings == ()
    assert len(compilation.resources) == len(FILES) - 1


def delete_line(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    del lines[at % len(lines)]
    return "".join(lines)


def insert(text, at, other, piece):
    at %= len(text) + 1
    return text[:at] + piece + text[at:]


def truncate(text, at, other, piece):
    return text[: at % (len(text) + 1)]


def swap_lines(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    one, two = at % len(lines), other % len(lines)
    lines[one], lines[two] = lines[two], lines[one]
    return "".join(lines)


def repeat_line(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    lines.insert(other % len(lines), lines[at % len(lines)])
    return "".join(lines)


def replace_value(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    key, colon, _ = lines[at % len(lines)].partition(":")
    lines[at % len(lines)] = f"{key}{colon} {piece}\n"
    return "".join(lines)


def replace_key(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    line = lines[at % len(lines)]
    indent = line[: len(line) - len(line.lstrip())]
    lines[at % len(lines)] = f"{indent}{piece}:{line.partition(':')[2] or chr(10)}"
    return "".join(lines)


def reindent_line(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    lines[at % len(lines)] = " " * (other % 9) + lines[at % len(lines)].lstrip(" ")
    return "".join(lines)


def repeat_block(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    start = at % len(lines)
    return "".join((*lines[: start + other % 12], *lines[start:]))


def swap_values(text, at, other, piece):
    lines = text.splitlines(keepends=True)
    one, two = at % len(lines), other % len(lines)
    (key, colon, value), (other_key, other_colon, other_value) = (lines[index].partition(":") for index in (one, two))
    lines[one], lines[two] = f"{key}{colon}{other_value or chr(10)}", f"{other_key}{other_colon}{value or chr(10)}"
    return "".join(lines)


BREAKAGES = (
    delete_line, insert, truncate, swap_lines, repeat_line, replace_value, replace_key, reindent_line, repeat_block,
    swap_values,
)  # fmt: skip
PIECES = st.one_of(
    st.text(max_size=6),
    st.sampled_from([
        "", "5", "-1", "1.5", "true", "null", "~", "[]", "{}", "[1, 2]", "[a, [b]]", "{a: 1}", "{a: {b: [c]}}", "[{}]",
        "'x'", '"²:00"', '"9:99"', "9:00", "[key]", '"[key]"', '""', "{% if %}", "{{ x | y }}", "{{ x", "*a", "&a", "!x",
        "99999999999999999999", "0.0000000001", "sk-proj-aaaaaaaaaaaaaaaaaaaa", "2026-02-30", "../..", "äöü", "\x00",
        "{type: static}", "{type: [a]}", "{type: {a: b}}", "{content: 5}", "{content: {model: [1]}}", "{env: 1}",
        "{text: 5}", "[null]", "{a: null}", "a\n  b", "apiVersion", "kind", "name", "template", "1", "stages", "ai",
    ]),
)  # fmt: skip
STEP = st.tuples(
    st.sampled_from(PATHS), st.sampled_from(BREAKAGES), st.integers(0, 2000), st.integers(0, 60), PIECES
)  # fmt: skip


@settings(STEADY, max_examples=600)
@given(st.lists(STEP, min_size=1, max_size=3))
@example([("platform.yaml", replace_key, 2, 0, '"[key]"')])
@example([("sites/blog.yaml", replace_value, 19, 0, '"²:00"')])
def test_a_broken_file_gives_findings_with_places(steps):
    files = dict(FILES)
    for path, breakage, at, other, piece in steps:
        files[path] = breakage(files[path], at, other, piece) or "\n"
    assert_findings_have_places(compile_texts(files), files)


def every_field():
    """Return file and path of every field that the valid root writes."""
    for path in PATHS:
        if path.endswith(".yaml"):
            document, _ = read_yaml(FILES[path], path)
            yield from ((path, mark) for field, mark in document.values.items() if field)


ODD_VALUES = ("-1", "true", "null", '""', "[]", "{}", "[{}]", '"²"')


def test_every_field_takes_every_kind_of_value_without_an_exception():
    """Each field of the root is given each odd value in turn, as flow YAML in place of its line's own."""
    tried = 0
    for path, mark in every_field():
        lines = FILES[path].splitlines()
        line = lines[mark.line - 1]
        for odd in ODD_VALUES:
            changed = [*lines[: mark.line - 1], line[: mark.column - 1] + odd, *lines[mark.line :]]
            files = FILES | {path: "\n".join(changed) + "\n"}
            assert_findings_have_places(compile_texts(files), files)
            tried += 1
    assert tried > 600


NAMES = st.text(st.sampled_from("abZ9-. \u00e9\x1b\n\udcff"), min_size=1, max_size=8)


@settings(STEADY, max_examples=60)
@given(st.sampled_from(PATHS), NAMES, st.sampled_from(["", ".yaml", ".md", ".csv"]))
def test_a_renamed_file_gives_findings_with_places_that_can_be_shown(path, name, ending):
    folder = path.rpartition("/")[0] or "sites"
    with tempfile.TemporaryDirectory() as place:
        root = write_root(Path(place), {path: None, f"{folder}/x{name}{ending}": FILES[path]})
        one, two = (compile_tree(read_tree(root), EXTENSIONS, TODAY).findings for _ in range(2))
    assert one == two
    assert all(text.isprintable() for item in one for text in (item.file, item.message, item.hint, item.field))


@settings(STEADY, max_examples=60)
@given(st.sampled_from(PATHS), st.binary(max_size=60), st.integers(0, 400))
def test_random_bytes_in_a_file_give_findings_with_places(path, noise, at):
    data = FILES[path].encode()
    with tempfile.TemporaryDirectory() as folder:
        compilation = compile_root(Path(folder), {path: data[:at] + noise + data[at + len(noise) :]})
    assert_findings_have_places(compilation, {})
