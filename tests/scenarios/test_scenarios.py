"""Golden transcripts: each `tests/scenarios/NAME/transcript.txt` is a session at the command line, as a person reads it.

A transcript begins with what it shows. `$ igny8 ...` runs a command; what it prints and an exit code other than 0 stand
below. `$ edit FILE: OLD => NEW` changes the config; `$ remove FILE` removes a part of it. The config is the builder's root with the files
of the scenario's `root/` laid over it. `make golden` writes what is printed now; read the diff before committing it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest
from builder import write_root

from cli.main import run

HERE = Path(__file__).parent
NAMES = sorted(path.parent.name for path in HERE.glob("*/transcript.txt"))
NOW = "2026-11-18T10:30+00:00"
_TAKE_TIME = {"hold", "holds", "release", "plan", "apply", "run", "publish", "status", "calendar", "reconcile"}


@pytest.mark.parametrize("name", NAMES)
def test_the_transcript_is_what_the_commands_print(name, tmp_path, capfd, monkeypatch):
    folder = HERE / name
    overlay = {
        path.relative_to(folder / "root").as_posix(): path.read_text() for path in (folder / "root").rglob("*.*")
    }
    root = write_root(tmp_path / "root", dict(overlay))
    monkeypatch.chdir(root)
    for variable in ("IGNY8_DB", "IGNY8_MEDIA", "NO_COLOR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("IGNY8_ACTOR", "tester")
    monkeypatch.setenv("COLUMNS", "120")
    expected = (folder / "transcript.txt").read_text()
    printed = "".join(play(step, root, capfd) for step in steps(expected))
    if os.environ.get("IGNY8_GOLDEN") == "write":
        (folder / "transcript.txt").write_text(printed)
    assert printed == expected or os.environ.get("IGNY8_GOLDEN") == "write", diff(expected, printed)


def steps(transcript: str) -> list[str]:
    """Return the lines that a transcript is played from: its comments and its commands."""
    return [line for line in transcript.splitlines() if line.startswith(("# ", "$ "))]


def play(step: str, root: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """Carry a step out and return it with what it printed."""
    if step.startswith("# "):
        return f"{step}\n"
    words = shlex.split(step[2:])
    if words[0] == "edit":
        return edit(step, root)
    if words[0] == "remove":
        (root / words[1]).unlink()
        return f"\n{step}\n"
    arguments = words[1:]
    command = next((word for word in arguments if not word.startswith("-")), "")
    timed = command in _TAKE_TIME and "--at" not in arguments
    code = run([*arguments, "--at", NOW] if timed else arguments)
    captured = capfd.readouterr()
    told = captured.out + "".join(f"2> {line}\n" for line in captured.err.splitlines())
    told = told.replace(str(root), "ROOT")
    lines = "".join(line.rstrip() + "\n" for line in told.splitlines())
    return f"\n{step}\n{lines}" + (f"[exit {code}]\n" if code else "")


def edit(step: str, root: Path) -> str:
    file, _, change = step.removeprefix("$ edit ").partition(": ")
    old, _, new = change.partition(" => ")
    text = (root / file).read_text()
    assert old in text, f"{file} has no {old!r}"
    (root / file).write_text(text.replace(old, new.replace("\\n", "\n")))
    return f"\n{step}\n"


def diff(expected: str, printed: str) -> str:
    import difflib

    lines = difflib.unified_diff(expected.splitlines(), printed.splitlines(), "expected", "printed", lineterm="")
    return "\n".join(lines)
