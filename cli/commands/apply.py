"""igny8 apply"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cli.allow_options import allow_options
from cli.exits import Exit
from cli.options import at_option, format_option, in_flight_option, seconds_of
from cli.output import ask, counted, is_interactive
from cli.plan_formats import plan_lines
from cli.plan_options import selection_options
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from cli.output import Output
    from reconciler.config.compilation import Compilation
    from reconciler.operations.app import Installation
    from reconciler.operations.apply import ApplyResult
    from reconciler.operations.apply_parts import PartsResult
    from reconciler.operations.plan import Planned
    from reconciler.operations.saved_plan import SavedPlan
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
@click.option(
    "--keep-going", is_flag=True, help="One transaction an account: what fails for one does not keep the others back."
)
@format_option("text", "json")
@in_flight_option
@at_option
@click.pass_obj
def apply(
    session: Session, file: Path | None, yes: bool, reason: str, flags: list[str], lock_timeout: str,
    targets: tuple[str, ...], excludes: tuple[str, ...], keep_going: bool, format_: str, in_flight: Handling,
    at: str | None,
) -> None:  # fmt: skip
    """Make the database follow the config: all of the plan in one transaction, or nothing.

    With --keep-going what accounts share is applied first, then each account with its sites, and last what is shared
    and goes away: each in a transaction and a generation of its own. What fails is told, and the exit code is 7.

    Shows the plan and asks, unless --yes is given. Without a terminal --yes is needed. With --target or --exclude a part
    of the plan is applied, and the history says so. With FILE, a plan that `igny8 plan -o FILE` saved, exactly that plan
    is carried out, once, without asking: it was reviewed. A file that is stale, used, expired, changed or another
    database's is refused with exit code 5. One that was made against a snapshot carries no signature, so that it asks.

    Examples:

      igny8 apply
      igny8 apply --yes --reason "new spring sites"
      igny8 plan -o reviewed.plan && igny8 apply reviewed.plan
      igny8 apply --target site/blog
      igny8 apply --keep-going --yes
      igny8 apply --in-flight drain
    """
    from reconciler.operations.apply import apply as carry_out
    from reconciler.operations.apply import check_overrides, open_blocks
    from reconciler.operations.apply_parts import apply_parts
    from reconciler.operations.plan import plan as make
    from reconciler.operations.saved_plan import check_same_plan
    from reconciler.plan.observed import PlanOptions
    from reconciler.plan.selection import Selection

    output = session.output
    check_overrides(flags, reason)
    selection = Selection(targets, excludes)
    if file and not selection.is_everything:
        raise UsageError("a saved plan has its selection", hint="give --target and --exclude to `igny8 plan -o FILE`")
    installation = session.installation(at)
    wait_seconds = seconds_of(lock_timeout, "--lock-timeout")
    saved, compilation = _read(session, installation, file, in_flight)
    options = saved.options if saved else PlanOptions(selection=selection, in_flight=in_flight)
    where = f" to environment {installation.environment}" if installation.environment else ""
    with session.database(installation) as database:
        planned = make(database, compilation, installation.clock, options=options)
        if saved is not None:
            check_same_plan(saved, planned.plan)
        if format_ == "text":
            for line in plan_lines("text", planned, output=output):
                output.data(line)
        asks = not yes and not (saved and saved.signed) and not planned.plan.is_empty
        if asks and (keep_going or not open_blocks(planned.plan, flags)):
            _ask(session, planned, flags, where)
        order: dict[str, Any] = {
            "clock": installation.clock, "actor": installation.actor, "reason": reason, "allowed_flags": flags,
            "options": options, "saved": saved, "lock_timeout": wait_seconds, "tell": output.note,
        }  # fmt: skip
        if keep_going and not planned.plan.is_empty:
            _tell_parts(output, planned, apply_parts(database, compilation, planned.plan, **order), format_)
            return
        result = carry_out(database, compilation, planned.plan, **order)
    if format_ == "json":
        output.json(planned.to_json() | {"applied": result.generation is not None, "generation": result.generation})
        return
    _tell_grants(output, result)
    if result.generation is not None:
        output.data(output.style(f"Applied{where}: generation {result.generation}.", "good"))


def _read(
    session: Session, installation: Installation, file: Path | None, in_flight: Handling
) -> tuple[SavedPlan | None, Compilation]:
    """Return the saved plan, if there is a file, and the config, which has to be the one that it was made of."""
    from reconciler.operations.saved_plan import check_same_config, read_plan

    if file is None:
        return None, session.compiled(installation)
    with session.database(installation) as database:
        saved = read_plan(file, database, clock=installation.clock)
    compilation = session.compiled(installation)
    check_same_config(saved, compilation)
    if in_flight.is_asked and in_flight != saved.options.in_flight:
        raise UsageError("--in-flight is part of the saved plan", hint="give it to `igny8 plan -o FILE`")
    return saved, compilation


def _ask(session: Session, planned: Planned, flags: list[str], where: str) -> None:
    """End the command unless a person on a terminal agrees; nobody is asked about what could not be applied now."""
    from reconciler.operations.apply import check_window
    from reconciler.plan.guards import OVERRIDE_WINDOW

    if OVERRIDE_WINDOW not in flags:
        check_window(planned.plan)
    if not (session.accepts_input and is_interactive()):
        raise UsageError("there is no terminal to ask on", hint="add --yes to apply without asking")
    number = len(planned.plan.changes)
    if not ask(f"Apply {'this' if number == 1 else 'these'} {counted(number, 'change')}{where}?"):
        session.output.note("Nothing was changed.")
        raise Exit(ExitCode.OK)


def _tell_grants(output: Output, result: ApplyResult) -> None:
    for item in result.granted:
        output.data(f"Granted {item.credits:,} credits to {item.account} ({item.id}).")


def _tell_parts(output: Output, planned: Planned, result: PartsResult, format_: str) -> None:
    """Tell what became of each part, and end with the code for that."""
    generations = result.generations
    if format_ == "json":
        end = {"applied": result.is_complete, "generation": generations[-1] if generations else None}
        output.json(planned.to_json() | end | {"parts": [item.to_json() for item in result.parts]})
    else:
        width = max(len(item.part.name) for item in result.parts)
        for item in result.parts:
            if item.applied:
                _tell_grants(output, item.applied)
            style = "good" if item.applied else "bad"
            told = f"generation {item.applied.generation}" if item.applied else item.reason
            count = counted(len(item.part.refs), "change")
            output.data(f"{item.part.name:<{width}}  {count:>13}  {output.style(item.outcome, style)}: {told}")
            if item.hint:
                output.data(f"{'':<{width}}  {'':>13}  {item.hint}")
        done = sum(item.applied is not None for item in result.parts)
        verdict = f"Applied {done} of {len(result.parts)} parts."
        if result.is_complete:
            output.data(output.style(verdict, "good"))
        else:
            output.data(output.style(f"{verdict} The rest is as it was: run `igny8 plan` to see it.", "bad"))
    if result.interrupted:
        raise Exit(ExitCode.INTERRUPTED)
    if not result.is_complete:
        raise Exit(ExitCode.FAILED)
