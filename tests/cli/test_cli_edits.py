"""fmt, set, unset and migrate on the command line: what they write, print and end with."""

from __future__ import annotations

import io
import shutil
import stat
from pathlib import Path

import pytest
from builder import write_root

from cli.main import run

EXAMPLE = Path(__file__).parents[2] / "examples/v1beta1"
UNTIDY = "kind: Author\napiVersion: igny8/v1\n# who\ndisplay_name: Ann\nname: zoe\n"
TIDY = "apiVersion: igny8/v1\nkind: Author\nname: zoe\n# who\ndisplay_name: Ann\n"


@pytest.fixture
def igny8(tmp_path, capsys):
    root = write_root(tmp_path / "root")

    def call(*words, root=root):
        code = run(["-C", str(root), *words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    call.root = root
    assert call("fmt")[0] == 0
    (root / "authors").mkdir(exist_ok=True)
    (root / "authors/zoe.yaml").write_text(UNTIDY)
    return call


def test_fmt_check_and_diff_write_nothing_and_fmt_does_it_once(igny8):
    file = igny8.root / "authors/zoe.yaml"
    assert igny8("fmt", "--check")[:2] == (2, "not in form: authors/zoe.yaml\n")
    code, out, _ = igny8("fmt", "--diff")
    assert code == 0
    assert out.splitlines()[:2] == ["--- a/authors/zoe.yaml", "+++ b/authors/zoe.yaml"]
    assert "\x1b" not in out
    assert file.read_text() == UNTIDY
    file.chmod(0o640)
    assert igny8("fmt", str(file))[:2] == (0, "formatted: authors/zoe.yaml\n")
    assert file.read_text() == TIDY
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert igny8("fmt", "--check")[:2] == (0, "")
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_fmt_formats_the_rest_when_one_file_cannot_be_read(igny8):
    (igny8.root / "authors/bad.yaml").write_text("a: [\n")
    code, out, err = igny8("fmt")
    assert (code, out) == (3, "formatted: authors/zoe.yaml\n")
    assert "authors/bad.yaml:2:1: error[IG103]" in err


def test_fmt_of_a_text_on_stdin_for_editors(igny8, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO(UNTIDY))
    assert igny8("fmt", "-", "--stdin-filename", "authors/zoe.yaml")[:2] == (0, TIDY)
    assert igny8("fmt", "-")[0] == 64
    assert igny8("fmt", "nowhere.yaml")[0] == 64


def test_set_writes_one_line_and_shows_it(igny8):
    site = igny8.root / "sites/blog.yaml"
    before = site.read_text().splitlines()
    code, out, err = igny8("set", "site/blog", "publishing.days", "[sat]")
    assert code == 0, err
    assert "+" in out
    after = site.read_text().splitlines()
    changed = [line for line in after if line not in before]
    assert len(changed) == 1 and "sat" in changed[0]
    assert igny8("set", "site/blog", "publishing.days", "[sat]")[1] == "sites/blog.yaml says so already.\n"


def test_a_dry_run_and_an_invalid_value_write_nothing(igny8):
    site = igny8.root / "sites/blog.yaml"
    before = site.read_text()
    assert igny8("set", "site/blog", "language", "de", "--dry-run")[0] == 0
    code, _, err = igny8("set", "site/blog", "language", "German")
    assert code == 3
    assert "sites/blog.yaml:" in err and "nothing was written" in err
    assert site.read_text() == before
    assert igny8("set", "site/blog", "language", "German", "--force")[0] == 0
    assert "language: German\n" in site.read_text()


def test_unset_takes_back_what_set_wrote(igny8):
    site = igny8.root / "sites/blog.yaml"
    before = site.read_text()
    assert igny8("set", "site/blog", "delays.within_stage", "1")[0] == 0
    assert igny8("unset", "site/blog", "delays.within_stage")[0] == 0
    assert site.read_text() == before


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["set", "site/blgo", "language", "de"], 64, "did you mean `site/blog`?"),
        (["unset", "site/blog", "delays"], 4, "not written there"),
        (["set", "site/blog", "account.name", "x"], 4, "account is no mapping"),
    ],
)
def test_what_cannot_be_edited_is_said(igny8, words, code, told):
    found, _, err = igny8(*words)
    assert found == code
    assert told in err


def test_migrate_tells_shows_and_writes(igny8, tmp_path):
    root = shutil.copytree(EXAMPLE, tmp_path / "old")
    code, out, _ = igny8("migrate", "--check", root=root)
    assert code == 2 and "to migrate: accounts/spoke-and-chain.yaml" in out
    assert "+tier: solo" in igny8("migrate", "--diff", root=root)[1]
    assert igny8("migrate", root=root)[0] == 0
    assert igny8("migrate", "--check", root=root)[:2] == (0, "")
    assert igny8("validate", "--strict", root=root)[0] == 0
