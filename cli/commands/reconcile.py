"""igny8 reconcile"""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.exits import Exit
from cli.options import at_option
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.store.engine import Database


@click.command()
@click.option("--once", is_flag=True, help="Make one pass and end; with 7 when something was refused or failed.")
@click.option("--offline", is_flag=True, help="Stand in for every AI provider.")
@click.option("--no-delays", is_flag=True, help="Skip the declared delays between batches and stages.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Log lines.")
@click.option(
    "--snapshot", metavar="FILE", type=click.Path(path_type=Path),
    help="Keep a snapshot of the actual state in this file: `igny8 plan --against FILE`.",
)  # fmt: skip
@at_option
@click.pass_obj
def reconcile(
    session: Session, once: bool, offline: bool, no_delays: bool, log_format: str, snapshot: Path | None, at: str | None
) -> None:
    """Keep everything as declared: apply safe changes of the config, run what is due, publish what is due.

    A bad edit is refused as a whole and the last good state kept. SIGTERM and Ctrl-C end it cleanly.

    Examples:

      igny8 reconcile
      igny8 reconcile --once --offline
      igny8 reconcile --snapshot /srv/igny8/snapshot.json.gz
    """
    installation = session.installation(at)
    with session.database(installation) as database:
        went_well = asyncio.run(_run(session, installation, database, once, offline, no_delays, log_format, snapshot))
    if once and not went_well:
        raise Exit(ExitCode.FAILED)


async def _run(
    session: Session, installation: Installation, database: Database, once: bool, offline: bool, no_delays: bool,
    log_format: str, snapshot: Path | None,
) -> bool:  # fmt: skip
    from reconciler.daemon.loop import reconcile as keep
    from reconciler.operations.engine import Engine
    from reconciler.operations.providers import ProviderPool
    from reconciler.operations.stopping import StopSignal
    from reconciler.operations.telemetry import traces_from_environment

    stop, traces = StopSignal(), traces_from_environment()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.request)

    def make_engine(signal_: StopSignal) -> Engine:
        pool = ProviderPool(installation.root, offline)
        return Engine(
            database, installation.clock, pool, installation.media, signal_, with_delays=not no_delays, traces=traces
        )

    def tell(event: str, fields: dict[str, Any]) -> None:
        now = installation.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        if log_format == "json":
            session.output.data(json.dumps({"at": now, "event": event, **fields}, ensure_ascii=False, default=str))
        else:
            told = " ".join(
                f"{key}={json.dumps(value, ensure_ascii=False, default=str)}" for key, value in fields.items()
            )
            session.output.data(f"{now} {event} {told}".rstrip())

    return await keep(installation, database, make_engine, stop, once=once, tell=tell, snapshot=snapshot)
