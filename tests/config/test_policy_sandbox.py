"""The process that evaluates policies: nothing that is written in a policy stalls it, ends us, or is blamed on another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from config_root import compile_root
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.globs import selects
from reconciler.config.policies import worker
from reconciler.config.policies.sandbox import Answer, Check, Limits, Sandbox, find_library
from reconciler.config.policies.shapes import missing_step, needs_of, prune
from reconciler.config.policies.texts import MessageError, Written, split_message
from reconciler.config.yaml_reader import read_yaml

LIBRARY = find_library()
assert LIBRARY is not None
QUICK = Limits(seconds=0.05, total_seconds=1.0)
NUMBERS = list(range(5000))


def ask(programs: list[str], tasks: list[dict], limits: Limits = QUICK) -> list[Answer]:
    """Return what rules of one program each say about every task."""
    checks = [Check(index, ()) for index in range(len(programs))]
    everyone = list(range(len(programs)))
    with Sandbox(LIBRARY, limits) as sandbox:
        sandbox.compile(programs)
        return sandbox.run(checks, {"today": ""}, len(tasks), lambda number: (everyone, {"resource": tasks[number]}))


EVIL = {
    "membership of a list in a list": "resource.n.exists(x, -x - 1 in resource.n)",
    "regular expressions that grow": "resource.n.all(i, !resource.s.matches('(([a-z]{0,30}){0,30})' + string(i)))",
    "texts that grow": "resource.n.map(x, resource.s + resource.s).map(y, y + y).size() < 0",
    "texts that double": "[resource.s].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)[0] == ''",
    "lists of lists": "[[resource.n]]" + ".map(a, [a, a, a, a, a, a, a, a])" * 9 + ".size() == resource.n.size()",
}


@pytest.mark.parametrize("name", EVIL)
def test_what_takes_too_much_is_stopped_and_only_that(name):
    task = {"n": NUMBERS, "s": "x" * 500_000}
    answers = ask(["resource.n.size() == 5000", EVIL[name], "resource.s.startsWith('x')"], [task, task])
    outcomes = [(answer.task, answer.rule, answer.outcome) for answer in answers]
    assert [item for item in outcomes if item[1] != 1] == [
        (0, 0, "found"),
        (0, 2, "found"),
        (1, 0, "found"),
        (1, 2, "found"),
    ]
    assert [item[2] for item in outcomes if item[1] == 1] in (["stopped"], ["failed", "failed"], [])
    if name not in ("lists of lists", "texts that double"):
        assert (0, 1, "stopped") in outcomes


def test_rules_that_share_an_expression_are_stopped_together():
    evil = EVIL["membership of a list in a list"]
    checks = [Check(0, ()), Check(1, ()), Check(0, (1,))]
    with Sandbox(LIBRARY, QUICK) as sandbox:
        assert sandbox.places_of([evil, "true", evil]) == [0, 1, 2]
        assert sandbox.places_of(["true", evil]) == [1, 2]
        answers = sandbox.run(checks, {"today": ""}, 1, lambda _: ([0, 1, 2], {"resource": {"n": NUMBERS}}))
    assert [(answer.rule, answer.outcome) for answer in answers] == [(0, "stopped"), (2, "stopped"), (1, "found")]


def test_steps_through_lists_are_bounded():
    (answer,) = ask(["resource.n.all(x, resource.n.all(y, x + y >= 0))"], [{"n": NUMBERS}])
    assert (answer.outcome, answer.problem) == ("failed", "Iteration budget exceeded")


def test_many_evaluations_that_are_each_allowed_are_bounded_together():
    condition = "resource.n.exists(x, -x - 1 in resource.n)"
    limits = Limits(seconds=5, total_seconds=0.2, total_seconds_per_evaluation=0)
    answers = ask(["resource.n.size() > 9", condition], [{"n": list(range(1500))}] * 400, limits)
    (stopped,) = [answer for answer in answers if answer.outcome == "stopped"]
    assert stopped.rule == 1
    assert "together the policies take too long, and this one took" in stopped.problem
    assert len({answer.task for answer in answers if answer.rule == 0}) == 400


def test_after_too_many_stopped_rules_all_is_given_up():
    programs = [f"resource.n.exists(x, -x - {index + 1} in resource.n)" for index in range(5)]
    answers = ask([*programs, "true"], [{"n": NUMBERS}], Limits(seconds=0.02, stopped_max=2))
    assert [answer.outcome for answer in answers] == ["stopped"] * 6
    assert sum("given up" in answer.problem for answer in answers) == 3


@pytest.mark.parametrize(
    "text",
    [
        "(" * 200 + "1" + ")" * 200, "[" * 1999, "!" * 1999, "-" * 1990 + "1", "[!{" * 60, "{[(!" * 30 + "1", "[{}]!{!["[:8] * 200,
        "+".join(["1"] * 900), "true?" * 200 + "1" + ":1" * 200, "resource" + ".a" * 900, "resource" + "['a']" * 390,
        "[1]" + ".map(a, [a, a])" * 120, "'" + "\\x00" * 400 + "'", "true" + " && true" * 240, "\u0000", "💥" * 400, "9" * 1999,
    ],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_no_expression_ends_the_compiler(text):
    with Sandbox(LIBRARY) as sandbox:
        first, second = sandbox.compile([text, "resource.a == 1"])
    assert first.type or first.problems or first.stopped
    assert second.type == "BOOL"


def test_a_compiler_that_takes_too_long_is_stopped():
    with Sandbox(LIBRARY, Limits(seconds=0.01)) as sandbox:
        first, second = sandbox.compile(["true" + " && true" * 12000, "true"])
    assert "more than 0.01 s" in first.stopped
    assert second.type == "BOOL"


def test_a_config_root_with_such_a_policy_is_checked_to_the_end(tmp_path):
    keywords = "keyword,volume,intent\n" + "".join(f"word {index},,\n" for index in range(6000))
    text = """apiVersion: igny8/v1
kind: Policy
name: evil
match: {kind: Site}
rules:
  - name: slow
    deny: 'resource.sectors[0].keywords.exists(k, {"term": k.term, "x": 1} in resource.sectors[0].keywords)'
    message: never
  - name: quick
    warn: resource.name == "blog"
    message: still asked
"""
    findings = compile_root(tmp_path, {"policies/evil.yaml": text, "keywords/hiking.csv": keywords}).findings
    by_code = {item.code: item for item in findings}
    assert by_code["IG605"].message.startswith("evil/slow: was stopped at site/blog: it takes more than 0.25 s")
    assert (by_code["IG605"].file, by_code["IG605"].mark.line) == ("policies/evil.yaml", 7)
    assert by_code["IG602"].policy == "evil/quick"


def test_the_cel_library_is_not_imported_by_the_program(tmp_path):
    """Neither a root without policies nor one with them brings it into this process."""
    code = "import sys; from cli.main import run; run(['-C', sys.argv[1], 'validate']); print([m for m in sys.modules if 'cel_expr' in m])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@settings(max_examples=60, deadline=None)
@given(
    value=st.text(st.sampled_from("ab \"'\\#:{}\n.€\U0001f600"), min_size=1),
    style=st.sampled_from(["|-", ">-", '"', "'"]),
    data=st.data(),
)
def test_every_character_of_a_scalar_is_found_in_the_file(value, style, data):
    """However YAML writes a text, a place in it leads to the same character of the file."""
    if style in ("|-", ">-"):
        lines = [line for line in value.split("\n") if line.strip()] or ["x"]
        text = f"a:\n  b: {style}\n" + "".join(f"    {line.strip()}\n" for line in lines)
    else:
        inner = " ".join(value.split()) or "x"
        escaped = inner.replace("\\", "\\\\").replace('"', '\\"') if style == '"' else inner.replace("'", "''")
        text = f"a:\n  b: {style}{escaped}{style}\n"
    document, findings = read_yaml(text, "x.yaml")
    assert findings == ()
    whole = document.value["a"]["b"]
    written = Written(whole, whole, "x.yaml", document.values["a", "b"], text.split("\n"))
    offset = data.draw(st.integers(0, len(whole) - 1))
    if not whole[offset].isspace():
        mark = written.place(offset)
        assert text.split("\n")[mark.line - 1][mark.column - 1] == whole[offset]


@given(st.text(st.sampled_from("ab {}")))
def test_a_message_is_split_or_its_braces_are_told(text):
    try:
        pieces = split_message(text)
    except MessageError as error:
        assert 0 <= error.offset < len(text)
        return
    again = "".join(
        piece.replace("{", "{{").replace("}", "}}") if isinstance(piece, str) else f"{{{piece[1]}}}" for piece in pieces
    )
    assert [piece if isinstance(piece, str) else piece[1] for piece in split_message(again)] == [
        piece if isinstance(piece, str) else piece[1] for piece in pieces
    ]
    assert all(text[piece[0] : piece[0] + len(piece[1])] == piece[1] for piece in pieces if not isinstance(piece, str))


VALUES = st.recursive(
    st.integers() | st.text(max_size=3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
PATHS = st.lists(st.lists(st.sampled_from("abc"), max_size=3).map(tuple), max_size=4)


@given(VALUES, PATHS)
def test_what_is_sent_holds_every_path_that_is_read(value, paths):
    sent = prune(value, needs_of(paths))
    for path in paths:
        assert at(sent, path) == at(value, path)


def at(value, path):
    for index, step in enumerate(path):
        if not isinstance(value, dict):
            return ("no mapping", index)
        if step not in value:
            return ("no key", index)
        value = value[step]
    return value


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("resource.a.b > 1", ["resource.a.b"]),
        ("resource['a']['b'].c == 'd'", ["resource.a.b.c"]),
        ("resource.a[resource.b.c]", ["resource.a", "resource.b.c"]),
        ("resource == account", ["account", "resource"]),
        ("has(resource.a.b)", ["resource.a.b"]),
        ("resource.a.exists(x, x.b == account.c)", ["account.c", "resource.a"]),
        ("[1].exists(resource, resource == 1) && resource.a", ["resource.a"]),
        ("resource.a.exists(account, account.b == resource.c) || account.d", ["account.d", "resource.a", "resource.c"]),
        ("[resource.a, {'k': resource.b}.k, -resource.c]", ["resource.a", "resource.b", "resource.c"]),
        ("resource.a ? resource.b.size() : resource.c[0]", ["resource.a", "resource.b", "resource.c"]),
        ("resource.a.map(x, x > 1, x + account.b)", ["account.b", "resource.a"]),
        ("1 + 2 == 3", []),
    ],
)  # fmt: skip
def test_the_paths_that_an_expression_reads_are_known(text, paths):
    with Sandbox(LIBRARY) as sandbox:
        (compiled,) = sandbox.compile([text])
    assert compiled.problems == ()
    assert sorted({".".join((use.root, *use.path)) for use in compiled.uses}) == paths


def test_the_worker_counts_on_the_numbers_that_the_library_writes():
    """Read here as well as there, so that a change of the library's format is noticed."""
    from cel_expr_python import cel

    environment = cel.NewEnv(variables={"resource": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})
    program, told = worker.compile_one(environment, "has(resource.a.b) && resource['c'].d == 'x'")
    assert told["type"] == "BOOL"
    assert told["uses"] == [
        {"root": "resource", "path": ["a", "b"], "offsets": [4, 12, 3]},
        {"root": "resource", "path": ["c", "d"], "offsets": [21, 29, 34]},
    ]
    activation = environment.Activation({"resource": {"a": {"b": 1}, "c": {"d": "x"}}})
    assert worker.decide([program], 0, [], activation, cel.Type.ERROR) == ("found", [], "")
    program, told = worker.compile_one(environment, "1 +\n nope")
    assert program is None
    assert told["problems"][0][:2] == [2, 2]


def test_shapes_know_what_is_missing():
    shape = {"a": {"b": None}, "free": {"*": {"c": None}}}
    assert missing_step(shape, ("a", "b", "anything")) is None
    assert missing_step(shape, ("free", "any", "c")) is None
    assert missing_step(shape, ("a", "bb")) == (1, "did you mean `b`?")
    assert missing_step(shape, ("free", "any", "d"))[0] == 2


@given(st.text(st.sampled_from("ab*?"), max_size=6), st.text(st.sampled_from("ab"), max_size=6))
def test_globs_select_what_the_standard_librarys_do(pattern, text):
    from fnmatch import fnmatchcase

    assert selects(pattern, text) == fnmatchcase(text, pattern)
