"""`validate --changed-since` tells what the changes in a real git repository can affect, and counts the rest."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from builder import write_root

from cli.main import run

BROKEN = "apiVersion: igny8/v1\nkind: Site\nname: old\naccount: acme\nurl: https://o.example\nzzz: 1\n"
OK = "apiVersion: igny8/v1\nkind: Site\nname: news\naccount: acme\nurl: https://n.example\npublishing: {auto_publish: false}\n"


class Repository:
    def __init__(self, folder, capsys):
        self.folder, self.root, self.capsys = folder, write_root(folder / "config"), capsys
        self.git("init", "-q", "-b", "main")
        (self.root / "sites/old.yaml").write_text(BROKEN)
        (self.root / "authors").mkdir(exist_ok=True)
        (self.root / "authors/bob.yaml").write_text(
            "apiVersion: igny8/v1\nkind: Author\nname: bob\ndisplay_name: Bob\n"
        )
        (self.root / "sites/news.yaml").write_text(OK + "author: bob\n")
        self.commit("first")

    def git(self, *words):
        settings = ("-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(("git", *settings, *words), cwd=self.folder, check=True, capture_output=True)

    def commit(self, message):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def validate(self, *words):
        code = run(["-C", str(self.root), "validate", *words])
        told = self.capsys.readouterr()
        return code, told.out, told.err

    def codes(self, revision="main"):
        code, text, _ = self.validate("--json", "--changed-since", revision)
        answer = json.loads(text)
        found = sorted((item["file"], item["code"]) for item in answer["diagnostics"])
        return code, found, answer["summary"]["left_out"]


@pytest.fixture
def repository(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    return Repository(tmp_path / "repository", capsys)


def test_nothing_changed_leaves_out_what_was_wrong_before(repository):
    assert repository.validate()[0] == 3
    code, text, _ = repository.validate("--changed-since", "main")
    assert code == 0
    assert "0 errors, 0 warnings in what the changes can affect; " in text
    assert text.endswith(" elsewhere left out\n")


def test_a_committed_and_an_untracked_mistake_are_told_and_old_ones_are_not(repository):
    repository.git("checkout", "-q", "-b", "topic")
    (repository.root / "sites/news.yaml").write_text(OK + "timezon: UTC\n")
    repository.commit("second")
    (repository.root / "sites/new.yaml").write_text(BROKEN.replace("old", "new").replace("zzz", "yyy"))
    code, found, left_out = repository.codes()
    assert (code, left_out) == (3, 2)
    assert found == [("sites/new.yaml", "IG201"), ("sites/news.yaml", "IG201")]


def test_a_deleted_file_affects_those_that_named_it(repository):
    (repository.root / "authors/bob.yaml").unlink()
    assert repository.codes() == (3, [("sites/news.yaml", "IG301")], 2)


def test_a_change_of_a_dependency_brings_up_the_files_that_depend_on_it(repository):
    """The file with the mistake is not the one that changed."""
    (repository.root / "platform.yaml").write_text("apiVersion: igny8/v1\nkind: Platform\n# a word\n")
    assert ("sites/old.yaml", "IG201") in repository.codes()[1]


def test_a_change_elsewhere_in_the_repository_affects_nothing(repository):
    (repository.folder / "README.md").write_text("hello\n")
    assert repository.codes() == (0, [], 2)


def test_what_happened_on_the_other_branch_is_none_of_ours(repository):
    repository.git("checkout", "-q", "-b", "topic")
    repository.git("checkout", "-q", "main")
    (repository.root / "sites/old.yaml").write_text(BROKEN + "yyy: 1\n")
    repository.commit("theirs")
    repository.git("checkout", "-q", "topic")
    assert repository.codes("main") == (0, [], 2)


@pytest.mark.parametrize("revision", ["nowhere", "--help", "main:sites", ""])
def test_an_unknown_revision_is_said(repository, revision):
    code, _, told = repository.validate(f"--changed-since={revision}")
    assert code == 64
    assert "git knows no revision" in told


def test_a_folder_that_is_no_work_tree_is_said(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    root = write_root(tmp_path / "plain")
    assert run(["-C", str(root), "validate", "--changed-since", "main"]) == 64
    assert "is not in a git work tree" in capsys.readouterr().err
