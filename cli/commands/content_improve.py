"""igny8 content link, igny8 content optimize"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import ask, counted, is_interactive, shorten
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.improve import Improved, Offer
    from reconciler.store.engine import Database


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.argument("numbers", type=int, nargs=-1, required=True),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Say what it would take, and do nothing."),
        click.option("--offline", is_flag=True, help="Stand in for every AI provider; what it writes is a sample."),
        format_option("text", "json"),
        at_option,
        click.pass_obj,
    )[::-1]:
        function = option(function)
    return function


@click.command()
@_options
def link(session: Session, **options: Any) -> None:
    """Link words of articles to other live articles of their site; nothing else of the text changes.

    Shows the credits first, and asks. What an article said is kept. An approval that it had is void: it goes back to
    review, and gives its slot back. Ends with 7 when an article could not be linked.

    Examples:

      igny8 content link 12
      igny8 content link 12 13 14 --yes
    """
    _improve(session, "linking", **options)


@click.command()
@_options
def optimize(session: Session, **options: Any) -> None:
    """Have articles written anew where their checklist says so; one that would get worse by it is left as it is.

    Shows the credits first, and asks. What an article said is kept, and so are its address, its links and its images.
    An approval that it had is void: it goes back to review, and gives its slot back. Ends with 7 when an article could
    not be optimized.

    Examples:

      igny8 content show 12
      igny8 content optimize 12 --dry-run
      igny8 content optimize 12 --yes
    """
    _improve(session, "optimization", **options)


def _improve(
    session: Session, key: str, *, numbers: tuple[int, ...], yes: bool, dry_run: bool, offline: bool, format_: str,
    at: str | None,
) -> None:  # fmt: skip
    from reconciler.operations.improve import offer

    if at is not None and not offline:
        raise UsageError("a call at another time calls no real provider", hint="add --offline, or leave --at out")
    output = session.output
    installation = session.installation(at)
    with session.database(installation) as database:
        offers = [offer(database, number, key) for number in dict.fromkeys(numbers)]
        if format_ == "text":
            _show_offers(session, offers)
        if dry_run:
            if format_ == "json":
                output.json(_answer(offers, []))
            return
        if not yes and not (session.accepts_input and is_interactive()):
            raise UsageError("there is no terminal to ask on", hint="add --yes to go on without asking")
        if not yes and not ask(f"Spend at most {counted(sum(item.credits_max for item in offers), 'credit')}?"):
            output.note("Nothing was changed.")
            return
        done = asyncio.run(_carry_out(session, installation, database, key, offers, offline))
    if format_ == "json":
        output.json(_answer(offers, done))
    else:
        _show_done(session, done)
    if len(done) < len(offers):
        raise Exit(ExitCode.INTERRUPTED)
    if any(item.reason for item in done):
        raise Exit(ExitCode.FAILED)


async def _carry_out(
    session: Session, installation: Installation, database: Database, key: str, offers: list[Offer], offline: bool
) -> list[Improved]:
    from reconciler.operations.engine import Engine
    from reconciler.operations.improve import improve
    from reconciler.operations.providers import ProviderPool
    from reconciler.operations.stopping import StopSignal
    from reconciler.operations.telemetry import traces_from_environment

    stop = StopSignal()

    def request_stop() -> None:
        if stop.is_requested:
            raise KeyboardInterrupt
        session.output.note("\nStopping after the article at hand; press Ctrl-C again to stop at once.")
        stop.request()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, request_stop)
    engine = Engine(
        database, installation.clock, ProviderPool(installation.root, offline), installation.media, stop,
        traces=traces_from_environment(),
    )  # fmt: skip
    done: list[Improved] = []
    try:
        for index, item in enumerate(offers):
            if stop.is_requested:
                break
            session.output.note(f"{index + 1} of {len(offers)}: “{shorten(item.title, 60)}” ...")
            done.append(await improve(engine, item.content_id, key))
    finally:
        await engine.pool.close()
    return done


def _show_offers(session: Session, offers: list[Offer]) -> None:
    session.output.table(
        ["NO", "SITE", "SCORE", "MODEL", "ABOUT", "AT MOST", "TITLE"],
        [
            (
                item.content_id, item.site, item.score, item.model, f"{item.credits_expected:,}", f"{item.credits_max:,}",
                shorten(item.title, 50) + ("  (its approval will be void)" if item.is_approved else ""),
            )
            for item in offers
        ],
        right=[0, 2, 4, 5],
    )  # fmt: skip
    available = {item.account: item.available for item in offers}
    for account, credits in available.items():
        session.output.data(f"{account}: {counted(credits, 'credit')} available")
    if any(item.is_published for item in offers):
        session.output.note("What is published stays as it is until it is published again.")


def _show_done(session: Session, done: list[Improved]) -> None:
    output = session.output
    for item in done:
        if item.reason:
            output.data(f"{item.content_id}: {output.style('left as it was', 'warning')}: {item.reason}")
        else:
            output.data(f"{item.content_id}: {item.summary}; score {item.score}, {item.state}")
    output.data(f"{counted(sum(item.credits for item in done), 'credit')} used")


def _answer(offers: list[Offer], done: list[Improved]) -> dict[str, Any]:
    summary = {
        "articles": len(offers), "done": sum(not item.reason for item in done),
        "credits": sum(item.credits for item in done), "credits_max": sum(item.credits_max for item in offers),
    }  # fmt: skip
    return {
        "version": 1, "summary": summary, "offers": [item.to_json() for item in offers],
        "articles": [item.to_json() for item in done],
    }  # fmt: skip
