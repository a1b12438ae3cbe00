"""Commits files of a config root to git: exactly these, and only where nothing else of them is uncommitted."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from reconciler.errors import BlockedError, UnreachableError, UsageError

_TIMEOUT_SECONDS = 60


def check_committable(root: Path, files: Sequence[str]) -> None:
    """Raise UsageError outside of git, and BlockedError when one of the files has uncommitted changes already."""
    if _git(root, "rev-parse", "--is-inside-work-tree").stdout.strip() != "true":
        raise UsageError(f"{root} is not in a git work tree", hint="leave --commit out")
    dirty = _git(root, "status", "--porcelain", "-uall", "--", *files).stdout.splitlines()
    if dirty:
        names = ", ".join(line[3:] for line in dirty)
        raise BlockedError(f"{names} has uncommitted changes of its own", hint="commit or stash them first")


def commit_files(root: Path, files: Sequence[str], message: str) -> str:
    """Commit these files and nothing else, and return the commit; raises UnreachableError with what git says."""
    for words in (("add", "--", *files), ("commit", "--quiet", "-m", message, "--only", "--", *files)):
        done = _git(root, *words)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            reason = next((line for line in said if line.startswith("fatal:")), said[0] if said else "no reason given")
            raise UnreachableError(f"git {words[0]} failed: {reason}", hint="the files are written, not committed")
    return _git(root, "rev-parse", "--short", "HEAD").stdout.strip()


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreachableError("git cannot be run", hint="leave --commit out") from error
