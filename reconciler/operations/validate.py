"""Compiles a config root and returns what was found. Needs no database and no network."""

from __future__ import annotations

from reconciler.config.compilation import Compilation
from reconciler.config.compiler import compile_tree
from reconciler.config.every_environment import compile_everywhere
from reconciler.config.tree import read_tree
from reconciler.operations.app import EXTENSIONS, Installation


def validate(installation: Installation) -> Compilation:
    """Return the compilation of the installation's config root, in its environment if it has one."""
    today = installation.clock.now().date()
    return compile_tree(read_tree(installation.root), EXTENSIONS, today, installation.environment)


def validate_everywhere(installation: Installation) -> Compilation:
    """Return the same with what is wrong in any environment, unless the installation has one: then only that counts."""
    if installation.environment:
        return validate(installation)
    return compile_everywhere(read_tree(installation.root), EXTENSIONS, installation.clock.now().date())
