"""igny8 lock"""

from __future__ import annotations

import click

from cli.options import format_option
from cli.output import ask, is_interactive
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.group()
def lock() -> None:
    """See who holds which lock, and take one from a holder that is gone."""


@lock.command("list")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, format_: str) -> None:
    """Show the locks that are held: of applies, of the reconciler, of publishing.

    Examples:

      igny8 lock list
    """
    from reconciler.operations.worker import is_gone
    from reconciler.store.locks import list_leases

    installation = session.installation()
    now = installation.clock.now()
    with session.database(installation, may_create=False) as database, database.read() as connection:
        held = [item for item in list_leases(connection) if item.is_held(now)]
    if format_ == "json":
        rows = [
            {
                "name": item.name,
                "owner": item.owner,
                "purpose": item.purpose,
                "fence": item.fence,
                "acquired_at": item.acquired_at,
                "heartbeat_at": item.heartbeat_at,
                "until": item.until,
                "is_gone": is_gone(item.owner),
            }
            for item in held
        ]
        session.output.json({"version": 1, "summary": {"held": len(rows)}, "locks": rows})
        return
    if not held:
        session.output.data("No lock is held.")
        return
    session.output.table(
        ["LOCK", "HELD BY", "FOR", "LAST SEEN (UTC)", "UNTIL (UTC)"],
        [
            (
                item.name,
                f"{item.owner}{' (gone)' if is_gone(item.owner) else ''}",
                item.purpose or "-",
                f"{item.heartbeat_at:%Y-%m-%d %H:%M:%S}" if item.heartbeat_at else "-",
                f"{item.until:%Y-%m-%d %H:%M:%S}",
            )
            for item in held
        ],
    )


@lock.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Release without asking.")
@click.pass_obj
def release(session: Session, name: str, yes: bool) -> None:
    """Take a lock from its holder. What the holder still writes under it is refused.

    A lock runs out by itself when its holder is gone; this is for those who cannot wait.

    Examples:

      igny8 lock release apply
    """
    from cli.exits import Exit
    from reconciler.config.suggest import did_you_mean
    from reconciler.store.locks import force_release, list_leases

    installation = session.installation()
    now = installation.clock.now()
    with session.database(installation, may_create=False) as database:
        with database.read() as connection:
            held = {item.name: item for item in list_leases(connection) if item.is_held(now)}
        if name not in held:
            known = f"held are {', '.join(sorted(held))}" if held else "none is held"
            raise UsageError(f"no lock {name!r} is held", hint=f"{did_you_mean(name, held)} {known}".strip())
        if not yes:
            if not (session.accepts_input and is_interactive()):
                raise UsageError("there is no terminal to ask on", hint="add --yes to release without asking")
            if not ask(f"Take the lock {name} from {held[name].owner}?"):
                session.output.note("Nothing was changed.")
                raise Exit(ExitCode.OK)
        with database.write() as connection:
            force_release(connection, name)
    session.output.data(f"Released {name}; {held[name].owner} had it.")
