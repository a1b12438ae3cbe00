"""Pages and images in a folder: written whole or not at all, read for whose they are, and told apart by their bytes."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_KEY = re.compile(r'^\s*igny8: ("[^"\n]+")$', re.MULTILINE)
_IMAGES = re.compile(r"^\s*igny8_images: (\[.*\])$", re.MULTILINE)
_FRONT_MATTER_BYTES = 32_768
_LOCK_WAIT_SECONDS = 30
_IMAGE = re.compile(r"((?!\.)[\w.-]+) ([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Marks:
    """What a page's front matter says about itself: the article's key, and the SHA-256 of its images by file name."""

    key: str = ""
    images: Mapping[str, str] = field(default_factory=dict)


def marks_of(page: Path) -> Marks:
    """Return the marks of a page; empty ones for a page that is not ours, or is not there."""
    try:
        with page.open("rb") as file:
            head = file.read(_FRONT_MATTER_BYTES).decode(errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return Marks()
    if not head.startswith("---\n"):
        return Marks()
    front = head.split("\n---", 2)[0]
    key, images = _read(_KEY.search(front)), _read(_IMAGES.search(front))
    lines = [_IMAGE.fullmatch(line) for line in images if isinstance(line, str)] if isinstance(images, list) else []
    return Marks(key if isinstance(key, str) else "", {line[1]: line[2] for line in lines if line})


def _read(found: re.Match[str] | None) -> object:
    try:
        return json.loads(found[1]) if found else None
    except ValueError:
        return None  # a person edited it


def fingerprint(page: Path, images: Path) -> str:
    """Return the SHA-256 over a page and the images that it names; an image that is gone counts as well."""
    return fingerprint_of(page.read_bytes(), {name: digest_of(images / name) for name in marks_of(page).images})


def fingerprint_of(page: bytes, images: Mapping[str, str]) -> str:
    """Return the same for a page and the SHA-256 of its images, which need not stand on disk."""
    digest = hashlib.sha256(page)
    for name, image in sorted(images.items()):
        digest.update(f"\n{name} {image}".encode())
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, "" where there is none."""
    data = _bytes_of(path)
    return hashlib.sha256(data).hexdigest() if data is not None else ""


def _bytes_of(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all; the same bytes are left alone."""
    if _bytes_of(path) == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".igny8-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


@contextmanager
def hold_folder(folder: Path) -> Iterator[int]:
    """Keep other writers out of a folder, and yield the open lock; BlockingIOError when one does not finish."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for wait in (*[0.05] * (_LOCK_WAIT_SECONDS * 20), 0.0):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not wait:
                    raise
                time.sleep(wait)
        yield lock
    finally:
        os.close(lock)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that died; the caller holds the site's folder."""
    for path in folder.glob(".igny8-*"):
        path.unlink(missing_ok=True)


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files, and the folder if nothing is left in it."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
