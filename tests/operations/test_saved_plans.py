"""A saved plan is carried out as it was reviewed, once, for the database and config it was made from; else exit 5."""

from __future__ import annotations

import json

import pytest
from builder import edited, write_root

from cli.main import run


@pytest.fixture
def igny8(tmp_path, capsys):
    """Calls the command line on the builder's root and returns its exit code and what it said."""
    root = write_root(tmp_path / "root")

    def call(*words, db=f"sqlite:///{tmp_path / 'state.db'}"):
        code = run(["-C", str(root), "--db", db, *map(str, words)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    call.root = root
    call.file = tmp_path / "reviewed.plan"
    call("plan", "-o", call.file)
    return call


def test_a_saved_plan_is_applied_without_asking(igny8):
    code, told = igny8("apply", igny8.file)
    assert code == 0
    assert "Applied: generation 1." in told
    assert igny8("plan")[1].endswith("resources are as declared.\n")


def test_it_is_good_for_once(igny8):
    igny8("apply", igny8.file)
    code, told = igny8("apply", igny8.file)
    assert code == 5
    assert "this plan was applied already: generation 1" in told


def test_it_is_stale_once_something_else_was_applied(igny8):
    igny8("apply", "--yes")
    code, told = igny8("apply", igny8.file)
    assert code == 5
    assert "stale: it was made from generation 0, now it is 1" in told


def test_it_expires(igny8):
    igny8("plan", "-o", igny8.file, "--expires-in", "1h")
    code, told = igny8("apply", igny8.file, "--at", "+61m")
    assert code == 5
    assert "this plan expired at" in told
    assert igny8("apply", igny8.file, "--at", "+59m")[0] == 0


def test_it_belongs_to_one_database(igny8, tmp_path):
    code, told = igny8("apply", igny8.file, db=f"sqlite:///{tmp_path / 'other.db'}")
    assert code == 5
    assert "was made from another database" in told


@pytest.mark.parametrize("field", ["expires_at", "config_digest", "plan", "base_generation", "options", "review", "id"])
def test_a_change_of_the_file_is_noticed(igny8, field):
    content = json.loads(igny8.file.read_text())
    content[field] = {"more": 1} if isinstance(content[field], dict) else f"{content[field]}0"
    igny8.file.write_text(json.dumps(content))
    code, told = igny8("apply", igny8.file)
    assert code == 5
    assert "was changed after it was made" in told


def test_the_config_must_be_the_one_that_was_reviewed(igny8):
    (path, text), = edited("platform.yaml", ('"0.01"', '"0.02"')).items()  # fmt: skip
    (igny8.root / path).write_text(text)
    code, told = igny8("apply", igny8.file)
    assert code == 5
    assert "the config root is not what this plan was made from" in told


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"format": "igny8-plan/0"}', "[" * 100_000])
def test_what_is_no_plan_is_told_so(igny8, text):
    igny8.file.write_text(text)
    code, told = igny8("apply", igny8.file)
    assert code == 5
    assert "is no saved plan" in told


def test_a_file_that_is_not_there_is_a_mistake_of_the_call(igny8):
    code, told = igny8("apply", "nowhere.plan")
    assert code == 64
    assert "cannot read nowhere.plan: No such file or directory" in told
    assert igny8("plan", "-o", "/nowhere/reviewed.plan")[0] == 64
