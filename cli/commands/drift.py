"""igny8 drift"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from cli.exits import Exit
from cli.options import format_option
from cli.output import Output, counted, shorten
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.plan.drift import Drift, Drifted, DriftedField
    from reconciler.store.engine import Database

_STYLES = {"changed": "change", "missing": "remove", "unknown": "add"}
_SIGNS = {"changed": "~", "missing": "-", "unknown": "+"}
_TITLES = {
    "changed": "",
    "missing": ": applied, but not in the database any more",
    "unknown": ": only in the database, not made by an apply (`igny8 import` writes its file)",
}


@click.command()
@click.argument("resources", nargs=-1, metavar="[KIND/NAME]...")
@click.option("--watch", is_flag=True, help="Look again and again; tell each change. Ctrl-C ends it.")
@click.option("--every", default=10.0, show_default=True, type=click.FloatRange(min=0.1), help="Seconds between looks.")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there is drift.")
@format_option("text", "json")
@click.pass_obj
def drift(
    session: Session, resources: tuple[str, ...], watch: bool, every: float, detailed_exitcode: bool, format_: str
) -> None:
    """Show what somebody changed in the database since the last apply: applied value, live value, and who would win.

    It is no plan, and nothing can be applied from it. The config need not be valid. `igny8 adopt` takes a live value
    into the config, `igny8 import` writes what only the database has, `igny8 apply` puts back what git says.

    Examples:

      igny8 drift
      igny8 drift site/blog --detailed-exitcode
      igny8 drift --watch --every 30
    """
    from reconciler.operations.drift import drift as find

    installation = session.installation()
    with session.database(installation, may_create=False) as database:
        if watch:
            asyncio.run(_watch(session, installation, database, resources, every, format_))
            return
        found = find(installation, database, resources)
    _show(session.output, found, format_)
    if detailed_exitcode and not found.is_empty:
        raise Exit(ExitCode.CHANGES)


async def _watch(
    session: Session, installation: Installation, database: Database, resources: tuple[str, ...], every: float,
    format_: str,
) -> None:  # fmt: skip
    from reconciler.operations.drift import DriftWatch

    async def tell() -> None:
        async for found in DriftWatch(installation, database, resources, every).changes(installation.clock):
            if format_ == "text":
                session.output.data(session.output.style(f"{installation.clock.now():%Y-%m-%d %H:%M:%S} UTC", "dim"))
            _show(session.output, found, format_)

    task = asyncio.ensure_future(tell())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        session.output.note("Stopped.")


def _show(output: Output, found: Drift, format_: str) -> None:
    if format_ == "json":
        output.json(found.to_json())
    else:
        for line in drift_lines(output, found):
            output.data(line)


def drift_lines(output: Output, found: Drift) -> Iterable[str]:
    """Yield the lines that tell a drift."""
    if found.is_empty:
        yield output.style(
            f"No drift: {counted(found.looked_at, 'resource')} as applied (generation {found.generation}).", "good"
        )
        return
    counts = ", ".join(f"{found.count(state)} {state}" for state in ("changed", "missing", "unknown"))
    yield output.style(f"Drift since generation {found.generation}: {counts}", "head")
    if not found.knows_git:
        yield "The config is not valid, so that nothing is said about what git wants: igny8 validate"
    yield ""
    for item in found.resources:
        yield from _resource_lines(output, item)


def _resource_lines(output: Output, item: Drifted) -> Iterable[str]:
    yield output.style(f"{_SIGNS[item.state]} drift {item.ref}", _STYLES[item.state]) + _TITLES[item.state]
    for field in item.fields:
        yield f"    {field.field}: applied {_shown(field.applied)}, live {_shown(field.live)}   ({_verdict(field)})"


def _verdict(field: DriftedField) -> str:
    if field.is_conflict:
        return f"conflict: git says {_shown(field.git)} and would win"
    return {
        "git": "git would win: an apply puts it back",
        "database": "git says the same as the database: it stays",
        "last apply": "the last apply would win: a heal puts it back",
    }[field.winner]


def _shown(value: Any) -> str:
    from reconciler.config.edit import flow_text

    return "nothing" if value is None else shorten(flow_text(value), 70)
