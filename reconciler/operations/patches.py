"""Writes patches that git and people can apply, and asks git for one."""

from __future__ import annotations

import difflib
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reconciler.kinds import KINDS

_TIMEOUT_SECONDS = 60
_PLACES = (*dict.fromkeys(kind.place.split("/")[0] for kind in KINDS), "keywords")


def patch_text(root: Path, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> str:
    """Return the unified diff of a root's files by path; None stands for a file that is not there.

    Paths are those of the whole work tree where the root is a part of one: git applies no others.
    """
    prefix = (_git(root, "rev-parse", "--show-prefix") or "").removesuffix("\n")
    return "".join(
        line
        for path in sorted(after)
        if before.get(path) != after[path]
        for line in _file_lines(f"{prefix}{path}", before.get(path), after[path])
    )  # fmt: skip


def _file_lines(path: str, before: str | None, after: str | None) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    if before is None:
        yield "new file mode 100644\n"
    if after is None:
        yield "deleted file mode 100644\n"
    names = "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
    for line in difflib.unified_diff(_lines(before or ""), _lines(after or ""), *names):
        # A last line without its end is told as git tells it.
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; only a line feed ends one, as in git."""
    parts = text.split("\n")
    return [f"{part}\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def has_commit(root: Path, commit: str) -> bool:
    """Tell whether git is there, and knows a commit."""
    return bool(commit) and _git(root, "cat-file", "-e", f"{commit}^{{commit}}") is not None


def patch_to_commit(root: Path, commit: str) -> str | None:
    """Return the patch that leads the config files of a root, as they are now, to a commit; None when git refuses."""
    differing = _git(
        root, "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames",
        "--src-prefix=b/", "--dst-prefix=a/", "-R", commit, "--", *_PLACES,
    )  # fmt: skip
    untracked = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_PLACES)
    if differing is None or untracked is None:
        return None
    return differing + patch_text(root, *_to_delete(root, filter(None, untracked.split("\0"))))


def _to_delete(root: Path, paths: Iterable[str]) -> tuple[dict[str, str | None], dict[str, str | None]]:
    found: dict[str, str | None] = {path: (root / path).read_bytes().decode(errors="surrogateescape") for path in paths}
    return found, dict.fromkeys(found)


def _git(root: Path, *arguments: str) -> str | None:
    """Return what git answers; None when it refuses, or is not there."""
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="surrogateescape") if done.returncode == 0 else None
