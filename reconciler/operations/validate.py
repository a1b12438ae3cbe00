"""Compiles a config root and returns what was found. Needs no database and no network."""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.config.cache import Cache, open_cache
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import read_tree
from reconciler.operations.app import EXTENSIONS, Installation


def validate(installation: Installation, *, use_cache: bool = True) -> Compilation:
    """Return the compilation of the installation's config root."""
    tree = read_tree(installation.root)
    cache = open_root_cache(installation.root) if use_cache and tree.files else Cache()
    compilation = compile_tree(tree, EXTENSIONS, installation.clock.now().date(), cache)
    cache.save()
    return compilation


def open_root_cache(root: Path) -> Cache:
    """Return the cache of a config root; its key stands in the user's state folder, where no pull request writes."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    # The system's clock, not the installation's: it is compared with the times of files.
    now_ns = int(SystemClock().now().timestamp()) * 1_000_000_000
    return open_cache(root / ".igny8" / "cache", Path(state) / "igny8" / "cache.key", now_ns=now_ns)
