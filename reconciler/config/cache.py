"""What became of each site at the last compilation, so that only what changed is compiled again.

An entry holds for one content of the site's file and one content of everything that the site depends on. The index is
one file under `.igny8/cache`, replaced as a whole; it is safe to delete, and processes beside each other do no harm.

A config root comes from a pull request, and so may the folder: the index is signed with a key that stands outside of
the root, and one with another signature is not looked into.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pydantic

import reconciler
from reconciler.config.tree import Signature
from reconciler.diagnostics import Diagnostic, Mark

_CATALOGS = ""  # no file has this path
# A file that was changed a moment before it was read may change again without its times telling.
_SETTLED_NS = 2_000_000_000
_INDEX_BYTES_MAX = 256 * 1024 * 1024


class Entry(NamedTuple):
    """What became of a site: `context` tells what it depended on, `digest` is "" when it has errors."""

    signature: Signature | None
    content: str
    context: str
    account: str
    keyword_files: tuple[str, ...]
    digest: str
    keywords: int
    folders: tuple[str, ...]
    moved: tuple[str, ...]
    findings: tuple[Diagnostic, ...]
    hits: frozenset[tuple[int, ...]] = frozenset()


_FINDINGS = Entry._fields.index("findings")


@dataclass(slots=True)
class Cache:
    """The entries by path that were found, and those that a compilation leaves behind."""

    path: Path | None = None
    key: bytes = b""
    read_at_ns: int = 0
    found: dict[str, list[Any]] = field(default_factory=dict)
    left: dict[str, list[Any]] = field(default_factory=dict)
    is_changed: bool = False

    @property
    def is_kept(self) -> bool:
        """Tell whether anything is left behind."""
        return self.path is not None

    def find(self, path: str) -> Entry | None:
        """Return the entry of a file."""
        row = self.found.get(path)
        return None if row is None else _entry(row)

    def keep(self, path: str) -> None:
        """Leave the entry of a file that is as it was."""
        self.left[path] = self.found[path]

    def put(self, path: str, entry: Entry) -> None:
        """Leave a new entry for a file."""
        if self.path is not None:
            self.is_changed = True
            self.left[path] = _row(entry, self.read_at_ns)

    def find_catalogs(self, context: str) -> tuple[Diagnostic, ...] | None:
        """Return what the rules of the catalogues found when everything that is no site was as it is."""
        row = self.found.get(_CATALOGS)
        if row is None or row[0] != context:
            return None
        self.left[_CATALOGS] = row
        return tuple(_finding(item) for item in row[1])

    def put_catalogs(self, context: str, findings: Iterable[Diagnostic]) -> None:
        """Leave what the rules of the catalogues found."""
        if self.path is not None:
            self.is_changed = True
            self.left[_CATALOGS] = [context, [_finding_row(item) for item in findings]]

    def add(self, path: str, findings: Iterable[Diagnostic]) -> None:
        """Leave more findings with the new entry of a file."""
        if path in self.left:
            self.left[path][_FINDINGS].extend(_finding_row(item) for item in findings)

    def drop(self, path: str) -> None:
        """Leave no entry for a file: not all is known of it."""
        self.left.pop(path, None)

    def save(self) -> None:
        """Write what a compilation left behind; where that is not possible, the next one has more to do."""
        if self.path is None or not (self.is_changed or self.left.keys() != self.found.keys()):
            return
        body = orjson.dumps(self.left)
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            (self.path.parent / ".gitignore").write_text("*\n")
            handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".sites-")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_sign(self.key, body) + b"\n" + body)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise


def open_cache(path: Path, key_file: Path, *, now_ns: int) -> Cache:
    """Return the cache that is kept in a file, empty when there is none that can be trusted; without a key nothing is kept."""
    key = _key(key_file)
    if key is None or any(part.is_symlink() for part in path.parents[:2]):
        return Cache()
    cache = Cache(path, key, now_ns)
    with contextlib.suppress(OSError, ValueError):
        if path.stat().st_size <= _INDEX_BYTES_MAX:
            signature, _, body = path.read_bytes().partition(b"\n")
            if hmac.compare_digest(signature, _sign(key, body)):
                cache.found = orjson.loads(body)
    return cache


def _key(key_file: Path) -> bytes | None:
    """Return the key of this user, made when there is none; None where none can be kept."""
    try:
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError), tempfile.NamedTemporaryFile(dir=key_file.parent) as file:
                file.write(secrets.token_bytes(32))
                file.flush()
                os.link(file.name, key_file)  # of two processes at once, one wins, and both read its key
        key = key_file.read_bytes()
    except OSError:
        return None
    return key if len(key) == 32 else None


def _sign(key: bytes, body: bytes) -> bytes:
    # The program's own fingerprint is part of the key: what another version wrote is no more to be trusted.
    return hmac.new(key + _fingerprint(), body, hashlib.sha256).hexdigest().encode()


def _fingerprint() -> bytes:
    """Return what tells this program from another version of it, be it installed or worked on."""
    parts = [reconciler.__version__, sys.version, pydantic.VERSION]
    base = Path(reconciler.__file__).parent
    for folder in (
        "",
        "config",
        "config/checks",
        "config/policies",
        "kinds",
        "pipeline",
        "pipeline/stages",
        "publishers",
        "providers",
    ):
        parts.extend(sorted(_scan(base / folder)))
    return hashlib.sha256("\n".join(parts).encode()).digest()


def _scan(folder: Path) -> Iterable[str]:
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.endswith(".py"):
                status = entry.stat()
                yield f"{entry.name} {status.st_size} {status.st_mtime_ns}"


def _entry(row: list[Any]) -> Entry:
    signature, content, context, account, keyword_files, digest, keywords, folders, moved, findings, hits = row
    return Entry(
        tuple(signature) if signature else None, content, context, account, tuple(keyword_files), digest, keywords,
        tuple(folders), tuple(moved), tuple(_finding(item) for item in findings) if findings else (),
        frozenset(tuple(hit) for hit in hits) if hits else frozenset(),
    )  # fmt: skip


def _row(entry: Entry, read_at_ns: int) -> list[Any]:
    signature = entry.signature
    if signature is not None and max(signature[1], signature[2]) > read_at_ns - _SETTLED_NS:
        signature = None
    return [signature, *entry[1:9], [_finding_row(item) for item in entry.findings], sorted(entry.hits)]


def _finding_row(item: Diagnostic) -> list[Any]:
    mark = (item.mark.line, item.mark.column, item.mark.length)
    return [item.code, item.message, item.file, mark, item.field, item.hint, item.severity, item.resource, item.policy]


def _finding(row: list[Any]) -> Diagnostic:
    code, message, file, mark, name, hint, severity, resource, policy = row
    return Diagnostic(code, message, file, Mark(*mark), name, hint, severity, resource, policy=policy)
