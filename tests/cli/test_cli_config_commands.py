"""validate, plan, apply and explain as processes: what they print and where, and the code that they end with."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from builder import FILES, edited, write_root
from igny8_process import Igny8Processes

from cli.main import COMMANDS
from reconciler.diagnostics import CODES

PROGRAM = "from cli.main import main; main()"
SLOTS = ("sites/blog.yaml", ('["09:00", "14:00", "18:00"]', '["09:00", "18:00"]'))


class Shell:
    """Runs igny8 as a process in a config root, with an environment of its own and no terminal."""

    def __init__(self, folder: Path, processes: Igny8Processes) -> None:
        self.folder = folder
        self.processes = processes
        self.root = write_root(folder / "root")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(folder), "IGNY8_ACTOR": "tester", "COLUMNS": "100",
            **{name: value for name, value in os.environ.items() if name.startswith(("COV", "PYTHONPATH"))},
        }  # fmt: skip

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        done = self.processes.run(*words, cwd=self.root, environment=self.environment | environment)
        return subprocess.CompletedProcess(words, done.code, done.stdout, done.stderr)

    def start(self, *words: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
        """Run words, or another program, in a Python that is started for it, with hashes of its own."""
        return subprocess.run(
            [sys.executable, "-c", program, *words],
            cwd=self.root, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip

    def ok(self, *words: str) -> str:
        """Run a command that must succeed and return its answer."""
        done = self(*words)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def json(self, *words: str) -> dict:
        answer = json.loads(self(*words).stdout)
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
def igny8(tmp_path, processes):
    return Shell(tmp_path, processes)


def change(shell, path, *changes):
    write = edited(path, *changes)[path]
    (shell.root / path).write_text(write, encoding="utf-8")


BROKEN = """\
apiVersion: igny8/v1
kind: Site
name: blog
account: acmee
url: https://blog.example
timezon: Europe/Berlin
publisher: {type: static, path: published/blog}
automation: {enabled: true, time: 9:00}
"""
GOLDEN = """\
accounts/acme.yaml:4:7: error[IG301] there is no tier 'grown'
    4 | tier: grown
      |       ^^^^^ did you mean `growth`?
sites/blog.yaml:6:1: error[IG201] timezon: unknown key
    6 | timezon: Europe/Berlin
      | ^^^^^^^ did you mean `timezone`?
sites/blog.yaml:8:35: error[IG203] automation.time: "9:00" is not HH:MM
    8 | automation: {enabled: true, time: 9:00}
      |                                   ^^^^ write "09:00"
   = help: igny8 explain IG301
3 errors, 0 warnings: nothing can be planned or applied
"""


def break_root(shell):
    (shell.root / "sites/blog.yaml").write_text(BROKEN, encoding="utf-8")
    change(shell, "accounts/acme.yaml", ("tier: growth", "tier: grown"))


def test_validate_shows_each_mistake_in_its_line_and_ends_with_3(igny8):
    break_root(igny8)
    done = igny8("validate")
    assert (done.stdout, done.stderr, done.returncode) == (GOLDEN, "", 3)


def test_validate_of_a_valid_root_says_so(igny8):
    change(igny8, "sites/blog.yaml", ("name: blog\n", "name: blog\nstages: {content: {per_run_limit: 2}}\n"))
    assert igny8.ok("validate") == "11 resources of 7 kinds are valid; 0 errors, 0 warnings\n"


def test_validate_json_has_a_summary_and_every_finding_with_its_place(igny8):
    break_root(igny8)
    done = igny8("validate", "--json")
    answer = json.loads(done.stdout)
    assert done.returncode == 3
    assert answer["version"] == 1
    assert answer["summary"]["valid"] is False
    assert (answer["summary"]["errors"], answer["summary"]["warnings"]) == (3, 0)
    assert answer["diagnostics"][2] == {
        "code": "IG203", "severity": "error", "file": "sites/blog.yaml", "line": 8, "column": 35,
        "field": "automation.time", "message": 'automation.time: "9:00" is not HH:MM', "hint": 'write "09:00"',
    }  # fmt: skip
    assert igny8("validate", "--format", "json").stdout == done.stdout


def test_strict_lets_warnings_fail(igny8):
    change(igny8, "sites/blog.yaml", ("publishing:", "stages: {tasks: {per_run_limit: 7, batch_size: 5}}\npublishing:"))
    assert igny8("validate").returncode == 0
    done = igny8("validate", "--strict")
    assert done.returncode == 3
    assert "warning[IG503]" in done.stdout


def test_validate_of_no_root_and_of_an_empty_one_ends_with_3(igny8, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, says in (("nowhere", "no directory"), ("empty", "no config here")):
        done = igny8("-C", str(tmp_path / folder), "validate")
        assert done.returncode == 3
        assert says in done.stdout


def test_validate_of_an_empty_working_folder_ends_with_3(igny8):
    for path in FILES:
        (igny8.root / path).unlink()
    done = igny8("validate")
    assert (done.returncode, done.stderr) == (3, "")
    assert "IG101" in done.stdout


CANARY = "sk-proj-CANARYCANARYCANARY1234"


@pytest.mark.parametrize(
    "line",
    [
        f"      api_key: {CANARY}", f"      api_keyy: {CANARY}", "      api_key: CANARY: x", f"      {CANARY}: 1",
        f"      api_key: [{CANARY}", f"      webhook_secret: {{env: {CANARY}}}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_never_printed(line, form, igny8):
    text = FILES["providers.yaml"].replace(
        "samples: {type: ai, adapter: offline}",
        f"samples:\n    type: ai\n    adapter: offline\n    credentials:\n{line}",
    )
    (igny8.root / "providers.yaml").write_text(text, encoding="utf-8")
    done = igny8("validate", "--format", form)
    assert done.returncode == 3
    assert "CANARY" not in done.stdout + done.stderr
    assert re.search(r"providers\.yaml", done.stdout)


def test_a_mistake_far_out_in_a_long_line_is_shown_with_what_is_around_it(igny8):
    words = ", ".join(f"word{number}" for number in range(2000))
    change(igny8, "sites/blog.yaml", ('time: "02:00"', f'time: "02:00", labelz: {{a: "{words}"}}'))
    text = (igny8.root / "sites/blog.yaml").read_text()
    text = text.replace(
        '{enabled: true, time: "02:00", labelz', f'{{weekday: mon, preset: "{words}", enabled: 5, labelz'
    )
    (igny8.root / "sites/blog.yaml").write_text(text, encoding="utf-8")
    done = igny8("validate")
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) < 400
    number = next(index for index, line in enumerate(lines) if "enabled: 5 is not true or false" in line)
    column = lines[number + 2].index("^")
    assert lines[number + 1][column] == "5"


def test_a_new_root_is_planned_applied_and_then_as_declared(igny8):
    planned = igny8.start("plan", "--detailed-exitcode")
    assert planned.returncode == 2
    assert "11 to create, 0 to update, 0 to delete, 0 unchanged" in planned.stdout
    assert "+ create site/blog   (sites/blog.yaml)" in planned.stdout

    applied = igny8.ok("apply", "--yes")
    assert applied.startswith(planned.stdout)
    assert applied.endswith("Granted 1,000 credits to acme (opening).\nApplied: generation 1.\n")

    again = igny8("plan", "--detailed-exitcode")
    assert again.returncode == 0
    assert re.fullmatch(
        r"Plan [0-9a-f]{12} \(base generation 1\): no changes\n11 resources are as declared\.\n", again.stdout
    )


def test_plan_changes_nothing_however_often_it_is_made(igny8):
    first, second = igny8.start("plan"), igny8.start("plan")
    assert first.stdout == second.stdout
    assert (first.returncode, second.returncode) == (0, 0)
    assert igny8.json("history", "--json")["applies"] == []


def test_an_update_shows_before_after_and_the_line_it_comes_from(igny8):
    igny8.ok("apply", "--yes")
    change(igny8, *SLOTS)
    line = FILES["sites/blog.yaml"].split("time_slots")[0].count("\n") + 1
    planned = igny8.ok("plan")
    assert "~ update site/blog\n" in planned
    times = "[09:00, 14:00, 18:00] -> [09:00, 18:00]"
    assert f"    publishing.time_slots: {times}   (sites/blog.yaml:{line})\n" in planned
    assert "0 to create, 1 to update, 0 to delete, 10 unchanged" in planned


def test_one_line_that_changes_many_sites_is_told_once_with_their_number(igny8):
    second = FILES["sites/blog.yaml"].replace("blog", "news").replace("name: hiking", "name: camping")
    (igny8.root / "sites/news.yaml").write_text(second, encoding="utf-8")
    igny8.ok("apply", "--yes")
    platform = FILES["platform.yaml"] + "defaults:\n  ai:\n    temperature: 0.2\n"
    (igny8.root / "platform.yaml").write_text(platform, encoding="utf-8")
    planned = igny8.ok("plan")
    line = platform[: platform.index("temperature")].count("\n") + 1
    assert f"  platform.yaml:{line} -> 2 sites   platform\n" in planned
    assert planned.count("ai.temperature: 0.7 -> 0.2") == 2, "once for the platform, once for both sites"


def test_a_deletion_is_shown_first_and_done(igny8):
    igny8.ok("apply", "--yes")
    (igny8.root / "sites/blog.yaml").unlink()
    change(igny8, "accounts/acme.yaml", ("tier: growth", "tier: growth\ndescription: no sites"))
    planned = igny8.ok("plan")
    assert "0 to create, 1 to update, 1 to delete, 9 unchanged" in planned
    assert planned.index("- delete site/blog") < planned.index("~ update account/acme")
    igny8.ok("apply", "--yes")
    assert "no changes" in igny8.ok("plan")


def test_a_protected_resource_blocks_the_plan_until_an_apply_has_lifted_it(igny8):
    change(igny8, "sites/blog.yaml", ("name: blog\n", "name: blog\nprotected: true\n"))
    igny8.ok("apply", "--yes")
    (igny8.root / "sites/blog.yaml").unlink()
    planned, applied = igny8("plan"), igny8("apply", "--yes")
    assert (planned.returncode, applied.returncode) == (4, 4)
    assert "BLOCKED" in planned.stdout
    assert "! protection: site/blog is protected" in planned.stdout
    assert "site/blog is protected" in applied.stderr
    write_root(igny8.root)
    igny8.ok("apply", "--yes")
    (igny8.root / "sites/blog.yaml").unlink()
    igny8.ok("apply", "--yes")


def test_plan_and_apply_json_hold_the_whole_plan(igny8):
    answer = igny8.json("plan", "--json")
    counts = {"create": 11, "update": 0, "delete": 0, "unchanged": 0, "blocked": 0, "held": 0, "grants": 1}
    assert answer["summary"].items() >= counts.items()
    assert answer["changes"][-1]["name"] == "blog"
    assert answer["grants"] == [{"account": "acme", "id": "opening", "credits": 1000}]
    applied = igny8.json("apply", "--yes", "--json")
    assert (applied["id"], applied["applied"], applied["generation"]) == (answer["id"], True, 1)
    assert igny8.json("apply", "--yes", "--json")["applied"] is False
    (entry,) = igny8.json("history", "--json")["applies"]
    assert (entry["generation"], entry["actor"], entry["plan"]["id"]) == (1, "tester", answer["id"])


def test_apply_without_a_terminal_needs_yes_and_changes_nothing(igny8):
    for words in (["apply"], ["--no-input", "apply"]):
        done = igny8(*words)
        assert done.returncode == 64
        assert "--yes" in done.stderr
    assert igny8("plan", "--detailed-exitcode").returncode == 2


def test_allowing_needs_a_reason(igny8):
    done = igny8("apply", "--yes", "--allow-deletes")
    assert done.returncode == 64
    assert "--allow-deletes needs --reason" in done.stderr


def test_an_invalid_root_is_neither_planned_nor_applied(igny8):
    break_root(igny8)
    for command in (["plan"], ["apply", "--yes"], ["plan", "--json"]):
        done = igny8(*command)
        assert (done.returncode, done.stdout, done.stderr) == (3, "", GOLDEN)
    assert [path.name for path in (igny8.root / ".igny8").iterdir()] == ["cache"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pln"], "Did you mean plan?"),
        (["zzz"], "there is no command 'zzz'."),
        (["validate", "--strikt"], "--strikt"),
        (["--colour", "never", "plan"], "--colour"),
        (["plan", "extra"], "extra"),
        (["validate", "--format", "xml"], "xml"),
        (["explain", "IG999"], "IG999"),
        (["explain", "nonsense"], "nonsense"),
        (["plan", "--at", "yesterday"], "yesterday"),
        (["--db", "mysql://x/y", "plan"], "mysql"),
        (["--db", "nonsense", "plan"], "database URL"),
        (["schema", "show", "Blog"], "Blog"),
    ],
)
def test_words_that_make_no_sense_end_with_64_and_a_hint(words, says, igny8):
    done = igny8(*words)
    assert (done.returncode, done.stdout) == (64, "")
    assert says in done.stderr
    assert re.search("hint: |: write ", done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["content"], ["images"], ["credits"]], ids=" ".join)
def test_a_group_without_a_command_shows_its_help_and_no_error(words, igny8):
    done = igny8(*words)
    assert (done.returncode, done.stdout) == (64, "")
    assert done.stderr.startswith(f"Usage: igny8 {words[0]} ")
    assert "error" not in done.stderr


@pytest.mark.parametrize(
    ("words", "examples"),
    [
        (["plan"], ["igny8 plan --summary"]),
        (["calendar"], ["igny8 calendar --month 2026-12", "igny8 calendar --days 60 --format ics > igny8.ics"]),
        (["content", "approve"], ["igny8 content approve 12 13"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_each_example_of_a_help_stands_in_a_line_of_its_own(words, examples, igny8):
    lines = igny8.ok(*words, "--help").splitlines()
    assert [example for example in examples if f"    {example}" not in lines] == []


def test_explain_tells_a_code_in_any_case(igny8):
    text = igny8.ok("explain", "IG203")
    assert text.startswith("IG203: time is not HH:MM\n")
    assert '"09:00"' in text
    assert igny8.ok("explain", "ig203") == text


def test_explain_knows_every_code(igny8):
    program = (
        "from cli.main import run\nfrom reconciler.diagnostics import CODES\n"
        "print([entry.code for entry in CODES if run(['explain', entry.code])])"
    )
    done = igny8.start(program=program)
    assert done.stdout.splitlines()[-1] == "[]"
    assert all(f"{entry.code}: {entry.title}" in done.stdout for entry in CODES)


def test_a_file_that_is_no_database_ends_with_8(igny8, tmp_path):
    (tmp_path / "bad.db").write_text("this is no database, however long one looks at it\n" * 50)
    for words in (["plan"], ["apply", "--yes"], ["history"]):
        done = igny8("--db", f"sqlite:///{tmp_path / 'bad.db'}", *words)
        assert (done.returncode, done.stdout) == (8, "")
        assert "no usable SQLite database" in done.stderr


def test_a_folder_for_a_database_ends_with_8(igny8, tmp_path):
    done = igny8("--db", f"sqlite:///{tmp_path}", "plan")
    assert (done.returncode, done.stdout) == (8, "")


def test_a_database_that_cannot_be_written_ends_with_8_and_can_still_be_planned_from(igny8, tmp_path):
    igny8.ok("apply", "--yes")
    change(igny8, *SLOTS)
    url = f"sqlite:///file:{igny8.root / '.igny8/state.db'}?mode=ro&uri=true"
    assert "1 to update" in igny8("--db", url, "plan").stdout
    done = igny8("--db", url, "apply", "--yes")
    assert done.returncode == 8
    assert "cannot be written" in done.stderr


def test_a_database_locked_by_another_process_ends_with_6(igny8):
    igny8.ok("apply", "--yes")
    change(igny8, *SLOTS)
    file = igny8.root / ".igny8/state.db"
    holder = sqlite3.connect(file, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        url = f"sqlite:///{file}?timeout=0.1"
        assert "1 to update" in igny8("--db", url, "plan").stdout  # reading does not wait
        done = igny8("--db", url, "apply", "--yes")
        assert done.returncode == 6
        assert "locked by another process" in done.stderr
    finally:
        holder.close()
    igny8.ok("apply", "--yes")


def test_the_database_may_be_named_in_the_environment(igny8, tmp_path):
    assert igny8("apply", "--yes", IGNY8_DB=f"sqlite:///{tmp_path / 'other.db'}").returncode == 0
    assert (tmp_path / "other.db").exists()
    assert not (igny8.root / ".igny8/state.db").exists()


def test_every_command_has_help_with_an_example_or_options(igny8):
    program = (
        "from cli.main import COMMANDS, run\n"
        "for entry in COMMANDS:\n    print(f'== {entry.name}')\n    code = run([entry.name, '--help'])\n"
        "    print(f'-- {code}')"
    )
    texts = igny8.start(program=program).stdout.split("== ")[1:]
    assert [text.split("\n")[0] for text in texts] == [entry.name for entry in COMMANDS]
    for text in texts:
        assert text.endswith("-- 0\n"), text
        assert re.search(r"Examples?:|--(?!help)[a-z]+|Commands:", text), text
        assert len(text.split("\n")) > 6, text


def test_help_lists_every_command_with_its_line(igny8):
    text = igny8.ok("--help")
    for entry in COMMANDS:
        assert re.search(rf"^  {entry.name} +{re.escape(entry.help)}$", text, re.MULTILINE)
    assert igny8.ok("-h") == text


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def test_colour_is_used_only_where_it_is_asked_for(igny8):
    break_root(igny8)
    assert not COLOUR.search(igny8("validate").stdout)
    coloured = igny8("--color", "always", "validate").stdout
    assert COLOUR.search(coloured)
    assert COLOUR.sub("", coloured) == GOLDEN
    assert igny8("--color", "never", "validate", NO_COLOR="").stdout == GOLDEN


def test_no_color_holds_unless_colour_is_forced(igny8):
    break_root(igny8)
    assert not COLOUR.search(igny8("validate", NO_COLOR="1").stdout)
    assert COLOUR.search(igny8("--color", "always", "validate", NO_COLOR="1").stdout)


def test_answers_go_to_stdout_and_failures_to_stderr(igny8):
    done = igny8("plan")
    assert done.stdout
    assert done.stderr == ""
    done = igny8("apply")
    assert done.stdout.startswith("Plan ")
    assert done.stderr.startswith("error: ")
    done = igny8("apply", "--json")
    assert json.loads(done.stdout or "{}") == {}
    assert done.returncode == 64


HEAVY = (
    "sqlalchemy", "alembic", "psycopg", "rich", "fastapi", "openai", "anthropic", "httpx", "PIL", "watchdog",
    "markdown_it", "nh3",
)  # fmt: skip


@pytest.mark.parametrize("words", [["validate"], ["--help"], ["version"], ["explain", "IG203"]], ids=" ".join)
def test_commands_without_a_database_import_nothing_heavy(words, igny8):
    program = f"import sys\nfrom cli.main import run\nrun({words!r})\nprint([m for m in {HEAVY!r} if m in sys.modules])"
    assert igny8.start(program=program).stdout.splitlines()[-1] == "[]"
