"""igny8 run"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import counted
from cli.progress import Progress
from cli.run_forecasts import show_forecasts
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.engine import Engine
    from reconciler.operations.run import RunReport, Wanted
    from reconciler.store.engine import Database


@dataclass(frozen=True, slots=True)
class _Order:
    """What was asked for on the command line."""

    due: bool
    sites: tuple[str, ...]
    stage: str | None
    ids: tuple[int, ...] | None
    credits_max: int | None
    offline: bool
    with_delays: bool
    calls_per_site: int

    def wanted(self, engine: Engine) -> tuple[Wanted, ...]:
        """Return the runs to be made."""
        from reconciler.operations.run import Scope, wanted_due, wanted_now

        if self.due:
            return wanted_due(engine, self.sites)
        return wanted_now(engine, self.sites, Scope(self.stage, self.ids, self.credits_max))


def _ids(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no list of numbers such as 1,2,3") from error


@click.command()
@click.option("--due", is_flag=True, help="Run every site whose schedule says so.")
@click.option("--site", "sites", metavar="NAME", multiple=True, help="Only this site; may be repeated.")
@click.option("--now", "now_", is_flag=True, help="Run whatever the schedule says; without --site all sites.")
@click.option("--stage", metavar="KEY", help="Run only this stage, whatever the schedule says.")
@click.option("--ids", metavar="1,2,3", callback=_ids, help="Of the stage, take only these items.")
@click.option(
    "--max-credits", "credits_max", type=click.IntRange(1), metavar="N", help="Use at most so many credits a run."
)
@click.option(
    "--dry-run", is_flag=True, help="Tell what would be taken and what it would cost; write and call nothing."
)
@click.option("--offline", is_flag=True, help="Stand in for every AI provider; what it makes is marked a sample.")
@click.option("--no-delays", is_flag=True, help="Skip the declared delays between batches and stages.")
@click.option(
    "--calls-per-site", default=8, show_default=True, type=click.IntRange(1, 64), metavar="N",
    help="AI calls of a site that are in flight at once.",
)  # fmt: skip
@format_option("text", "json", "ndjson")
@at_option
@click.pass_obj
def run(
    session: Session, due: bool, sites: tuple[str, ...], now_: bool, stage: str | None, ids: tuple[int, ...] | None,
    credits_max: int | None, dry_run: bool, offline: bool, no_delays: bool, calls_per_site: int, format_: str,
    at: str | None,
) -> None:  # fmt: skip
    """Run pipelines: keywords to clusters, ideas, tasks, articles, images and review.

    Ctrl-C stops after the calls at hand; running again goes on where it stopped. `igny8 runs pause` from elsewhere
    stops it until `igny8 runs resume`, which is no failure. Ends with 7 when items failed.

    Examples:

      igny8 run --due
      igny8 run --site alpine-trails --now --dry-run
      igny8 run --site alpine-trails --now --max-credits 50
      igny8 run --site alpine-trails --stage images --ids 4,5
      igny8 run --now --offline --no-delays --format ndjson
    """
    if due == (now_ or stage is not None):
        raise UsageError(
            "say what to run", hint="igny8 run --due, igny8 run --site NAME --now, or igny8 run --site NAME --stage KEY"
        )
    if due and credits_max is not None:
        raise UsageError("--max-credits is for runs that you start", hint="use it with --now or --stage")
    if ids is not None and stage is None:
        raise UsageError("--ids names items of a stage", hint="add --stage KEY")
    if at is not None and not offline and not dry_run:
        # On a clock that stands, no wait for a provider's limits is a wait.
        raise UsageError("a run at another time calls no real provider", hint="add --offline, or leave --at out")
    order = _Order(due, sites, stage, ids, credits_max, offline, not no_delays, calls_per_site)
    installation = session.installation(at)
    with session.database(installation) as database:
        if dry_run:
            asyncio.run(_forecast(session, installation, database, order, format_))
            return
        report = asyncio.run(_run(session, installation, database, order, format_))
    _show(session, report, format_)
    if report.interrupted:
        raise Exit(ExitCode.INTERRUPTED)
    if report.failed:
        raise Exit(ExitCode.FAILED)
    if report.skipped and not report.results:
        is_locked = any(item.is_locked for item in report.skipped)
        raise Exit(ExitCode.LOCKED if is_locked else ExitCode.BLOCKED)


def make_engine(
    session: Session, installation: Installation, database: Database, progress: Progress, *, offline: bool,
    with_delays: bool, calls_per_site: int,
) -> Engine:  # fmt: skip
    """Return an engine that stops when the process is asked to; asked twice, it is interrupted at once."""
    from reconciler.operations.engine import Engine
    from reconciler.operations.providers import ProviderPool
    from reconciler.operations.stopping import StopSignal
    from reconciler.operations.telemetry import traces_from_environment

    stop = StopSignal()

    def request_stop() -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        session.output.note("\nStopping after the items at hand; press Ctrl-C again to stop at once.")
        stop.request()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, request_stop)
    return Engine(
        database, installation.clock, ProviderPool(installation.root, offline), installation.media, stop,
        progress.tell, with_delays=with_delays, traces=traces_from_environment(), calls_per_site_max=calls_per_site,
    )  # fmt: skip


async def _run(
    session: Session, installation: Installation, database: Database, order: _Order, format_: str
) -> RunReport:  # fmt: skip
    from reconciler.operations.run import run_wanted

    with Progress(session.output, as_lines=format_ == "ndjson") as progress:
        engine = make_engine(
            session, installation, database, progress, offline=order.offline, with_delays=order.with_delays,
            calls_per_site=order.calls_per_site,
        )  # fmt: skip
        return await run_wanted(engine, order.wanted(engine))


async def _forecast(
    session: Session, installation: Installation, database: Database, order: _Order, format_: str
) -> None:
    from reconciler.operations.dry_run import forecast_runs

    with Progress(session.output) as progress:
        engine = make_engine(
            session, installation, database, progress, offline=order.offline, with_delays=order.with_delays,
            calls_per_site=order.calls_per_site,
        )  # fmt: skip
        forecasts = forecast_runs(engine, order.wanted(engine))
    show_forecasts(session.output, forecasts, format_)


def _show(session: Session, report: RunReport, format_: str) -> None:
    credits = sum(result.credits for result in report.results)
    summary = {
        "runs": len(report.results),
        "credits": credits,
        "failed_items": report.failed,
        "interrupted": report.interrupted,
    }
    runs = [
        {"site": r.site, "run": r.run_id, "state": r.state, "credits": r.credits, "failed": r.failed}
        for r in report.results
    ]
    skipped = [{"site": item.site, "reason": item.reason} for item in report.skipped]
    if format_ == "json":
        session.output.json({"version": 1, "summary": summary, "runs": runs, "skipped": skipped})
        return
    if format_ == "ndjson":
        for item in skipped:
            session.output.line({"event": "run_skipped", **item})
        session.output.line({"event": "summary", "version": 1, **summary})
        return
    for skip in report.skipped:
        session.output.data(f"{skip.site}: not run: {skip.reason}")
    if not report.results and not report.skipped:
        session.output.data("Nothing is due.")
        return
    for result in report.results:
        if result.state in ("paused", "cancelled"):
            session.output.data(f"{result.site}: run {result.run_id} was {result.note}")
    failed = f", {counted(report.failed, 'item')} failed" if report.failed else ""
    session.output.data(f"{counted(len(report.results), 'run')}, {counted(credits, 'credit')} used{failed}")
