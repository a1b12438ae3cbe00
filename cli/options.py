"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.plan.in_flight import Handling

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


def seconds_of(text: str, option: str) -> int:
    """Return the seconds of a duration that an option was given; UsageError when it is none."""
    from reconciler.clock import parse_duration_seconds

    try:
        return parse_duration_seconds(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _handling(_context: click.Context, _parameter: click.Parameter, text: str | None) -> Handling:
    from reconciler.plan.in_flight import Handling, read_handling

    if text is None:
        return Handling()
    try:
        return read_handling(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


in_flight_option = click.option(
    "--in-flight", metavar="pin|drain|requeue-from:STAGE", callback=_handling,
    help="What becomes of items that were begun: they finish on the old revision (pin, the default), have to be finished "
    "before anything is applied (drain), or unapproved ones are made anew from a stage.",
)  # fmt: skip
at_option = click.option(
    "--at", metavar="TIME", help="Act as if it were this time: 2026-01-31T09:00+01:00, or an offset such as +7d."
)
site_option = click.option("--site", metavar="NAME", help="Only this site.")
target_option = click.option(
    "--target", default="", metavar="NAME", help="Only the copy at this further place of the site."
)
