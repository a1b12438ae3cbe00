"""history, blame and rollback on the command line: what they print and where, and the code that they end with."""

from __future__ import annotations

import json
import sqlite3

import pytest
from builder import FILES, edited, write_root

from cli.main import run

FEWER = edited("sites/blog.yaml", ('"09:00", "14:00", "18:00"', '"09:00", "18:00"'))["sites/blog.yaml"]


@pytest.fixture
def igny8(tmp_path, capsys, monkeypatch):
    """The builder's root after two applies; call it with words, get code, stdout and stderr."""
    monkeypatch.setenv("IGNY8_ACTOR", "tester")
    root = write_root(tmp_path / "root")

    def call(*words):
        code = run(["-C", str(root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.root = root
    assert call("apply", "--yes", "--reason", "first")[0] == 0
    (root / "sites/blog.yaml").write_text(FEWER)
    assert call("apply", "--yes", "--reason", "fewer slots")[0] == 0
    return call


def tamper(igny8, statement):
    database = sqlite3.connect(igny8.root / ".igny8/state.db")
    database.execute(statement)
    database.commit()
    database.close()


def test_history_lists_applies_and_those_of_one_resource(igny8):
    code, out, _ = igny8("history")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["GEN", "2", "1"]
    assert out.splitlines()[1].endswith("fewer slots")
    assert len(igny8("history", "--resource", "account/acme")[1].splitlines()) == 2
    code, _, err = igny8("history", "--resource", "account/acm")
    assert (code, "did you mean `account/acme`?" in err) == (64, True)


def test_history_show_tells_all_of_an_apply(igny8):
    code, out, _ = igny8("history", "show")
    assert code == 0
    assert out.startswith("Generation 2\n")
    assert "  reason      fewer slots\n" in out
    assert "~ update site/blog   (sites/blog.yaml:" in out
    assert "    publishing.time_slots: [09:00, 14:00, 18:00] -> [09:00, 18:00]\n" in out
    assert "Forecast of 30 days, then: " in out
    answer = json.loads(igny8("history", "show", "2", "--json")[1])
    assert (answer["version"], answer["summary"]["update"], answer["changes"][0]["name"]) == (1, 1, "blog")
    code, out, err = igny8("history", "show", "1", "--changes", "2")
    assert out.count("+ create") == 2
    assert "9 more changes" in err
    assert "+ create site/blog" in igny8("history", "show", "1", "--resource", "site/blog")[1]
    assert igny8("history", "show", "7")[0] == 64


def test_history_verify_ends_with_7_and_names_the_first_break(igny8):
    code, out, _ = igny8("history", "verify")
    assert (code, out.splitlines()[0]) == (0, "The history is whole: 2 applies with 12 changes.")
    head = out.split("digest ")[1].strip()
    assert igny8("history", "verify", "--head", head)[0] == 0
    assert igny8("history", "verify", "--head", "beef")[0] == 7
    tamper(igny8, "UPDATE history SET actor = 'nobody' WHERE generation = 1")
    code, out, _ = igny8("history", "verify")
    assert (code, out.splitlines()[0]) == (7, "The history is broken at generation 1:")
    answer = json.loads(igny8("history", "verify", "--json")[1])
    assert (answer["summary"]["whole"], answer["broken"]["generation"]) == (False, 1)


def test_blame_is_a_table_of_fields(igny8):
    code, out, _ = igny8("blame", "site/blog.publishing")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [
        "FIELD", "publishing.auto_approval", "publishing.auto_publish", "publishing.days", "publishing.time_slots",
    ]  # fmt: skip
    assert out.splitlines()[-1].endswith("fewer slots")
    (field,) = json.loads(igny8("blame", "platform.credit_value_usd", "--json")[1])["fields"]
    assert (field["generation"], field["reason"], field["value"]) == (1, "first", "0.01")
    code, _, err = igny8("blame", "site/blgo")
    assert (code, "did you mean `site/blog`?" in err) == (64, True)


def test_rollback_writes_a_patch_to_stdout_or_to_a_file(igny8, tmp_path):
    code, out, err = igny8("rollback", "--to", "1")
    assert (code, err) == (0, "")
    assert '-  time_slots: ["09:00", "18:00"]\n+  time_slots: ["09:00", "14:00", "18:00"]\n' in out
    file = tmp_path / "back.patch"
    assert igny8("rollback", "--to", "1", "-o", str(file))[:2] == (0, "")
    assert file.read_text() == out
    answer = json.loads(igny8("rollback", "--to", "1", "--json")[1])
    assert (answer["summary"], answer["patch"]) == ({"generation": 1, "by": "edits", "unexpressed": 0}, out)
    code, out, err = igny8("rollback", "--to", "2")
    assert (code, out) == (0, "")
    assert "there is nothing to go back from" in err
    assert igny8("rollback", "--to", "1", "--yes")[0] == 64


def test_rollback_at_once_needs_a_reason_and_a_yes_and_quarantines(igny8):
    assert igny8("rollback", "--to", "1", "--apply")[0] == 64
    code, _, err = igny8("rollback", "--to", "1", "--apply", "--reason", "bad")
    assert (code, "add --yes" in err) == (64, True)
    code, out, _ = igny8("rollback", "--to", "1", "--apply", "--reason", "bad", "--yes")
    assert code == 0
    assert "Rolled back: generation 3.\n" in out
    code, out, _ = igny8("history", "quarantine", "list")
    assert (code, "rolled back to generation 1: bad" in out) == (0, True)
    code, out, _ = igny8("plan")
    assert (code, "! quarantine: this config is quarantined: rolled back to generation 1: bad" in out) == (4, True)
    assert igny8("apply", "--yes")[0] == 4
    assert igny8("apply", "--yes", "--allow-quarantined")[0] == 64
    assert igny8("apply", "--yes", "--allow-quarantined", "--reason", "it is right after all")[0] == 0
    assert "options     allowed: --allow-quarantined" in igny8("history", "show")[1]
    assert igny8("history", "quarantine", "lift", "1", "--reason", "mended")[:2] == (0, "Lifted 1.\n")
    assert igny8("history", "quarantine", "lift", "1", "--reason", "mended")[0] == 64
    assert json.loads(igny8("history", "quarantine", "list", "--json")[1])["summary"] == {"quarantined": 0}


def test_rollback_to_what_the_files_say_again_leaves_nothing_to_plan(igny8):
    (igny8.root / "sites/blog.yaml").write_text(FILES["sites/blog.yaml"])
    assert igny8("rollback", "--to", "1", "--apply", "--reason", "bad", "--yes")[0] == 0
    assert igny8("plan", "--detailed-exitcode")[0] == 0
