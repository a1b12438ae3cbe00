"""Compiles a config root and returns what was found. Needs no database and no network."""

from __future__ import annotations

from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.tree import read_tree
from reconciler.operations.app import EXTENSIONS, Installation


def validate(installation: Installation) -> Compilation:
    """Return the compilation of the installation's config root."""
    return compile_tree(read_tree(installation.root), EXTENSIONS, installation.clock.now().date())
