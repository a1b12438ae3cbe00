"""igny8 history"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cli.exits import Exit
from cli.options import format_option
from cli.output import Output, counted
from cli.plan_formats.past import change_lines
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.store.history import Applied

_CHANGES_SHOWN = 100


@click.group(invoke_without_command=True)
@click.option("--limit", default=20, show_default=True, help="How many applies.")
@click.option("--actor", default="", metavar="NAME", help="Only applies by this actor.")
@click.option("--resource", default="", metavar="KIND/NAME", help="Only applies that changed this resource.")
@format_option("text", "json")
@click.pass_context
def history(context: click.Context, limit: int, actor: str, resource: str, format_: str) -> None:
    """Show past applies, newest first: who, when, which commit, how much.

    Examples:

      igny8 history --limit 5
      igny8 history --resource site/blog
      igny8 history show
      igny8 history verify
    """
    if context.invoked_subcommand is not None:
        return
    from reconciler.operations.history import past_applies

    session: Session = context.obj
    with session.database(session.installation()) as database:
        applies = past_applies(database, limit=limit, actor=actor, resource=resource)
    if format_ == "json":
        rows = [item.to_json() for item in applies]
        session.output.json({"version": 1, "summary": {"applies": len(rows)}, "applies": rows})
        return
    session.output.table(
        ["GEN", "AT (UTC)", "BY", "COMMIT", "CHANGES", "REASON"],
        [
            (
                item.generation,
                f"{item.at:%Y-%m-%d %H:%M}",
                item.actor,
                short_commit(item.revision),
                "+{create} ~{update} -{delete}".format(**item.plan["summary"])
                + (" (partial)" if item.plan.get("partial") else ""),
                item.reason,
            )
            for item in applies
        ],
        right=[0],
    )


def short_commit(revision: str) -> str:
    """Return a commit as people write it; what was not committed is marked."""
    return f"{revision[:7]}{'+dirty' if 'dirty' in revision else ''}" if revision else "-"


@history.command()
@click.argument("generation", metavar="[ID]", type=int, required=False)
@click.option("--resource", default="", metavar="KIND/NAME", help="Only this resource, with every field of it.")
@click.option("--changes", default=_CHANGES_SHOWN, show_default=True, help="How many changes the text shows.")
@format_option("text", "json")
@click.pass_obj
def show(session: Session, generation: int | None, resource: str, changes: int, format_: str) -> None:
    """Show one apply, the last one by default: its options, its changes with every field, its forecast.

    Examples:

      igny8 history show
      igny8 history show 12 --json
      igny8 history show 1 --resource site/blog
    """
    from reconciler.operations.history import show_apply

    limit = None if format_ == "json" else changes
    with session.database(session.installation()) as database:
        shown = show_apply(database, generation, limit=limit, resource=resource)
    if format_ == "json":
        session.output.json(shown.to_json())
        return
    output, applied = session.output, shown.applied
    _show_head(output, applied)
    for change in shown.changes:
        for line in change_lines(output, change, fields_max=None):
            output.data(line)
    total = sum(applied.plan["summary"][action] for action in ("create", "update", "delete"))
    if not resource and total > len(shown.changes):
        output.note(f"{total - len(shown.changes):,} more changes; --changes {total} shows all, or --json")
    _show_forecast(output, applied.plan)


def _show_head(output: Output, applied: Applied) -> None:
    summary = applied.plan["summary"]
    output.data(output.style(f"Generation {applied.generation}", "head"))
    rows = [
        ("at", f"{applied.at:%Y-%m-%d %H:%M:%S} UTC"),
        ("by", applied.actor),
        ("commit", applied.revision or "-"),
        ("environment", applied.plan.get("environment", "")),
        ("reason", applied.reason),
        ("options", ", ".join(f"{name}: {_shown(value)}" for name, value in applied.options.items())),
        ("config", applied.config_digest),
        ("plan", "{id}: +{create} ~{update} -{delete}".format(id=applied.plan["id"], **summary)),
        ("partial", f"{summary['left_out']:,} changes left out" if applied.plan.get("partial") else ""),
        ("overridden", "; ".join(block["message"] for block in applied.plan.get("blocks", []))),
        ("digest", applied.digest or "made before the chain"),
    ]
    for title, value in rows:
        if value:
            output.data(f"  {title:<12}{value}")
    output.data()


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _show_forecast(output: Output, plan: dict[str, Any]) -> None:
    from reconciler.money import format_usd

    before, after = plan["forecast"]["before"], plan["forecast"]["after"]
    output.data()
    output.data(f"Forecast of 30 days, then: {before['articles']:,} -> {after['articles']:,} articles")
    output.data(f"  credits  {before['credits']:,} -> {after['credits']:,}")
    output.data(f"  cost     {format_usd(before['cost_nano_usd'], 2)} -> {format_usd(after['cost_nano_usd'], 2)}")
    for account, credits in after["credits_by_account"].items():
        if credits:
            output.data(f"  account {account}: {counted(credits, 'credit')}")


@history.command()
@click.option("--head", default="", metavar="DIGEST", help="The digest of an apply that was kept elsewhere.")
@format_option("text", "json")
@click.pass_obj
def verify(session: Session, head: str, format_: str) -> None:
    """Recompute the digests of all applies; end with 7 where the history is not what was written.

    Each apply holds the digest of the one before it. Keep the head's digest outside of the database: with --head it
    proves that the history was not cut or written anew as a whole.

    Examples:

      igny8 history verify
      igny8 history verify --head "$KEPT_DIGEST"
    """
    from reconciler.operations.history import verify_history

    with session.database(session.installation()) as database:
        found = verify_history(database, expected_head=head)
    output = session.output
    if format_ == "json":
        output.json(found.to_json())
    elif found.broken is None:
        output.data(f"The history is whole: {found.applies:,} applies with {found.changes:,} changes.")
        if found.unchained:
            output.data(f"{found.unchained:,} of them were made before the chain, and are not covered by it.")
        output.data(f"head: generation {found.head_generation}, digest {found.head or '-'}")
    else:
        output.data(output.style(f"The history is broken at generation {found.broken.generation}:", "error"))
        output.data(f"  {found.broken.what}")
    if found.broken is not None:
        raise Exit(ExitCode.FAILED)


@history.group()
def quarantine() -> None:
    """Look after configs that somebody rolled back from: they are not applied again by themselves."""


@quarantine.command("list")
@click.option("--all", "with_lifted", is_flag=True, help="Also those that were lifted.")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, with_lifted: bool, format_: str) -> None:
    """Show which configs are in quarantine, by whom and why."""
    from reconciler.operations.history import quarantined

    with session.database(session.installation()) as database:
        found = quarantined(database, with_lifted=with_lifted)
    if format_ == "json":
        rows = [item.to_json() for item in found]
        session.output.json({"version": 1, "summary": {"quarantined": len(rows)}, "quarantined": rows})
        return
    session.output.table(
        ["ID", "AT (UTC)", "BY", "COMMIT", "CONFIG", "LIFTED", "REASON"],
        [
            (
                item.id,
                f"{item.at:%Y-%m-%d %H:%M}",
                item.actor,
                short_commit(item.revision),
                item.config_digest[:12],
                item.lifted_by or "-",
                item.reason,
            )
            for item in found
        ],
        right=[0],
    )


@quarantine.command()
@click.argument("number", metavar="ID", type=int)
@click.option("--reason", required=True, help="Why it may be applied again; kept.")
@click.pass_obj
def lift(session: Session, number: int, reason: str) -> None:
    """Let a config out of quarantine: the reconciler applies it again.

    Examples:

      igny8 history quarantine lift 1 --reason "the provider mended it"
    """
    from reconciler.operations.history import lift as let_out

    installation = session.installation()
    with session.database(installation) as database:
        let_out(database, number, actor=installation.actor, reason=reason, clock=installation.clock)
    session.output.data(f"Lifted {number}.")
