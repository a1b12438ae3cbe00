"""Writes what a config root resolves to: one canonical JSON file a resource, and an index with their digests."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import orjson

from reconciler.config.compilation import Compilation
from reconciler.errors import UnreachableError, UsageError

INDEX = "index.json"


def desired_state(compilation: Compilation) -> dict[str, bytes]:
    """Return the files of the desired state by path: the same bytes for the same resources, wherever and whenever."""
    files = {f"{item.kind}/{item.name}.json": item.origin.canonical() + b"\n" for item in compilation.resources}
    index = {
        "version": 1,
        "digest": compilation.digest,
        "resources": [{"kind": item.kind, "name": item.name, "digest": item.digest} for item in compilation.resources],
    }
    files[INDEX] = orjson.dumps(index, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"
    return files


def write_state(folder: Path, files: dict[str, bytes]) -> None:
    """Replace a folder by the desired state as a whole; a folder that holds something else is refused."""
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / INDEX).exists())):
        raise UsageError(f"{folder} holds something else", hint="name a new folder, or one that compile wrote")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as work:
            new, old = Path(work) / "new", Path(work) / "old"
            for path, data in files.items():
                target = new / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            if folder.exists():
                os.replace(folder, old)  # noqa: PTH105 - a folder moves as a whole
            shutil.move(new, folder)
    except OSError as error:
        raise UnreachableError(f"cannot write {folder}: {error.strerror or error}") from error


def differences(folder: Path, files: dict[str, bytes]) -> list[str]:
    """Return the paths in which a folder differs from the desired state, in order."""
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    changed = {path for path, data in files.items() if path in present and (folder / path).read_bytes() != data}
    return sorted(changed | (files.keys() ^ present))
