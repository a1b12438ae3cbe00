"""Asks git which files of a config root changed since a revision."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.errors import UsageError

_TIMEOUT_SECONDS = 60


def changed_files(root: Path, revision: str) -> frozenset[str]:
    """Return the paths, from the root, that differ from where the current branch left a revision.

    Deleted, staged, unstaged, untracked and ignored files are among them. UsageError when the root is not in a git work
    tree, or there is no such revision.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise UsageError(f"{root} is not in a git work tree", hint="--changed-since asks git what has changed")
    commit = (
        _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").strip().decode()
    )
    if not commit:
        raise UsageError(
            f"git knows no revision {revision!r}",
            hint="name a commit, tag or branch; in CI, fetch enough history (fetch-depth: 0)",
        )
    # Without a common ancestor (a shallow clone, another history) the revision itself is what to compare with.
    base = _git(root, "merge-base", commit, "HEAD").strip().decode() or commit
    differing = _git(root, "diff", "--name-only", "--no-renames", "--no-ext-diff", "--relative", "-z", base)
    untracked = _git(root, "ls-files", "--others", "-z")
    return frozenset(_paths(differing) | _paths(untracked) | _links_to(root, _paths(differing) | _paths(untracked)))


def _paths(listing: bytes) -> set[str]:
    return {path.decode(errors="surrogateescape") for path in listing.split(b"\0") if path}


def _links_to(root: Path, changed: set[str]) -> set[str]:
    """Return the links of the root that lead to a changed file."""
    tracked = _git(root, "ls-files", "--stage", "-z").split(b"\0")
    links = [row.split(b"\t", 1)[1].decode(errors="surrogateescape") for row in tracked if row.startswith(b"120000 ")]
    real = root.resolve()
    return {link for link in links if any((root / link).resolve() == real / path for path in changed)}


def _git(root: Path, *arguments: str) -> bytes:
    """Return what git answers; nothing when it refuses. UsageError when there is no git."""
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except OSError as error:
        raise UsageError("git cannot be run", hint="--changed-since needs git") from error
    return done.stdout if done.returncode == 0 else b""
