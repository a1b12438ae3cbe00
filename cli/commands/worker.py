"""igny8 worker"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cli.commands.run import make_engine
from cli.exits import Exit
from cli.output import counted
from cli.progress import Progress
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.run import RunReport
    from reconciler.store.engine import Database


@click.command()
@click.option("--once", is_flag=True, help="End when there is nothing left to do.")
@click.option("--offline", is_flag=True, help="Stand in for every AI provider; what it makes is marked a sample.")
@click.option("--no-delays", is_flag=True, help="Skip the declared delays between batches and stages.")
@click.option(
    "--calls-per-site", default=8, show_default=True, type=click.IntRange(1, 64), metavar="N",
    help="AI calls of a site that are in flight at once.",
)  # fmt: skip
@click.pass_obj
def worker(session: Session, once: bool, offline: bool, no_delays: bool, calls_per_site: int) -> None:
    """Share the work: run what is due, and make calls of the runs that other processes lead.

    As many workers as you like, on as many machines, on one database. Each call is made by one of them. What a worker
    that dies leaves is taken up by the others. SIGTERM and Ctrl-C end it after the calls at hand.

    Examples:

      igny8 worker
      igny8 worker --once --offline --no-delays
    """
    installation = session.installation()
    with session.database(installation) as database:
        report = asyncio.run(_work(session, installation, database, once, offline, no_delays, calls_per_site))
    credits = sum(result.credits for result in report.results)
    failed = f", {counted(report.failed, 'item')} failed" if report.failed else ""
    session.output.data(f"{counted(len(report.results), 'run')} worked on, {counted(credits, 'credit')} used{failed}")
    if once and report.failed:
        raise Exit(ExitCode.FAILED)


async def _work(
    session: Session, installation: Installation, database: Database, once: bool, offline: bool, no_delays: bool,
    calls_per_site: int,
) -> RunReport:  # fmt: skip
    from reconciler.operations.sharing import share_work

    with Progress(session.output) as progress:
        engine = make_engine(
            session, installation, database, progress, offline=offline, with_delays=not no_delays,
            calls_per_site=calls_per_site,
        )  # fmt: skip
        return await share_work(engine, once=once)
