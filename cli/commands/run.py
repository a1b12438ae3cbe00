"""igny8 run"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import counted
from cli.progress import Progress
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.run import RunReport
    from reconciler.store.engine import Database


@click.command()
@click.option("--due", is_flag=True, help="Run every site whose schedule says so.")
@click.option("--site", "sites", metavar="NAME", multiple=True, help="Only this site; may be repeated.")
@click.option("--now", "now_", is_flag=True, help="Run whatever the schedule says; without --site all sites.")
@click.option("--offline", is_flag=True, help="Stand in for every AI provider; what it makes is marked a sample.")
@click.option("--no-delays", is_flag=True, help="Skip the declared delays between batches and stages.")
@format_option("text", "json")
@at_option
@click.pass_obj
def run(
    session: Session, due: bool, sites: tuple[str, ...], now_: bool, offline: bool, no_delays: bool, format_: str,
    at: str | None,
) -> None:  # fmt: skip
    """Run pipelines: keywords to clusters, ideas, tasks, articles, images and review.

    Ctrl-C stops after the item at hand; running again goes on where it stopped. Ends with 7 when items failed.

    Examples:

      igny8 run --due
      igny8 run --site alpine-trails --now --offline --no-delays
    """
    if due == now_:
        raise UsageError("say what to run", hint="igny8 run --due, or igny8 run --site NAME --now")
    if at is not None and not offline:
        # On a clock that stands, no wait for a provider's limits is a wait.
        raise UsageError("a run at another time calls no real provider", hint="add --offline, or leave --at out")
    installation = session.installation(at)
    with session.database(installation) as database:
        report = asyncio.run(_run(session, installation, database, due, sites, offline, no_delays))
    _show(session, report, format_)
    if report.interrupted:
        raise Exit(ExitCode.INTERRUPTED)
    if report.failed or any(result.state != "completed" for result in report.results):
        raise Exit(ExitCode.FAILED)
    if report.skipped and not report.results:
        is_locked = any(item.is_locked for item in report.skipped)
        raise Exit(ExitCode.LOCKED if is_locked else ExitCode.BLOCKED)


async def _run(
    session: Session, installation: Installation, database: Database, due: bool, sites: tuple[str, ...], offline: bool,
    no_delays: bool,
) -> RunReport:  # fmt: skip
    from reconciler.operations.executor import Engine
    from reconciler.operations.providers import ProviderPool
    from reconciler.operations.run import run_wanted, wanted_due, wanted_now
    from reconciler.operations.stopping import StopSignal
    from reconciler.operations.telemetry import traces_from_environment

    stop = StopSignal()
    loop = asyncio.get_running_loop()

    def request_stop() -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        session.output.note("\nStopping after the items at hand; press Ctrl-C again to stop at once.")
        stop.request()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, request_stop)
    with Progress(session.output) as progress:
        engine = Engine(
            database, installation.clock, ProviderPool(installation.root, offline), installation.media, stop,
            progress.tell, with_delays=not no_delays, traces=traces_from_environment(),
        )  # fmt: skip
        wanted = wanted_due(engine, sites) if due else wanted_now(engine, sites)
        return await run_wanted(engine, wanted)


def _show(session: Session, report: RunReport, format_: str) -> None:
    credits = sum(result.credits for result in report.results)
    if format_ == "json":
        session.output.json(
            {
                "version": 1,
                "summary": {
                    "runs": len(report.results),
                    "credits": credits,
                    "failed_items": report.failed,
                    "interrupted": report.interrupted,
                },
                "runs": [
                    {"site": r.site, "run": r.run_id, "state": r.state, "credits": r.credits, "failed": r.failed}
                    for r in report.results
                ],
                "skipped": [{"site": item.site, "reason": item.reason} for item in report.skipped],
            }
        )
        return
    for item in report.skipped:
        session.output.data(f"{item.site}: not run: {item.reason}")
    if not report.results and not report.skipped:
        session.output.data("Nothing is due.")
        return
    failed = f", {report.failed} items failed" if report.failed else ""
    session.output.data(f"{counted(len(report.results), 'run')}, {counted(credits, 'credit')} used{failed}")
