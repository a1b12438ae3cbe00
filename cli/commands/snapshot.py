"""igny8 snapshot"""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import at_option, seconds_of
from cli.output import counted
from cli.session import Session
from reconciler.errors import UsageError


@click.command()
@click.option(
    "-o", "--out", metavar="FILE", help="Where to; compressed when it ends with .gz, `-` for standard output."
)
@click.option("--key", is_flag=True, help="Print the public key that snapshots of this database are checked with.")
@click.option(
    "--good-for", metavar="TIME", default="7d", show_default=True, help="The age from which it is refused: 12h, 7d."
)
@at_option
@click.pass_obj
def snapshot(session: Session, out: str | None, key: bool, good_for: str, at: str | None) -> None:
    """Write what a plan needs of the actual state to a file: redacted, and signed by this installation.

    `igny8 plan --against FILE` plans from it with no database and no secrets, and tells the same as with the database.
    It holds the resources as applied and as they are, holds, work in flight, scheduled articles with their titles,
    balances, and which grants were posted: no articles, no prompts sent, no credentials.

    Examples:

      igny8 snapshot -o snapshot.json.gz
      igny8 snapshot --key
    """
    from datetime import timedelta

    from reconciler.operations.snapshot import encode_snapshot, public_key, take_snapshot, write_snapshot

    if (out is None) != key:
        raise UsageError("say what to write", hint="-o FILE for a snapshot, or --key for the key that checks it")
    lifetime = timedelta(seconds=seconds_of(good_for, "--good-for"))
    installation = session.installation(at)
    with session.database(installation) as database:
        if out is None:
            session.output.data(public_key(database))
            return
        taken = take_snapshot(database, installation.clock, lifetime=lifetime)
        data = encode_snapshot(database, taken)
    if out == "-":
        session.output.data(data.decode().removesuffix("\n"))
        return
    write_snapshot(Path(out), data)
    session.output.note(
        f"Wrote {out}: generation {taken.generation}, {counted(len(taken.resources), 'resource')}, good until "
        f"{taken.expires_at:%Y-%m-%d %H:%M} UTC."
    )
