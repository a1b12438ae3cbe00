"""igny8 credits"""

from __future__ import annotations

import click

from cli.exits import Exit
from cli.options import format_option
from cli.session import Session
from reconciler.errors import ExitCode


@click.group()
def credits() -> None:
    """Show balances, give credits, verify the ledger."""


@credits.command()
@click.argument("account", required=False)
@format_option("text", "json")
@click.pass_obj
def balance(session: Session, account: str | None, format_: str) -> None:
    """Show what an account, or every account, was given, has spent, holds and has available."""
    from reconciler.operations.credits import balances

    installation = session.installation()
    with session.database(installation) as database:
        found = balances(database, account)
    if format_ == "json":
        rows = [item.to_json() for item in found]
        total = sum(item.balance.available for item in found)
        session.output.json({"version": 1, "summary": {"accounts": len(rows), "available": total}, "accounts": rows})
        return
    session.output.table(
        ["ACCOUNT", "GRANTED", "SPENT", "HELD", "AVAILABLE"],
        [
            (item.account, *(f"{n:,}" for n in (b.granted, b.spent, b.held, b.available)))
            for item in found
            for b in (item.balance,)
        ],
        right=[1, 2, 3, 4],
    )


@credits.command()
@click.argument("account")
@click.argument("amount", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why; kept in the ledger.")
@click.option("--key", default="", help="Makes it once: the same key gives nothing a second time.")
@format_option("text", "json")
@click.pass_obj
def grant(session: Session, account: str, amount: int, reason: str, key: str, format_: str) -> None:
    """Give credits to an account.

    Example: igny8 credits grant northbeam-media 500 --reason "goodwill, ticket 4711" --key ticket-4711
    """
    from reconciler.operations.credits import grant_credits

    installation = session.installation()
    with session.database(installation) as database:
        is_new, after = grant_credits(
            database, installation.clock, account, amount, reason=reason, actor=installation.actor, key=key
        )
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"granted": is_new, "available": after.available}})
        return
    verb = f"Granted {amount:,} credits to {account}" if is_new else f"The key {key} was used before; nothing was given"
    session.output.data(f"{verb}. Available: {after.available:,}")


@credits.command()
@format_option("text", "json")
@click.pass_obj
def verify(session: Session, format_: str) -> None:
    """Recompute every balance from its postings and check the ledger's laws. Ends with 7 when one is broken."""
    from reconciler.operations.credits import verify as find

    installation = session.installation()
    with session.database(installation) as database:
        breaks = find(database)
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"breaks": len(breaks)}, "breaks": list(breaks)})
    else:
        for line in breaks or ("Every law of the ledger holds.",):
            session.output.data(line)
    if breaks:
        raise Exit(ExitCode.FAILED)
