"""The flags that override guards, one for each that can be overridden, and the reason that they need."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler.plan.guards import GUARDS, OVERRIDE_WINDOW

Function = TypeVar("Function", bound=Callable[..., Any])

_HELP = {guard.flag: guard.allows for guard in GUARDS if guard.flag} | {
    OVERRIDE_WINDOW: "Apply though the platform's sync window is closed."
}


def allow_options(function: Function) -> Function:
    """Add a flag for every guard that has one; the command gets those that were given as `flags`."""

    @functools.wraps(function)
    def with_flags(*arguments: Any, **options: Any) -> Any:
        given = [flag for flag in _HELP if options.pop(_parameter(flag))]
        return function(*arguments, flags=given, **options)

    command: Any = with_flags
    for flag in reversed(_HELP):
        command = click.option(flag, _parameter(flag), is_flag=True, help=f"{_HELP[flag]} Needs --reason.")(command)
    result: Function = command
    return result


def _parameter(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
