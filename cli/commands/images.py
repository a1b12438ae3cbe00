"""igny8 images"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from cli.options import at_option, format_option
from cli.output import ask, counted, is_interactive, shorten
from cli.session import Session
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.kinds.extensions import ModelChoice
    from reconciler.operations.app import Installation
    from reconciler.operations.images import Quote, Redrawn
    from reconciler.store.engine import Database


@click.group()
def images() -> None:
    """Look at the images of articles, draw one anew, and choose among those there are."""


@images.command("list")
@click.argument("number", type=int, metavar="CONTENT")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, number: int, format_: str) -> None:
    """List all images of an article, also those that another one took the place of.

    Example: igny8 images list 12
    """
    from reconciler.operations.images import list_images
    from reconciler.store.media import picture_path

    installation = session.installation()
    with session.database(installation) as database:
        found = list_images(database, number)
    paths = [str(picture_path(installation.media, row["sha256"], row["media_type"])) for row in found]
    if format_ == "json":
        rows = [{**row, "file": path} for row, path in zip(found, paths, strict=True)]
        session.output.json({"version": 1, "summary": {"content": number, "images": len(rows)}, "images": rows})
        return
    session.output.table(
        ["NO", "PLACE", "STANDS", "MADE (UTC)", "MODEL", "FILE"],
        [
            (
                row["id"],
                row["role"],
                "yes" if row["is_current"] else "no",
                f"{row['created_at']:%Y-%m-%d %H:%M}",
                row["model"],
                path,
            )
            for row, path in zip(found, paths, strict=True)
        ],
        right=[0],
    )


@images.command()
@click.argument("number", type=int, metavar="IMAGE")
@click.option("--prompt", "added", default="", metavar="TEXT", help="Added to the prompt that it was drawn from.")
@click.option("--testing", is_flag=True, help="With the Testing model.")
@click.option("--live", is_flag=True, help="With the Live model; else as the site declares.")
@click.option("-y", "--yes", is_flag=True, help="Draw it without asking.")
@click.option("--offline", is_flag=True, help="Stand in for the provider; what it makes is marked a sample.")
@format_option("text", "json")
@at_option
@click.pass_obj
def regenerate(
    session: Session, number: int, added: str, testing: bool, live: bool, yes: bool, offline: bool, format_: str,
    at: str | None,
) -> None:  # fmt: skip
    """Draw an image anew; shows the credits that it takes, and asks. The old one stays in the history.

    The article is not what was approved any more, so that it goes back to review. One that is public stays public, and
    gets the image when it is approved and published again.

    Examples:

      igny8 images regenerate 31 --live
      igny8 images regenerate 31 --prompt "without people, at dusk" --yes
    """
    from reconciler.operations.images import quote_redraw

    if at is not None and not offline:
        raise UsageError("a call at another time calls no real provider", hint="add --offline, or leave --at out")
    if testing and live:
        raise UsageError("--testing and --live are two models", hint="take one of them")
    choice: ModelChoice | None = "testing" if testing else "live" if live else None
    output = session.output
    installation = session.installation(at)
    with session.database(installation) as database:
        quote = quote_redraw(database, number, added=added, choice=choice)
        if format_ == "text":
            output.data(f"{quote.role} image of {quote.content_id} “{shorten(quote.title, 60)}” ({quote.site})")
            output.data(f"  prompt   {shorten(quote.prompt, 400)}")
            output.data(
                f"  credits  {quote.credits:,} with {quote.model}; {quote.account} has {quote.available:,} available"
            )
        if not yes and not (session.accepts_input and is_interactive()):
            raise UsageError("there is no terminal to ask on", hint="add --yes to draw it without asking")
        if not yes and not ask(f"Draw it for {counted(quote.credits, 'credit')}?"):
            output.note("Nothing was drawn.")
            return
        drawn = asyncio.run(_redraw(session, installation, database, quote, choice, offline=offline))
    if format_ == "json":
        summary = {"image": drawn.image_id, "former": drawn.former_id, "credits": drawn.credits}
        output.json({"version": 1, "summary": summary, "model": quote.model, "prompt": quote.prompt})
        return
    output.data(
        f"Image {drawn.image_id} took the place of {drawn.former_id}, for {counted(drawn.credits, 'credit')}. "
        f"`igny8 images use {drawn.former_id}` brings the old one back."
    )


async def _redraw(
    session: Session, installation: Installation, database: Database, quote: Quote, choice: ModelChoice | None, *,
    offline: bool,
) -> Redrawn:  # fmt: skip
    from cli.progress import Progress
    from reconciler.operations.engine import Engine
    from reconciler.operations.images import redraw
    from reconciler.operations.providers import ProviderPool
    from reconciler.operations.stopping import StopSignal
    from reconciler.operations.telemetry import traces_from_environment

    with Progress(session.output) as progress:
        engine = Engine(
            database, installation.clock, ProviderPool(installation.root, offline), installation.media, StopSignal(),
            progress.tell, traces=traces_from_environment(),
        )  # fmt: skip
        try:
            return await redraw(engine, quote, by=installation.actor, choice=choice)
        finally:
            await engine.pool.close()


@images.command()
@click.argument("number", type=int, metavar="IMAGE")
@at_option
@click.pass_obj
def use(session: Session, number: int, at: str | None) -> None:
    """Let an image of the history stand in its place again. Takes no credits, and an approval goes on to hold.

    Example: igny8 images use 17
    """
    from reconciler.operations.images import use_image

    installation = session.installation(at)
    with session.database(installation) as database:
        image = use_image(database, installation.media, installation.clock, number, by=installation.actor)
    session.output.data(f"Image {number} stands as {image['role']} image of {image['content_id']}.")
