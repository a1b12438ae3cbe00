"""igny8 apply"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.allow_options import allow_options
from cli.exits import Exit
from cli.options import at_option, format_option, in_flight_option, seconds_of
from cli.output import ask, is_interactive
from cli.plan_formats import plan_lines
from cli.plan_options import selection_options
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.plan.in_flight import Handling


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("-y", "--yes", is_flag=True, help="Apply without asking.")
@click.option("--reason", default="", help="Why; kept in the history. Needed with flags that override a guard.")
@allow_options
@click.option(
    "--lock-timeout", metavar="TIME", default="0s", show_default=True, help="Wait this long for another apply: 90s, 5m."
)
@selection_options
@format_option("text", "json")
@in_flight_option
@at_option
@click.pass_obj
def apply(
    session: Session, file: Path | None, yes: bool, reason: str, flags: list[str], lock_timeout: str,
    targets: tuple[str, ...], excludes: tuple[str, ...], format_: str, in_flight: Handling, at: str | None,
) -> None:  # fmt: skip
    """Make the database follow the config: all of the plan in one transaction, or nothing.

    Shows the plan and asks, unless --yes is given. Without a terminal --yes is needed. With --target or --exclude a part
    of the plan is applied, and the history says so. With FILE, a plan that `igny8 plan -o FILE` saved, exactly that plan
    is carried out, once, without asking: it was reviewed. A file that is stale, used, expired, changed or another
    database's is refused with exit code 5.

    Examples:

      igny8 apply
      igny8 apply --yes --reason "new spring sites"
      igny8 plan -o reviewed.plan && igny8 apply reviewed.plan
      igny8 apply --target site/blog
      igny8 apply --in-flight drain
    """
    from reconciler.operations.apply import apply as carry_out
    from reconciler.operations.apply import check_overrides, check_window, open_blocks
    from reconciler.operations.plan import plan as make
    from reconciler.operations.saved_plan import check_same_config, read_plan
    from reconciler.plan.guards import OVERRIDE_WINDOW
    from reconciler.plan.observed import PlanOptions
    from reconciler.plan.selection import Selection

    output = session.output
    check_overrides(flags, reason)
    selection = Selection(targets, excludes)
    if file and not selection.is_everything:
        raise UsageError("a saved plan has its selection", hint="give --target and --exclude to `igny8 plan -o FILE`")
    installation = session.installation(at)
    wait_seconds = seconds_of(lock_timeout, "--lock-timeout")
    saved = None
    if file is not None:
        with session.database(installation) as database:
            saved = read_plan(file, database, clock=installation.clock)
    compilation = session.compiled(installation)
    if saved is not None:
        check_same_config(saved, compilation)
        if in_flight.is_asked and in_flight != saved.options.in_flight:
            raise UsageError("--in-flight is part of the saved plan", hint="give it to `igny8 plan -o FILE`")
    options = saved.options if saved else PlanOptions(selection=selection, in_flight=in_flight)
    where = f" to environment {installation.environment}" if installation.environment else ""
    with session.database(installation) as database:
        planned = make(database, compilation, installation.clock, options=options)
        if format_ == "text":
            for line in plan_lines("text", planned, output=output):
                output.data(line)
        asks = not yes and saved is None and not planned.plan.is_empty and not open_blocks(planned.plan, flags)
        if asks and OVERRIDE_WINDOW not in flags:
            check_window(planned.plan)
        if asks and not (session.accepts_input and is_interactive()):
            raise UsageError("there is no terminal to ask on", hint="add --yes to apply without asking")
        if asks and not ask(f"Apply these {len(planned.plan.changes)} changes{where}?"):
            output.note("Nothing was changed.")
            raise Exit(ExitCode.OK)
        result = carry_out(
            database, compilation, planned.plan,
            clock=installation.clock, actor=installation.actor, reason=reason, allowed_flags=flags,
            options=options, saved=saved, lock_timeout=wait_seconds, tell=output.note,
        )  # fmt: skip
    if format_ == "json":
        output.json(planned.to_json() | {"applied": result.generation is not None, "generation": result.generation})
        return
    for item in result.granted:
        output.data(f"Granted {item.credits:,} credits to {item.account} ({item.id}).")
    if result.generation is not None:
        output.data(output.style(f"Applied{where}: generation {result.generation}.", "good"))
