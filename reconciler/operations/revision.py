"""A config root as it was at a git revision: its files written into a folder, the work tree left alone."""

from __future__ import annotations

import subprocess
from pathlib import Path, PurePosixPath

from reconciler.config.tree import root_places
from reconciler.errors import UsageError

_TIMEOUT_SECONDS = 60


def write_revision(root: Path, revision: str, folder: Path) -> str:
    """Write the files of a root as they were at a revision, and return its commit.

    Only the places that a root is read from are written, links are not. UsageError outside of git, or when git knows no
    such revision.
    """
    if _git(root, "rev-parse", "--is-inside-work-tree").strip() != b"true":
        raise UsageError(f"{root} is not in a git work tree", hint="a revision to compare with needs git")
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode()
    if not commit.strip():
        raise UsageError(f"git knows no revision {revision!r}", hint="name a commit, tag or branch, such as HEAD~1")
    places = set(root_places())
    blobs: list[tuple[str, PurePosixPath]] = []
    for row in _git(root, "ls-tree", "-r", "-z", commit.strip()).split(b"\0"):
        facts, _, name = row.decode(errors="surrogateescape").partition("\t")
        if facts.startswith("100") and name.split("/")[0] in places:
            blobs.append((facts.split()[2], PurePosixPath(name)))
    asked = "".join(f"{blob}\n" for blob, _ in blobs).encode()
    answer = _git(root, "cat-file", "--batch", given=asked)
    at = 0
    for _, path in blobs:
        head, _, _ = answer[at : at + 200].partition(b"\n")
        begin = at + len(head) + 1
        size = int(head.split()[2])
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer[begin : begin + size])
        at = begin + size + 1
    return commit.strip()


def _git(root: Path, *arguments: str, given: bytes | None = None) -> bytes:
    """Return what git answers; nothing when it refuses. UsageError when there is no git."""
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments),
            input=given,
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except OSError as error:
        raise UsageError("git cannot be run", hint="a revision to compare with needs git") from error
    return done.stdout if done.returncode == 0 else b""
