"""The command line where things are missing or asked for wrongly: a clear line, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from builder import write_root

from cli.main import COMMANDS, load, run
from cli.output import shorten
from reconciler.store.engine import SCHEMA_REVISION

IGNY8 = [sys.executable, "-c", "from cli.main import main; main()"]


def test_a_mistyped_root_gets_no_database(tmp_path, capsys):
    assert run(["-C", str(tmp_path / "typo"), "status"]) == 64
    assert "is no directory" in capsys.readouterr().err
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["run"], 64, "say what to run"),
        (["run", "--due", "--now"], 64, "say what to run"),
        (["run", "--now"], 64, "no site was applied"),
        (["publish"], 64, "say what to publish"),
        (["publish", "1", "--due"], 64, "two ways to say what to publish"),
        (["publish", "1", "--site", "blog"], 64, "--site is for what is due"),
        (["publish", "1", "--retry"], 64, "--retry is for what is due"),
        (["publish", "--due", "--force"], 64, "--force is for articles that you name"),
        (["statsu"], 64, "Did you mean status?"),
        (["plan", "--nonsense"], 64, "No such option"),
        (["content", "show", "99"], 64, "there is no content 99"),
        (["content", "approve", "99"], 64, "there is no content 99"),
        (["credits", "grant", "acme", "0", "--reason", "x"], 64, "0 is not in the range"),
        (["credits", "balance", "nobody"], 64, "no account 'nobody' was applied"),
        (["report", "profit"], 64, "no report called profit"),
        (["report", "--since", "yesterday"], 64, "is no time"),
        (["status", "--at", "soon"], 64, "is no time"),
        (["schema", "show", "Sight"], 64, "there is no kind Sight"),
        (["apply"], 64, "there is no terminal to ask on"),
        (["apply", "--yes", "--allow-deletes"], 64, "needs --reason"),
        (["--db", "nonsense", "status"], 64, "no database URL"),
        (["--db", "sqlite:////proc/none/x.db", "status"], 8, "cannot make the folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_said_with_the_right_exit_code(tmp_path, capsys, words, code, told):
    root = write_root(tmp_path / "root")
    assert run(["-C", str(root), *words]) == code
    captured = capsys.readouterr()
    assert told in captured.err
    assert "Traceback" not in captured.err


def test_plan_writes_nothing_but_its_cache_not_even_a_database(tmp_path, capsys):
    root = write_root(tmp_path / "root")
    assert run(["-C", str(root), "plan"]) == 0
    assert "11 to create" in capsys.readouterr().out
    assert [path.name for path in (root / ".igny8").iterdir()] == ["cache"]


def test_on_a_terminal_apply_asks_and_no_is_the_default(tmp_path):
    root = write_root(tmp_path / "root")

    def answered(text: bytes) -> tuple[int, str]:
        main, side = pty.openpty()
        process = subprocess.Popen([*IGNY8, "-C", str(root), "apply"], stdin=side, stdout=subprocess.PIPE, stderr=side)
        os.close(side)
        os.write(main, text)
        out, _ = process.communicate(timeout=60)
        told = os.read(main, 65536).decode()
        os.close(main)
        assert "Apply these 11 changes? [y/N]" in told
        return process.returncode, out.decode() + told

    code, told = answered(b"\n")
    assert code == 0
    assert "Nothing was changed." in told
    code, told = answered(b"y\n")
    assert code == 0
    assert "Applied: generation 1." in told


def test_colours_are_for_terminals_unless_asked_for(tmp_path, capsys):
    root = write_root(tmp_path / "root", {"sites/blog.yaml": "kind: [\n"})
    run(["-C", str(root), "validate"])
    assert "\x1b[" not in capsys.readouterr().out
    run(["-C", str(root), "--color", "always", "validate"])
    assert "\x1b[" in capsys.readouterr().out


@pytest.mark.parametrize("entry", COMMANDS, ids=lambda entry: entry.name)
def test_every_command_has_help_and_the_line_in_the_list_is_true_to_it(entry, capsys):
    assert run([entry.name, "--help"]) == 0
    assert "Usage: igny8" in capsys.readouterr().out
    assert load(entry).name == entry.name
    assert entry.help.endswith(".")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(capsys, shell):
    assert run(["completion", shell]) == 0
    assert "_IGNY8_COMPLETE" in capsys.readouterr().out


def test_version_and_schema_answer(capsys, tmp_path):
    assert run(["version", "--json"]) == 0
    assert run(["schema", "show", "Site"]) == 0
    assert run(["schema", "export", "--check", "--out-dir", str(tmp_path)]) == 2
    assert run(["schema", "export", "--out-dir", str(tmp_path)]) == 0
    assert run(["schema", "export", "--check", "--out-dir", str(tmp_path)]) == 0
    capsys.readouterr()


def test_db_upgrade_and_status_on_postgresql(new_postgres, capsys):
    url = new_postgres()
    assert run(["--db", url, "db", "status"]) == 0
    assert run(["--db", url, "status"]) == 5
    assert run(["--db", url, "db", "upgrade"]) == 0
    assert run(["--db", url, "db", "upgrade"]) == 0
    assert run(["--db", url, "db", "status", "--json"]) == 0
    assert f"schema none, this igny8 needs {SCHEMA_REVISION}" in capsys.readouterr().out


def test_articles_are_shown_in_every_form(tmp_path, capsys):
    root = write_root(tmp_path / "root")
    for words in (["apply", "--yes"], ["run", "--now", "--offline", "--no-delays"]):
        assert run(["-C", str(root), *words]) == 0
    capsys.readouterr()
    for form, told in (("text", "keyword"), ("json", '"markdown"'), ("html", "<h2>"), ("markdown", "## ")):
        assert run(["-C", str(root), "content", "show", "1", "--format", form]) == 0
        assert told in capsys.readouterr().out
    assert run(["-C", str(root), "report", "--write", str(tmp_path / "reports")]) == 0
    page = Path(tmp_path / "reports/index.html").read_text()
    assert "offline sample" in page
    assert "<script" not in page
    for form in ("json", "csv", "markdown", "html"):
        assert run(["-C", str(root), "report", "cost", "--by", "site", "--format", form]) == 0


@pytest.mark.parametrize("words", [["validate"], ["plan"], ["apply", "--yes"]], ids=" ".join)
def test_what_a_command_does_not_need_is_not_imported(tmp_path, words):
    """validate imports no database driver, no terminal drawing and no web; plan and apply no AI SDK and no images."""
    root = write_root(tmp_path / "root")
    forbidden = {
        "rich",
        "PIL",
        "httpx",
        "openai",
        "anthropic",
        "fastapi",
        "pydantic_ai",
        "markdown_it",
        "nh3",
        "watchdog",
    }
    forbidden |= {"sqlalchemy", "psycopg", "alembic"} if words == ["validate"] else set()
    code = f"import sys; from cli.main import run; run({['-C', str(root), *words]!r}); print(sorted(set(sys.modules) & {forbidden!r}), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_text_is_cut_to_its_columns_however_long_it_is():
    assert shorten("Stiefel 長靴", 12) == "Stiefel 長靴"
    assert shorten("長靴長靴長靴長靴", 8) == "長靴長…"
    assert shorten("e\u0301" * 5, 5) == "e\u0301" * 5
    assert shorten("a\nb", 9) == "a b"
    assert len(shorten("\u0301" * 1_000_000, 9)) <= 100
