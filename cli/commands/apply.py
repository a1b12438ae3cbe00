"""igny8 apply"""

from __future__ import annotations

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import ask, is_interactive
from cli.plan_text import plan_lines
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command()
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@click.option("--reason", default="", help="Why; kept in the history. Needed with --allow-*.")
@click.option("--allow-updates", is_flag=True, help="Allow more updates than the platform's update_limit_pct.")
@click.option("--allow-deletes", is_flag=True, help="Allow more deletes than the platform's delete_limit_pct.")
@format_option("text", "json")
@at_option
@click.pass_obj
def apply(
    session: Session, yes: bool, reason: str, allow_updates: bool, allow_deletes: bool, format_: str, at: str | None
) -> None:
    """Make the database follow the config: all of the plan in one transaction, or nothing.

    Shows the plan and asks, unless --yes is given. Without a terminal --yes is needed.

    Examples:

      igny8 apply
      igny8 apply --yes --reason "new spring sites"
    """
    from reconciler.operations.apply import apply as carry_out
    from reconciler.operations.apply import open_blocks
    from reconciler.operations.plan import plan as make

    output = session.output
    flags = [flag for flag, on in (("--allow-updates", allow_updates), ("--allow-deletes", allow_deletes)) if on]
    if flags and not reason:
        raise UsageError(f"{' and '.join(flags)} needs --reason", hint="say why; it is kept in the history")
    installation = session.installation(at)
    compilation = session.compiled(installation)
    where = f" to environment {installation.environment}" if installation.environment else ""
    with session.database(installation) as database:
        planned = make(database, compilation, installation.clock)
        if format_ == "text":
            for line in plan_lines(output, planned):
                output.data(line)
        asks = not yes and not planned.plan.is_empty and not open_blocks(planned.plan, flags)
        if asks and not (session.accepts_input and is_interactive()):
            raise UsageError("there is no terminal to ask on", hint="add --yes to apply without asking")
        if asks and not ask(f"Apply these {len(planned.plan.changes)} changes{where}?"):
            output.note("Nothing was changed.")
            raise Exit(ExitCode.OK)
        result = carry_out(
            database, compilation, planned.plan,
            clock=installation.clock, actor=installation.actor, reason=reason, allowed_flags=flags,
        )  # fmt: skip
    if format_ == "json":
        output.json(planned.to_json() | {"applied": result.generation is not None, "generation": result.generation})
        return
    for item in result.granted:
        output.data(f"Granted {item.credits:,} credits to {item.account} ({item.id}).")
    if result.generation is not None:
        output.data(output.style(f"Applied{where}: generation {result.generation}.", "good"))
