"""igny8 plan"""

from __future__ import annotations

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.plan_text import plan_lines
from cli.session import Session
from reconciler.errors import ExitCode


@click.command()
@format_option("text", "json")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@at_option
@click.pass_obj
def plan(session: Session, format_: str, detailed_exitcode: bool, at: str | None) -> None:
    """Show what an apply would change: resources, credits and cost per 30 days, articles that move.

    Writes nothing. Ends with 4 when a guard would forbid the apply.

    Examples:

      igny8 plan
      igny8 plan --detailed-exitcode --json
    """
    from reconciler.operations.plan import plan as make

    installation = session.installation(at)
    compilation = session.compiled(installation)
    with session.database(installation, may_create=False) as database:
        planned = make(database, compilation, installation.clock)
    if format_ == "json":
        session.output.json(planned.to_json())
    else:
        for line in plan_lines(session.output, planned):
            session.output.data(line)
    if planned.plan.blocks:
        raise Exit(ExitCode.BLOCKED)
    if detailed_exitcode and not planned.plan.is_empty:
        raise Exit(ExitCode.CHANGES)
