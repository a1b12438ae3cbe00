"""What is remembered between compilations: never wrong, never trusted from elsewhere, and safe to delete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from config_root import FILES, TODAY, compile_root, edited, write_root

from reconciler.config import cache as cache_module
from reconciler.config.cache import open_cache
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import SourceFile, read_tree
from reconciler.errors import ConflictError
from reconciler.operations.app import EXTENSIONS

LATER_NS = 4_000_000_000_000_000_000  # long after the files were written
NEWS = FILES["sites/blog.yaml"].replace("name: blog", "name: news").replace("published/blog", "published/news")


class Root:
    """A config root that is compiled again and again with a cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = write_root(folder / "root", {"sites/news.yaml": NEWS})
        self.index = self.folder / ".igny8/cache/sites.json"
        self.key = folder / "state/cache.key"
        self.read: list[str] = []

    def compile(self, now_ns: int = LATER_NS) -> Compilation:
        cache = open_cache(self.index, self.key, now_ns=now_ns)
        compilation = compile_tree(read_tree(self.folder), EXTENSIONS, TODAY, "", cache)
        cache.save()
        return compilation

    def sites_read(self, now_ns: int = LATER_NS) -> list[str]:
        self.read.clear()
        self.compile(now_ns)
        return list(dict.fromkeys(path for path in self.read if path.startswith("sites/")))

    def write(self, path: str, old: str, new: str) -> None:
        text = (self.folder / path).read_text()
        assert old in text
        (self.folder / path).write_text(text.replace(old, new))


@pytest.fixture
def root(tmp_path, monkeypatch):
    root = Root(tmp_path)
    original = SourceFile.read

    def read(self: SourceFile) -> Any:
        root.read.append(self.path)
        return original(self)

    monkeypatch.setattr(SourceFile, "read", read)
    return root


def told(compilation: Compilation) -> Any:
    return [(item.ref, item.file, item.digest, item.data) for item in compilation.resources], compilation.findings


def test_an_unchanged_site_is_not_read_again_and_is_what_it_was(root):
    first = told(root.compile())
    assert root.sites_read() == []
    assert told(root.compile()) == first


@pytest.mark.parametrize(
    ("path", "old", "new", "read"),
    [
        ("sites/news.yaml", "per_run_limit: 1", "per_run_limit: 2", ["sites/news.yaml"]),
        ("accounts/acme.yaml", "image_style: natural", "image_style: vivid", ["sites/blog.yaml", "sites/news.yaml"]),
        ("platform.yaml", "temperature: 0.5", "temperature: 0.6", ["sites/blog.yaml", "sites/news.yaml"]),
        ("models.yaml", "testing: true", "testing: false", ["sites/blog.yaml", "sites/news.yaml"]),
        ("keywords/hiking.csv", "900", "901", ["sites/blog.yaml", "sites/news.yaml"]),
    ],
)
def test_a_change_is_seen_by_whom_it_concerns_and_the_result_is_that_of_a_fresh_compilation(root, path, old, new, read):
    root.compile()
    root.write(path, old, new)
    assert root.sites_read() == read
    root.index.unlink()
    fresh = told(root.compile())
    root.write(path, new, old)
    root.compile()
    root.write(path, old, new)
    assert told(root.compile()) == fresh


def test_findings_are_remembered_with_their_places(root):
    root.write("sites/news.yaml", "strategy: guides", "strategy: guidez")
    first = root.compile().findings
    assert first
    assert root.sites_read() == []
    assert root.compile().findings == first


def test_a_file_that_changed_a_moment_ago_is_read_again_whatever_its_times_say(root):
    now = max((root.folder / path).stat().st_mtime_ns for path in ("sites/blog.yaml", "sites/news.yaml"))
    root.compile(now)
    assert root.sites_read(now) == ["sites/blog.yaml", "sites/news.yaml"]
    path = root.folder / "sites/news.yaml"
    status = path.stat()
    path.write_text(path.read_text().replace("per_run_limit: 1", "per_run_limit: 3"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    found = next(item for item in root.compile(now).resources if item.ref == "site/news")
    assert found.data["stages"]["content"]["per_run_limit"] == 3


def test_a_touched_file_with_the_same_text_is_known_again(root):
    root.compile()
    os.utime(root.folder / "sites/news.yaml")
    assert root.sites_read() == ["sites/news.yaml"]
    assert root.sites_read() == []


@pytest.mark.parametrize("damage", [b"", b"{}", b"x" * 64 + b"\n{}", b"\xff\xfe"])
def test_a_damaged_index_is_not_looked_into(root, damage):
    first = told(root.compile())
    root.index.write_bytes(damage)
    assert told(root.compile()) == first


def test_an_index_of_somebody_else_or_of_another_version_is_not_trusted(root, monkeypatch):
    root.compile()
    body = root.index.read_bytes().partition(b"\n")[2]
    root.write("sites/news.yaml", "per_run_limit: 1", "per_run_limit: x")
    root.key.write_bytes(b"k" * 32)
    assert not root.compile().is_valid
    root.index.write_bytes(b"0" * 64 + b"\n" + body)
    assert not root.compile().is_valid
    root.compile()
    monkeypatch.setattr(cache_module, "_fingerprint", lambda: b"another version")
    assert "sites/news.yaml" in root.sites_read()


def test_a_linked_folder_is_not_written_through(root, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root.folder / ".igny8").symlink_to(elsewhere)
    root.compile()
    assert list(elsewhere.iterdir()) == []


def test_where_nothing_can_be_kept_everything_is_compiled(root, tmp_path):
    (tmp_path / "state").write_text("a file")
    assert root.compile().is_valid
    assert root.sites_read() == ["sites/blog.yaml", "sites/news.yaml"]
    assert not root.index.exists()


def test_git_does_not_see_it_and_two_processes_leave_one_whole_index(root):
    caches = [open_cache(root.index, root.key, now_ns=LATER_NS) for _ in range(2)]
    for cache in caches:
        compile_tree(read_tree(root.folder), EXTENSIONS, TODAY, "", cache)
    for cache in caches:
        cache.save()
    assert (root.index.parent / ".gitignore").read_text() == "*\n"
    assert [path.name for path in root.index.parent.iterdir() if path.name.startswith(".sites")] == []
    assert root.sites_read() == []


def test_a_site_that_changes_while_a_command_looks_at_it_is_a_conflict(root):
    root.compile()
    known = next(item for item in root.compile().resources if item.ref == "site/news")
    root.write("sites/news.yaml", "per_run_limit: 1", "per_run_limit: 2")
    with pytest.raises(ConflictError, match="changed while it was read"):
        _ = known.data


def test_the_compiler_without_a_cache_leaves_nothing(tmp_path):
    compile_root(tmp_path, edited("sites/blog.yaml", "per_run_limit: 1", "per_run_limit: 2"))
    assert not (tmp_path / ".igny8").exists()
