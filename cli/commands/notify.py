"""igny8 notify"""

from __future__ import annotations

from typing import Any

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import shorten
from cli.session import Session
from reconciler.errors import ExitCode


@click.group()
def notify() -> None:
    """Tell people and programs outside what happened: the channels of `notifications` in platform.yaml."""


@notify.command()
@click.option("--channel", "channels", metavar="NAME", multiple=True, help="Only this channel. Repeatable.")
@click.option("--retry-dead", is_flag=True, help="Also try again what was given up.")
@format_option("text", "json")
@at_option
@click.pass_obj
def flush(session: Session, channels: tuple[str, ...], retry_dead: bool, format_: str, at: str | None) -> None:
    """Send now what is waiting. The reconciler does this by itself, in every pass.

    Each message is sent at least once, under an id that stays the same. What is not taken is sent again after 30
    seconds, then at growing intervals, seven times in nine hours; then it is dead. Ends with 7 when something was not
    taken.

    Examples:

      igny8 notify flush
      igny8 notify flush --channel ops --retry-dead
    """
    from reconciler.operations.notify import deliver_due

    installation = session.installation(at)
    with session.database(installation) as database:
        told = deliver_due(installation, database, channels=channels, retry_dead=retry_dead)
    failed = [item for item in told if item.error]
    if format_ == "json":
        summary = {"delivered": len(told) - len(failed), "failed": len(failed)}
        session.output.json({"version": 1, "summary": summary, "messages": [item.to_json() for item in told]})
    elif not told:
        session.output.data("Nothing is waiting.")
    else:
        session.output.data(f"Delivered {len(told) - len(failed)}, failed {len(failed)}.")
        for item in failed:
            end = "given up" if item.is_dead else "tried again later"
            session.output.data(f"  {item.channel}: {item.event}: {item.error} ({end})")
    if failed:
        raise Exit(ExitCode.FAILED)


@notify.command("list")
@click.option("--channel", "channels", metavar="NAME", multiple=True, help="Only this channel. Repeatable.")
@click.option(
    "--state", "states", type=click.Choice(["pending", "sending", "delivered", "dead"]), multiple=True,
    help="Only messages in this state. Repeatable.",
)  # fmt: skip
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json")
@click.pass_obj
def list_(
    session: Session, channels: tuple[str, ...], states: tuple[str, ...], limit: int, offset: int, format_: str
) -> None:
    """Show messages to channels, newest first: delivered or not, how often tried, when next, and why not.

    Examples:

      igny8 notify list
      igny8 notify list --state dead --json
    """
    from reconciler.operations.notify import read_messages

    installation = session.installation()
    with session.database(installation, may_create=False) as database:
        rows, total, counts = read_messages(database, states=states, channels=channels, limit=limit, offset=offset)
    if format_ == "json":
        summary = {"total": total, "shown": len(rows), "states": counts}
        session.output.json({"version": 1, "summary": summary, "messages": list(rows)})
        return
    if not rows:
        session.output.data("There are no messages.")
        return
    session.output.table(
        ["AT (UTC)", "CHANNEL", "EVENT", "STATE", "TRIES", "NEXT TRY", "TEXT", "WHY NOT"],
        [_cells(row) for row in rows],
        right=[4],
    )
    if total > len(rows):
        session.output.note(f"{len(rows)} of {total}; use --limit and --offset for more")


def _cells(row: Any) -> tuple[str, ...]:
    again = f"{row['due_at']:%Y-%m-%d %H:%M:%S}" if row["state"] == "pending" else "-"
    return (
        f"{row['created_at']:%Y-%m-%d %H:%M:%S}", row["channel"], row["event"], row["state"], str(row["attempts"]), again,
        shorten(row["text"], 50), shorten(row["error"], 70) or "-",
    )  # fmt: skip


@notify.command()
@click.argument("channel")
@format_option("text", "json")
@click.pass_obj
def test(session: Session, channel: str, format_: str) -> None:
    """Send one test message to a channel, as the config declares it now. Ends with 8 when it was not taken.

    Examples:

      igny8 notify test ops
    """
    from reconciler.notifiers.port import Delivery
    from reconciler.operations.notify import send_test

    installation = session.installation()
    end = send_test(installation, session.compiled(installation), channel)
    note = end.note if isinstance(end, Delivery) else end.message
    delivered = isinstance(end, Delivery)
    if format_ == "json":
        answer = {"version": 1, "summary": {"delivered": delivered}, "channel": channel, "note": note}
        session.output.json(answer)
    elif delivered:
        session.output.data(f"Delivered to {channel}{f'; {note}' if note else ''}.")
    else:
        session.output.error(f"{channel}: {note}")
    if not delivered:
        raise Exit(ExitCode.UNREACHABLE)
