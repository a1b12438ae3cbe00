"""Compiles a config root and returns what was found. Needs no database and no network."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from reconciler.clock import SystemClock
from reconciler.config.cache import Cache, open_cache
from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.every_environment import compile_everywhere
from reconciler.config.tree import read_tree
from reconciler.operations.app import EXTENSIONS, Installation


def validate(installation: Installation) -> Compilation:
    """Return the compilation of the installation's config root, in its environment if it has one."""
    tree = read_tree(installation.root)
    cache = open_root_cache(installation.root, installation.environment) if tree.files else Cache()
    today = installation.clock.now().date()
    compilation = compile_tree(tree, EXTENSIONS, today, installation.environment, cache)
    cache.save()
    return compilation


def validate_everywhere(installation: Installation) -> Compilation:
    """Return the same with what is wrong in any environment, unless the installation has one: then only that counts."""
    if installation.environment:
        return validate(installation)
    tree = read_tree(installation.root)
    if not tree.files:
        return compile_tree(tree, EXTENSIONS, installation.clock.now().date())
    open_cache_of = partial(open_root_cache, installation.root)
    return compile_everywhere(tree, EXTENSIONS, installation.clock.now().date(), open_cache_of)


def open_root_cache(root: Path, environment: str) -> Cache:
    """Return the cache of a config root; its key stands in the user's state folder, where no pull request writes."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path("~/.local/state").expanduser())
    name = f"sites-{environment}.json" if environment else "sites.json"
    # The system's clock, not the installation's: it is compared with the times of files.
    now_ns = int(SystemClock().now().timestamp()) * 1_000_000_000
    return open_cache(root / ".igny8" / "cache" / name, Path(state) / "igny8" / "cache.key", now_ns=now_ns)
