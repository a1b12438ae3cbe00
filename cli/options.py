"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def format_option(*formats: str) -> Callable[[Function], Function]:
    """Return the --format option with these choices, the first as default, and --json as its short form."""

    def decorate(function: Function) -> Function:
        function = click.option(
            "--json", "format_", flag_value="json", help="Short for --format json."
        )(function) if "json" in formats else function  # fmt: skip
        return click.option(
            "--format", "format_", type=click.Choice(formats), default=formats[0], show_default=True, help="Form of the answer."
        )(function)  # fmt: skip

    return decorate


at_option = click.option(
    "--at", metavar="TIME", help="Act as if it were this time: 2026-01-31T09:00+01:00, or an offset such as +7d."
)
site_option = click.option("--site", metavar="NAME", help="Only this site.")
