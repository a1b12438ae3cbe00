"""igny8 version"""

from __future__ import annotations

import platform

import click

from cli.options import format_option
from cli.session import Session
from reconciler import __version__


@click.command()
@format_option("text", "json")
@click.pass_obj
def version(session: Session, format_: str) -> None:
    """Print the version of igny8 and of Python."""
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"igny8": __version__, "python": platform.python_version()}})
    else:
        session.output.data(f"igny8 {__version__} (Python {platform.python_version()})")
