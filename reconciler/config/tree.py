"""Reads a config root: which files belong to it, their text, and what is wrong with them as files.

This is the only reader of config files. It follows the table of places in the domain: anything else inside a folder
that igny8 reads is a finding; anything outside of those folders is none of our business.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from reconciler.diagnostics import Diagnostic, Mark
from reconciler.kinds import KINDS, Kind

FILE_BYTES_MAX = 1024 * 1024
ROOT_FILES_MAX = 50_000
ROOT_BYTES_MAX = 512 * 1024 * 1024
FOLDERS_DEEP_MAX = 16
_KEYWORDS_FOLDER = "keywords"

# What tells that a file is the one that was read before: size, times of content and inode in ns, inode.
Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a config root, not yet read: its path from the root. `kind` is None for a keyword list.

    `held` is the text of a file that exists in memory only. A file without a signature (a link) is never known again.
    """

    path: str
    kind: Kind | None
    root: Path
    signature: Signature | None = None
    held: str | None = None

    def read(self) -> str | Diagnostic:
        """Return the file's text, or why there is none."""
        if self.held is not None:
            return self.held
        try:
            data = _read_bytes(self.root, self.path, self.signature)
        except OSError as error:
            return Diagnostic("IG101", f"cannot be read: {error.strerror}", self.path)
        if len(data) > FILE_BYTES_MAX:
            return Diagnostic("IG104", "the file is larger than 1 MiB", self.path)
        return _decode(data, self.path)


@dataclass(frozen=True)
class Tree:
    """All files of a config root, in path order, and what was wrong with reading them.

    `missing_kinds` are the slugs of kinds whose folder is not there at all.
    """

    root: Path
    files: tuple[SourceFile, ...]
    findings: tuple[Diagnostic, ...]
    find_revision: Callable[[], str] = field(default=lambda: "", repr=False, compare=False)
    missing_kinds: frozenset[str] = frozenset()

    @cached_property
    def revision(self) -> str:
        """Return the git commit of the root, asked for when it is first needed; "" outside of git."""
        return self.find_revision()

    @cached_property
    def declared(self) -> frozenset[tuple[str, str]]:
        """Return kind and name of every declaration that has a file here, be it readable or not."""
        found = {(file.kind.slug, name_of(file.kind, file.path)) for file in self.files if file.kind is not None}
        for finding in self.findings:
            kind = kind_of_path(finding.file)
            if kind is not None:
                found.add((kind.slug, name_of(kind, finding.file)))
        return frozenset(found)


def name_of(kind: Kind, path: str) -> str:
    """Return the name of what a file declares: the file's own, or the kind's where there is only one."""
    if kind.is_singleton:
        return kind.slug
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return name if dot < 0 else name[:dot]


def read_tree(root: Path, *, files_max: int = ROOT_FILES_MAX) -> Tree:
    """Return what belongs to the config root; a missing or empty one is a finding, never an exception."""
    if not root.is_dir():
        finding = Diagnostic("IG101", "the config root is no directory", str(root), hint="check the path given with -C")
        return Tree(root, (), (finding,))
    walk = _Walk(root, files_max)
    try:
        walk.run()
    except _TooMuchError as too_much:
        walk.findings.append(too_much.finding)
    if not walk.files and not walk.findings:
        walk.findings.append(_empty_root(root))
    walk.findings.extend(_find_case_doubles(walk.files))
    missing = frozenset(kind.slug for folder, (kind, _, _) in _PLACES.items() if not (root / folder).is_dir())
    return Tree(root, tuple(walk.files), tuple(walk.findings), lambda: read_revision(root), missing)


def _find_case_doubles(files: Sequence[SourceFile]) -> Iterable[Diagnostic]:
    first: dict[str, str] = {}
    for file in files:
        other = first.setdefault(file.path.lower(), file.path)
        if other != file.path:
            message = f"the name differs from {other} only in case"
            yield Diagnostic("IG130", message, file.path, hint="rename one: some file systems keep only one of them")


class _TooMuchError(Exception):
    """The root is larger than a root may be; carries the finding."""

    def __init__(self, path: str, files_max: int) -> None:
        super().__init__(path)
        what = f"the config root is too large: over {files_max:,} files or 512 MiB"
        self.finding = Diagnostic("IG104", what, path)


@dataclass(slots=True)
class _Walk:
    """One walk over the places that belong to a config root, with what it found so far."""

    root: Path
    files_max: int
    files: list[SourceFile] = field(default_factory=list)
    findings: list[Diagnostic] = field(default_factory=list)
    bytes_seen: int = 0

    def run(self) -> None:
        for kind in KINDS:
            if kind.is_singleton and os.path.lexists(self.root / kind.place):
                self._take(kind.place, (self.root / kind.place).lstat())
        for folder in sorted({*_PLACES, _KEYWORDS_FOLDER}):
            if (self.root / folder).is_dir():
                self._enter(folder, 1)

    def _enter(self, folder: str, depth: int) -> None:
        if depth > FOLDERS_DEEP_MAX:
            raise _TooMuchError(folder, self.files_max)
        try:
            with os.scandir(f"{self.root}/{folder}") as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.findings.append(Diagnostic("IG101", f"cannot be read: {error.strerror}", folder))
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}"
            if not entry.name.isprintable():
                self.findings.append(_unprintable(path))
            elif entry.is_dir(follow_symlinks=False):
                self._enter(path, depth + 1)
            else:
                self._take(path, entry.stat(follow_symlinks=False))

    def _take(self, path: str, status: os.stat_result) -> None:
        kind = kind_of_path(path)
        if kind is None and not _is_keyword_list(path):
            self.findings.append(_unknown_file(path))
        elif stat.S_ISLNK(status.st_mode):
            found = _follow(self.root, path)
            if found is None:
                self.files.append(SourceFile(path, kind, self.root))
            else:
                self.findings.append(found)
        else:
            self.bytes_seen += status.st_size
            self.files.append(SourceFile(path, kind, self.root, _signature(status)))
        if len(self.files) + len(self.findings) > self.files_max or self.bytes_seen > ROOT_BYTES_MAX:
            raise _TooMuchError(path, self.files_max)


def _signature(status: os.stat_result) -> Signature:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _follow(root: Path, path: str) -> Diagnostic | None:
    """Return what keeps a link from being read, or None."""
    try:
        target = (root / path).resolve()
        if not target.is_relative_to(root.resolve()):
            return Diagnostic("IG111", "the link leads out of the config root", path)
        if stat.S_ISDIR(target.stat().st_mode):
            return Diagnostic("IG111", "a link to a folder is not followed", path, hint="move the folder here")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "the link leads in a circle"
        return Diagnostic("IG101", f"cannot be read: {reason}", path)
    return None


_PLACES: dict[str, tuple[Kind, str, int]] = {
    kind.place.split("/")[0]: (kind, PurePosixPath(kind.place).suffix, 2 if "**" in kind.place else 1)
    for kind in KINDS
    if not kind.is_singleton
}
_SINGLETONS = {kind.place: kind for kind in KINDS if kind.is_singleton}


def kind_of_path(path: str) -> Kind | None:
    """Return what a file declares by its path from the root; None where igny8 reads no declaration."""
    folder, separator, rest = path.partition("/")
    if not separator:
        return _SINGLETONS.get(path)
    kind, suffix, depth_max = _PLACES.get(folder, (None, "", 0))
    return kind if kind is not None and rest.endswith(suffix) and rest.count("/") < depth_max else None


def _is_keyword_list(path: str) -> bool:
    return path.startswith(f"{_KEYWORDS_FOLDER}/") and path.endswith(".csv")


def _unprintable(path: str) -> Diagnostic:
    shown = path.encode("unicode_escape", "surrogatepass").decode()
    return Diagnostic("IG106", "a file's name holds characters that cannot be shown", shown, hint="rename the file")


def _read_bytes(root: Path, path: str, signature: Signature | None) -> bytes:
    """Return a regular file's content, at most one byte more than is allowed; never waits for a pipe.

    Only a link has no signature, and only a link is followed.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if signature else 0)
    handle = os.open(f"{root}/{path}", flags)
    try:
        # A pipe or a device has no size: what gives as much as the listing told, and then ends, is a file.
        if signature and 0 < signature[0] <= FILE_BYTES_MAX:
            data = os.read(handle, signature[0] + 1)
            if len(data) == signature[0]:
                return data
        return _read_carefully(handle)
    finally:
        os.close(handle)


def _read_carefully(handle: int) -> bytes:
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Is a directory" if stat.S_ISDIR(status.st_mode) else "Not a regular file")
    os.lseek(handle, 0, os.SEEK_SET)
    size = min(status.st_size, FILE_BYTES_MAX)
    data = os.read(handle, size + 1)
    # Only a file that grows meanwhile gives more: asking every file costs a buffer of a mebibyte.
    while size < len(data) <= FILE_BYTES_MAX and (more := os.read(handle, FILE_BYTES_MAX + 1 - len(data))):
        data += more
    return data


def environment_names(root: Path) -> tuple[str, ...]:
    """Return the names of the environments that have a file in the root, in order."""
    place = next(kind.place for kind in KINDS if kind.slug == "environment")
    return tuple(sorted(path.stem for path in root.glob(place) if not path.name.startswith(".")))


def read_revision(root: Path) -> str:
    """Return the git commit that the root is checked out at, with `+dirty` when files differ; "" outside of git."""
    commit = _git(root, "rev-parse", "HEAD")
    if not commit:
        return ""
    return commit + ("+dirty" if _git(root, "status", "--porcelain", "--", *root_places()) else "")


def root_places() -> tuple[str, ...]:
    """Return the files and folders of a config root that are read; all else in it is not looked at."""
    return (*(kind.place.split("/")[0] for kind in KINDS), _KEYWORDS_FOLDER)


def _git(root: Path, *arguments: str) -> str:
    import subprocess

    try:
        done = subprocess.run(
            ("git", "-C", str(root), *arguments), capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _unknown_file(path: str) -> Diagnostic:
    folder = path.split("/")[0]
    hint = f"files in {folder}/ end in .csv" if folder == _KEYWORDS_FOLDER else ""
    for kind in KINDS:
        if not kind.is_singleton and kind.place.split("/")[0] == folder:
            hint = f"files in {folder}/ are {kind.place.rsplit('/', 1)[1].replace('*', 'NAME')}"
            if path.endswith(".yml"):
                hint = "rename it to end in .yaml"
    return Diagnostic("IG106", "no file that igny8 knows in this place", path, hint=hint)


def _decode(data: bytes, path: str) -> str | Diagnostic:
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        return Diagnostic("IG102", "not UTF-8 text", path, Mark(line, column), hint="save the file as UTF-8")


def _empty_root(root: Path) -> Diagnostic:
    return Diagnostic(
        "IG101",
        "no config here: not one of the files that igny8 reads",
        str(root),
        hint="a config root has a platform.yaml; point to it with -C, or copy examples/minimal",
    )
