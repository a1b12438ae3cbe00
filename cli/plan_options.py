"""Options of the commands that make a plan: what it is limited to, and what it is to fail on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from reconciler.errors import UsageError

Function = TypeVar("Function", bound=Callable[..., Any])

_SELECTION = (
    ("--target", "targets", "Only this resource and the creations that it needs: kind/name, `*` for any letters. Repeatable."),
    ("--exclude", "excludes", "All but this resource: kind/name, `*` for any letters. Repeatable."),
)  # fmt: skip


def selection_options(function: Function) -> Function:
    """Add --target and --exclude."""
    for option, name, text in reversed(_SELECTION):
        function = click.option(option, name, metavar="REF", multiple=True, help=text)(function)
    return function


def classes_named(written: Iterable[str], known: Sequence[str]) -> frozenset[str]:
    """Return the classes that --fail-on names, with commas or one by one. UsageError for one that there is not."""
    from reconciler.config.suggest import did_you_mean

    names = [name.strip() for text in written for name in text.split(",")]
    for name in names:
        if name not in known:
            hint = f"{did_you_mean(name, known)} there are {', '.join(known)}"
            raise UsageError(f"--fail-on knows no class {name!r}", hint=hint.strip())
    return frozenset(names)
