"""The documentation keeps its promises: references are fresh, links lead somewhere, commands and examples are real."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from jsonschema import Draft7Validator

from cli.main import COMMANDS, igny8, load
from reconciler.config.json_schema import schema_of
from reconciler.config.yaml_reader import read_yaml
from reconciler.diagnostics import CODES
from reconciler.errors import ExitCode
from reconciler.kinds import KINDS, find_kind
from reconciler.operations.app import EXTENSIONS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("examples/**/README.md")])
GENERATED = runpy.run_path(str(REFERENCE / "generate.py"))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_STOPS = {"|", "||", "&&", ";", ">", ">>", "<", "&"}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the code blocks of a page in these languages."""
    return [text for language, text in _FENCE.findall(page.read_text()) if language in languages]


def prose(page: Path) -> str:
    """Return a page without its code."""
    return re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text()))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as renderers make them."""
    headings = re.findall(r"^#{1,6} (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command below one, and itself, by its words."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, f"{path} {name}")


ALL_COMMANDS = [pair for entry in COMMANDS for pair in commands(load(entry), f"igny8 {entry.name}")]


@pytest.mark.parametrize("name", GENERATED["PAGES"])
def test_generated_references_are_fresh(name):
    fresh = GENERATED["PAGES"][name]()
    assert (REFERENCE / name).read_text() == fresh, "run `make golden`, or docs/reference/generate.py"


def test_the_generator_tells_what_is_stale_and_writes_nothing_when_asked_to_check(tmp_path, capsys):
    main = GENERATED["main"]
    main.__globals__["FOLDER"] = tmp_path
    try:
        assert main(["--check"]) == 1
        assert list(tmp_path.iterdir()) == []
        assert main([]) == 0
        assert main(["--check"]) == 0
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(GENERATED["PAGES"])
    finally:
        main.__globals__["FOLDER"] = REFERENCE
    capsys.readouterr()


@pytest.mark.parametrize(("path", "command"), ALL_COMMANDS, ids=[path for path, _ in ALL_COMMANDS])
def test_every_command_and_option_is_documented(path, command):
    text = (REFERENCE / "cli.md").read_text()
    heading = re.search(rf"^#+ {re.escape(path)}$", text, re.MULTILINE)
    assert heading, f"{path} has no section"
    section = re.split(r"^#+ ", text[heading.end() :], maxsplit=1, flags=re.MULTILINE)[0]
    for option in (item for item in command.params if isinstance(item, click.Option) and not item.hidden):
        assert all(f"`{word}`" in section for word in option.opts), f"{path} {option.opts}"
        assert option.help, f"{path} {option.opts} says nothing"


def test_every_global_option_is_documented():
    text = (REFERENCE / "cli.md").read_text().split("## Global options")[1].split("\n## ")[0]
    for option in (item for item in igny8.params if isinstance(item, click.Option)):
        assert all(f"`{word}`" in text for word in option.opts), option.opts


def test_every_diagnostic_code_is_documented_once():
    headings = re.findall(r"^### (IG\d{3}): ", (REFERENCE / "diagnostics.md").read_text(), re.MULTILINE)
    assert sorted(headings) == sorted(entry.code for entry in CODES)


def test_every_exit_code_is_documented_once():
    codes = re.findall(r"^\| (\d+) \|", (REFERENCE / "exit-codes.md").read_text(), re.MULTILINE)
    assert [int(code) for code in codes] == sorted(ExitCode)


def test_every_kind_has_a_section_with_its_keys():
    text = (REFERENCE / "config.md").read_text()
    for kind in KINDS:
        section = text.split(f"\n## {kind.name}\n")[1].split("\n## ")[0]
        for key in schema_of(kind, EXTENSIONS)["properties"]:
            assert key in ("apiVersion", "kind") or f"| `{key}` |" in section, f"{kind.name}.{key}"


def test_every_decision_is_in_the_index():
    index = (DOCS / "adr" / "README.md").read_text()
    records = sorted(path.name for path in (DOCS / "adr").glob("0*.md"))
    assert re.findall(r"\]\((0[\w-]+\.md)\)", index) == records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_to_a_file_and_a_heading(page):
    for target in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = page if not path else (page.parent / path).resolve()
        assert found.exists(), f"{name_of(page)} -> {target}"
        assert not anchor or anchor in anchors(found), f"{name_of(page)} -> {target}: no such heading"


def shell_lines(page: Path) -> Iterator[str]:
    """Yield the lines of a page that call igny8, in blocks of any language and with or without a prompt."""
    for _, text in _FENCE.findall(page.read_text()):
        for line in text.replace("\\\n", " ").splitlines():
            words = line.strip().removeprefix("$ ")
            if words.startswith("igny8 ") and "[OPTIONS]" not in words and not words.endswith(":"):
                yield words


def check_call(words: list[str]) -> None:
    """Raise click's own error when words name no command or no option."""
    command, path = igny8, "igny8"
    while True:
        context = click.Context(command, info_name=path)
        _, rest, _ = command.make_parser(context).parse_args(list(words))
        if not isinstance(command, click.Group):
            return
        if not rest:
            return
        found = command.get_command(context, rest[0])
        assert found is not None, f"{path} has no command {rest[0]!r}"
        command, path, words = found, f"{path} {rest[0]}", rest[1:]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_shell_line_names_existing_commands_and_options(page):
    for line in shell_lines(page):
        words = shlex.split(line, comments=True)[1:]
        end = next((index for index, word in enumerate(words) if word in _STOPS), len(words))
        try:
            check_call([word for word in words[:end] if word not in ("...", "…")])
        except click.UsageError as error:
            pytest.fail(f"{name_of(page)}: {line}: {error.format_message()}")


def test_the_check_of_shell_lines_sees_what_is_wrong():
    check_call(["-C", "examples/minimal", "validate", "--strict"])
    with pytest.raises(click.UsageError):
        check_call(["validate", "--nonsense"])
    with pytest.raises(AssertionError):
        check_call(["credits", "burn"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_config_example_is_valid(page):
    for text in blocks(page, "yaml", "yml"):
        if not text.startswith("apiVersion"):
            continue
        document, findings = read_yaml(text, name_of(page))
        assert findings == ()
        kind = find_kind(document.value["kind"])
        problems = [error.message for error in Draft7Validator(schema_of(kind, EXTENSIONS)).iter_errors(document.value)]
        assert problems == [], f"{name_of(page)}: {kind.name}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_diagnostic_code_that_is_mentioned_exists(page):
    known = {entry.code for entry in CODES}
    assert set(re.findall(r"\bIG\d{3}\b", page.read_text())) <= known


def test_the_first_steps_can_be_walked(tmp_path, processes):
    """Every igny8 line of the page runs, in order, in a copy of the root that it names; apply is answered with yes."""
    root = shutil.copytree(ROOT / "examples" / "minimal", tmp_path / "my-sites")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IGNY8_")}
    for line in shell_lines(DOCS / "how-to" / "first-steps.md"):
        words = shlex.split(line)[1:]
        words += ["--yes"] if words == ["apply"] else []
        done = processes.run(*words, cwd=root, environment=environment)
        assert done.code == 0, f"{line}: {done.stderr}"
    assert list(root.glob("published/daily-rider/content/posts/*/index.md"))
    assert (root / "reports" / "index.html").exists()


def test_the_action_declares_its_inputs_and_uses_each_of_them():
    document, findings = read_yaml((ROOT / "action.yml").read_text(), "action.yml")
    assert findings == ()
    inputs = ["root", "snapshot", "snapshot-key", "strict", "version"]
    assert sorted(document.value["inputs"]) == inputs
    used = re.findall(r"inputs\.([\w-]+)", str(document.value["runs"]))
    assert sorted(set(used)) == inputs
    scripts = [step["run"] for step in document.value["runs"]["steps"] if "run" in step]
    assert not any("${{" in script for script in scripts), "values go through the environment, never into the script"
    for script in scripts:
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_action_plans_against_a_snapshot_and_hands_the_comment_on(tmp_path):
    """Its last script is run as a runner would, with this igny8 in the place of the one that it installs."""
    document, _ = read_yaml((ROOT / "action.yml").read_text(), "action.yml")
    script = document.value["runs"]["steps"][-1]["run"]
    root = shutil.copytree(ROOT / "examples" / "minimal", tmp_path / "my-sites")
    program = Path(sys.executable).with_name("igny8")
    (tmp_path / "igny8/bin").mkdir(parents=True)
    (tmp_path / "igny8/bin/igny8").symlink_to(program)
    state = [program, "-C", root, "--db", f"sqlite:///{tmp_path}/state.db", "snapshot"]
    snapshot = tmp_path / "snapshot.json.gz"
    subprocess.run([*state, "-o", snapshot], check=True, capture_output=True)
    key = subprocess.run([*state, "--key"], check=True, capture_output=True, text=True).stdout.strip()
    summary, output = tmp_path / "summary.md", tmp_path / "output"
    runner = {"RUNNER_TEMP": tmp_path, "GITHUB_STEP_SUMMARY": summary, "GITHUB_OUTPUT": output}
    given = {"CONFIG_ROOT": root, "SNAPSHOT": snapshot, "IGNY8_SNAPSHOT_KEY": key}
    environment = os.environ | {name: str(value) for name, value in {**runner, **given}.items()}
    done = subprocess.run(["bash", "-e"], input=script, text=True, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    comment = Path(output.read_text().strip().removeprefix("comment="))
    assert comment.read_text() == summary.read_text()
    assert comment.read_text().startswith("<!-- igny8:plan -->")
    environment["IGNY8_SNAPSHOT_KEY"] = "ed25519:" + "A" * 43 + "="
    refused = subprocess.run(["bash", "-e"], input=script, text=True, env=environment, capture_output=True, check=False)
    assert refused.returncode == 5
    assert "is signed by another installation" in refused.stderr
