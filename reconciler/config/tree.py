"""Reads a config root: which files belong to it, their text, and what is wrong with them as files.

This is the only reader of config files. It follows the table of places in the domain: anything else inside a folder
that igny8 reads is a finding; anything outside of those folders is none of our business.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconciler.diagnostics import Diagnostic, Mark
from reconciler.kinds import KINDS, Kind

FILE_BYTES_MAX = 1024 * 1024
ROOT_FILES_MAX = 50_000
ROOT_BYTES_MAX = 512 * 1024 * 1024
_UNREAD_FOLDERS = ("environments", "policies")
_KEYWORDS_FOLDER = "keywords"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a config root: its path from the root, and its text. `kind` is None for a keyword list."""

    path: str
    text: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Tree:
    """All files of a config root, in path order, and what was wrong with reading them."""

    root: Path
    files: tuple[SourceFile, ...]
    findings: tuple[Diagnostic, ...]
    revision: str = ""

    @property
    def declared(self) -> frozenset[tuple[str, str]]:
        """Return kind and name of every declaration that has a file here, be it readable or not."""
        paths = [file.path for file in self.files] + [finding.file for finding in self.findings]
        return frozenset((kind.slug, name_of(kind, path)) for path in paths if (kind := _kind_of(path)) is not None)


def name_of(kind: Kind, path: str) -> str:
    """Return the name of what a file declares: the file's own, or the kind's where there is only one."""
    return kind.slug if kind.is_singleton else PurePosixPath(path).stem


def read_tree(root: Path) -> Tree:
    """Read the config root; a missing or empty one is a finding, never an exception."""
    if not root.is_dir():
        finding = Diagnostic("IG101", "the config root is no directory", str(root), hint="check the path given with -C")
        return Tree(root, (), (finding,))
    findings: list[Diagnostic] = []
    files: list[SourceFile] = []
    total_bytes = 0
    for path in _candidates(root, findings):
        kind = _kind_of(path)
        if kind is None and not _is_keyword_list(path):
            findings.append(_unknown_file(path))
            continue
        data = _read_bytes(root, path, findings)
        if data is None:
            continue
        total_bytes += len(data)
        if len(files) >= ROOT_FILES_MAX or total_bytes > ROOT_BYTES_MAX:
            findings.append(Diagnostic("IG104", "the config root is too large: over 50,000 files or 512 MiB", path))
            break
        text = _decode(data, path, findings)
        if text is not None:
            files.append(SourceFile(path, text, kind))
    if not files and not findings:
        findings.append(_empty_root(root))
    return Tree(root, tuple(files), tuple(findings), read_revision(root))


def read_revision(root: Path) -> str:
    """Return the git commit that the root is checked out at, with `+dirty` when files differ; "" outside of git."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    places = [kind.place.split("/")[0] for kind in KINDS] + [_KEYWORDS_FOLDER]
    return commit + ("+dirty" if _git(root, "status", "--porcelain", "--", *places) else "")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _candidates(root: Path, findings: list[Diagnostic]) -> list[str]:
    """Return the paths, from the root, of all files in the places that belong to a config root."""
    paths = [kind.place for kind in KINDS if kind.is_singleton and (root / kind.place).exists()]
    folders = sorted({kind.place.split("/")[0] for kind in KINDS if not kind.is_singleton} | {_KEYWORDS_FOLDER})
    for folder in folders:
        base = root / folder
        if not base.is_dir():
            continue
        for path in sorted(base.rglob("*")):
            relative = path.relative_to(root).as_posix()
            if any(part.startswith(".") for part in PurePosixPath(relative).parts) or path.is_dir():
                continue
            paths.append(relative)
    findings.extend(_unread_folder(folder) for folder in _UNREAD_FOLDERS if (root / folder).is_dir())
    return paths


def _unread_folder(folder: str) -> Diagnostic:
    message = f"`{folder}/` is not evaluated by this version"
    return Diagnostic("IG113", message, folder, hint="nothing in it has an effect", severity="warning")


def _kind_of(path: str) -> Kind | None:
    parts = PurePosixPath(path)
    for kind in KINDS:
        place = PurePosixPath(kind.place)
        if kind.is_singleton:
            if path == kind.place:
                return kind
        elif parts.parts[:1] == place.parts[:1] and parts.suffix == place.suffix:
            depth_max = 3 if "**" in kind.place else 2
            if len(parts.parts) <= depth_max:
                return kind
    return None


def _is_keyword_list(path: str) -> bool:
    parts = PurePosixPath(path)
    return parts.parts[0] == _KEYWORDS_FOLDER and parts.suffix == ".csv"


def _unknown_file(path: str) -> Diagnostic:
    folder = path.split("/")[0]
    hint = f"files in {folder}/ end in .csv" if folder == _KEYWORDS_FOLDER else ""
    for kind in KINDS:
        if not kind.is_singleton and kind.place.split("/")[0] == folder:
            hint = f"files in {folder}/ are {kind.place.rsplit('/', 1)[1].replace('*', 'NAME')}"
            if path.endswith(".yml"):
                hint = "rename it to end in .yaml"
    return Diagnostic("IG106", "no file that igny8 knows in this place", path, hint=hint)


def _read_bytes(root: Path, path: str, findings: list[Diagnostic]) -> bytes | None:
    full = root / path
    try:
        if not full.resolve().is_relative_to(root.resolve()):
            findings.append(Diagnostic("IG111", "the link leads out of the config root", path))
            return None
        if full.stat().st_size > FILE_BYTES_MAX:
            findings.append(Diagnostic("IG104", "the file is larger than 1 MiB", path))
            return None
        return full.read_bytes()
    except OSError as error:
        findings.append(Diagnostic("IG101", f"cannot be read: {error.strerror}", path))
        return None


def _decode(data: bytes, path: str, findings: list[Diagnostic]) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        findings.append(
            Diagnostic("IG102", "not UTF-8 text", path, Mark(line, column), hint="save the file as UTF-8")
        )  # fmt: skip
        return None


def _empty_root(root: Path) -> Diagnostic:
    return Diagnostic(
        "IG101",
        "no config here: not one of the files that igny8 reads",
        str(root),
        hint="a config root has a platform.yaml; point to it with -C, or copy examples/minimal",
    )
