"""igny8 credits"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option, site_option
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.credits import AccountBalance
    from reconciler.store.lots import Terms


@click.group(epilog="Examples: igny8 credits balance acme · igny8 credits statement acme --month 2026-11")
def credits() -> None:
    """Show balances, give and refund credits, make statements, verify the ledger."""


@credits.command()
@click.argument("account", required=False)
@at_option
@format_option("text", "json")
@click.pass_obj
def balance(session: Session, account: str | None, at: str | None, format_: str) -> None:
    """Show what an account, or every account, was given, has spent, holds and has available.

    With ACCOUNT also each grant that has credits left, in the order in which they are used, and when it expires.

    Examples:

      igny8 credits balance
      igny8 credits balance northbeam-media
    """
    from reconciler.operations.credits import balances

    installation = session.installation(at)
    with session.database(installation) as database:
        found = balances(database, installation.clock, account)
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
    if account is not None:
        _show_grants(session, found[0])


def _show_grants(session: Session, item: AccountBalance) -> None:
    if item.balance.is_suspended:
        session.output.note("The account is suspended: it holds nothing new.")
    if not item.lots:
        return
    session.output.data()
    session.output.table(
        ["GRANT", "SOURCE", "TURN", "GRANTED", "HELD", "AVAILABLE", "COUNTS", "EXPIRES (UTC)"],
        [
            (
                lot.key, lot.source, lot.priority, f"{lot.credits:,}", f"{lot.held:,}", f"{lot.available:,}",
                f"from {lot.effective_at:%Y-%m-%d}" if lot.upcoming and lot.effective_at else "now",
                f"{lot.expires_at:%Y-%m-%d %H:%M}" if lot.expires_at else "never",
            )
            for lot in item.lots
        ],
        right=[2, 3, 4, 5],
    )  # fmt: skip


@credits.command()
@click.argument("account")
@click.argument("amount", type=click.IntRange(min=1), required=False)
@click.option("--package", metavar="NAME", help="A credit package of tiers.yaml that was bought.")
@click.option("--payment-ref", metavar="REF", help="The payment of the package; the same one gives nothing twice.")
@click.option("--reason", default="", help="Why; kept in the ledger.")
@click.option("--key", default="", help="Makes it once: the same key gives nothing a second time.")
@click.option("--priority", type=click.IntRange(0, 100), help="Its turn: lower is used first.  [default: 50]")
@click.option("--effective-on", metavar="DAY", help="Counts from this day on (UTC).")
@click.option("--expires-on", metavar="DAY", help="Counts up to the end of this day (UTC).")
@at_option
@format_option("text", "json")
@click.pass_obj
def grant(
    session: Session, account: str, amount: int | None, package: str | None, payment_ref: str | None, reason: str,
    key: str, priority: int | None, effective_on: str | None, expires_on: str | None, at: str | None, format_: str,
) -> None:  # fmt: skip
    """Give credits to an account: an AMOUNT with a reason, or a package that was paid for.

    Examples:

      igny8 credits grant northbeam-media 500 --reason "goodwill, ticket 4711" --key ticket-4711
      igny8 credits grant northbeam-media 200 --reason "spring offer" --expires-on 2027-03-31
      igny8 credits grant northbeam-media --package starter-500 --payment-ref inv-2026-117
    """
    from reconciler.operations.credits import Purchase, grant_credits, grant_package
    from reconciler.store.lots import Terms

    installation = session.installation(at)
    terms = _terms(priority, effective_on, expires_on)
    if package is not None:
        if amount is not None or payment_ref is None or key or terms != Terms():
            raise UsageError(
                "a package is given with its payment, and nothing else",
                hint="igny8 credits grant ACCOUNT --package NAME --payment-ref REF",
            )
        with session.database(installation) as database:
            is_new, amount, after = grant_package(
                database, installation.clock, account, Purchase(package, payment_ref), reason=reason,
                actor=installation.actor,
            )  # fmt: skip
        used = f"The payment {payment_ref}"
    else:
        if amount is None or not reason or payment_ref is not None:
            raise UsageError("a grant needs an amount and a reason", hint="AMOUNT --reason, or --package --payment-ref")
        with session.database(installation) as database:
            is_new, after = grant_credits(
                database, installation.clock, account, amount, reason=reason, actor=installation.actor, key=key,
                terms=terms,
            )  # fmt: skip
        used = f"The key {key}"
    if format_ == "json":
        session.output.json({"version": 1, "summary": {"granted": is_new, "available": after.available}})
        return
    verb = f"Granted {amount:,} credits to {account}" if is_new else f"{used} was used before; nothing was given"
    session.output.data(f"{verb}. Available: {after.available:,}")


def _terms(priority: int | None, effective_on: str | None, expires_on: str | None) -> Terms:
    from reconciler.operations.grants import day_end, day_start
    from reconciler.store.lots import Terms

    for day in (effective_on, expires_on):
        try:
            date.fromisoformat(day or "2026-01-01")
        except ValueError as error:
            raise UsageError(f"{day!r} is no day", hint="write it as 2027-03-31") from error
    return Terms("manual", "", priority, day_start(effective_on), day_end(expires_on))


@credits.command()
@click.option("--usage", "usage_id", type=int, metavar="ID", help="The usage line of the charge.")
@click.option("--attempt", "attempt_id", metavar="ID", help="The attempt that was charged.")
@click.option("--hold", "hold_id", metavar="ID", help="The hold that was settled.")
@click.option(
    "--credits", "amount", type=click.IntRange(min=1), help="A part; otherwise all that is left of the charge."
)
@click.option("--reason", required=True, help="Why; kept in the ledger.")
@click.option("--key", default="", help="Makes it once: the same key refunds nothing a second time.")
@at_option
@format_option("text", "json")
@click.pass_obj
def refund(
    session: Session, usage_id: int | None, attempt_id: str | None, hold_id: str | None, amount: int | None,
    reason: str, key: str, at: str | None, format_: str,
) -> None:  # fmt: skip
    """Give back what a call was charged, or a part of it; never more than the charge. Ends with 4 when it is more.

    Example: igny8 credits refund --usage 117 --reason "article was in the wrong language" --key ticket-4712
    """
    from reconciler.operations.credits import refund_credits

    installation = session.installation(at)
    with session.database(installation) as database:
        done, after = refund_credits(
            database, installation.clock, usage_id=usage_id, attempt_id=attempt_id, hold_id=hold_id, credits=amount,
            reason=reason, actor=installation.actor, key=key,
        )  # fmt: skip
    if format_ == "json":
        summary = {
            "refunded": done.credits if done.is_new else 0, "expired": done.expired, "left": done.left,
            "available": after.available,
        }  # fmt: skip
        session.output.json({"version": 1, "summary": summary, "account": done.account})
        return
    if done.is_new:
        session.output.data(
            f"Refunded {counted(done.credits, 'credit')} to {done.account}. Available: {after.available:,}"
        )
    else:
        session.output.data(f"The key {key} was used before; nothing was refunded. Available: {after.available:,}")
    if done.expired:
        session.output.note(
            f"{counted(done.expired, 'credit')} came from a grant that has expired, and expired with it; "
            "`igny8 credits grant` gives new ones."
        )


@credits.command()
@click.argument("account")
@click.option("--month", metavar="YYYY-MM", help="Which month (UTC).  [default: the current one]")
@at_option
@format_option("text", "csv", "json", "html")
@click.pass_obj
def statement(session: Session, account: str, month: str | None, at: str | None, format_: str) -> None:
    """Show an account's month: opening balance, grants, charges, refunds, expired credits, closing balance.

    The HTML is one page without references to anything else, made to be printed.

    Examples:

      igny8 credits statement northbeam-media
      igny8 credits statement northbeam-media --month 2026-11 --format html > statement.html
    """
    from reconciler.operations.credits import statement as make
    from reconciler.reports.rendering import find_renderer
    from reconciler.reports.rendering.cells import row_texts, total_texts
    from reconciler.reports.statement import statement_table
    from reconciler.reports.table import Reports

    installation = session.installation(at)
    with session.database(installation) as database:
        found = make(database, installation.clock, account, month)
    table = statement_table(found)
    if format_ == "json":
        session.output.json(
            {"version": 1, "summary": found.summary(), "lines": [line.to_json() for line in found.lines]}
        )
    elif format_ == "text":
        numbers = [index for index, column in enumerate(table.columns) if column.is_number]
        rows = [row_texts(table, row) for row in table.rows]
        session.output.data(session.output.style(table.title, "head"))
        session.output.table(
            [column.title.upper() for column in table.columns], [*rows, total_texts(table)], right=numbers
        )
    else:
        renderer = find_renderer(format_)
        assert renderer is not None
        heading = f"Statement · account {account} · {found.month}"
        reports = Reports(heading, installation.clock.now(), (table,))
        session.output.data(renderer.render(reports).rstrip("\n"))


@credits.command()
@click.option("--account", metavar="NAME", help="Only this account.")
@site_option
@format_option("text", "json")
@click.pass_obj
def holds(session: Session, account: str | None, site: str | None, format_: str) -> None:
    """Show credits that are held for calls, what they wait for, and when they are released at the latest.

    Example: igny8 credits holds --account northbeam-media
    """
    from reconciler.operations.credits import list_holds

    installation = session.installation()
    with session.database(installation) as database:
        found = list_holds(database, account=account, site=site)
    if format_ == "json":
        summary = {"holds": len(found), "credits": sum(hold.credits for hold in found)}
        session.output.json({"version": 1, "summary": summary, "holds": [hold.to_json() for hold in found]})
        return
    if not found:
        session.output.data("No credits are held.")
        return
    session.output.table(
        ["ACCOUNT", "SITE", "STAGE", "RUN", "CREDITS", "WAITS FOR", "SINCE (UTC)", "EXPIRES (UTC)", "HOLD"],
        [
            (
                hold.account, hold.site, hold.stage, f"{hold.run_id} ({hold.run_state})", f"{hold.credits:,}",
                hold.waits_for, f"{hold.created_at:%Y-%m-%d %H:%M:%S}", f"{hold.expires_at:%Y-%m-%d %H:%M:%S}", hold.id,
            )
            for hold in found
        ],
        right=[4],
    )  # fmt: skip


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
