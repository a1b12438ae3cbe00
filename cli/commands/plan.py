"""igny8 plan"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option, in_flight_option, seconds_of
from cli.plan_formats import FORMATS, plan_lines
from cli.plan_options import classes_named, selection_options
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.plan.in_flight import Handling


@click.command()
@format_option(*(item.name for item in FORMATS))
@click.option(
    "--summary", is_flag=True, help="Tell verdict, counts, causes and money, and nothing of single resources."
)
@selection_options
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when there are changes.")
@click.option(
    "--fail-on", "fail_on", metavar="CLASS,...", multiple=True,
    help="End with 2 when there are such changes: pending, drift, conflict, delete.",
)  # fmt: skip
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Save the plan, to be applied as it was reviewed.")
@click.option(
    "--expires-in", metavar="TIME", default="24h", show_default=True, help="How long a saved plan is good: 1h."
)
@in_flight_option
@at_option
@click.pass_obj
def plan(
    session: Session, format_: str, summary: bool, targets: tuple[str, ...], excludes: tuple[str, ...],
    detailed_exitcode: bool, fail_on: tuple[str, ...], out: Path | None, expires_in: str, in_flight: Handling,
    at: str | None,
) -> None:  # fmt: skip
    """Show what an apply would change: resources, credits and cost per 30 days, items in flight, articles that move.

    Writes nothing but the file of -o. Ends with 4 when a guard would forbid the apply, whatever it is to fail on.

    Examples:

      igny8 plan
      igny8 plan --summary
      igny8 plan --target 'site/acme-*' --exclude site/acme-shop
      igny8 plan --format markdown > comment.md
      igny8 plan --fail-on drift,conflict
      igny8 plan --detailed-exitcode --json
      igny8 plan -o reviewed.plan     then: igny8 apply reviewed.plan
      igny8 plan --in-flight requeue-from:content
    """
    from datetime import timedelta

    from reconciler.operations.plan import plan as make
    from reconciler.operations.saved_plan import save_plan
    from reconciler.plan.classes import CLASSES, present_classes
    from reconciler.plan.observed import PlanOptions
    from reconciler.plan.selection import Selection

    lifetime = seconds_of(expires_in, "--expires-in")

    failing = classes_named(fail_on, CLASSES)
    options = PlanOptions(selection=Selection(targets, excludes), in_flight=in_flight)
    installation = session.installation(at)
    compilation = session.compiled(installation)
    with session.database(installation, may_create=out is not None) as database:
        planned = make(database, compilation, installation.clock, options=options)
        if out is not None:
            expires_at = save_plan(
                out, database, planned, options, clock=installation.clock, lifetime=timedelta(seconds=lifetime)
            )
            session.output.note(f"Saved to {out}, good until {expires_at:%Y-%m-%d %H:%M} UTC: igny8 apply {out}")
    for line in plan_lines(format_, planned, output=session.output, summary_only=summary):
        session.output.data(line)
    if planned.plan.blocks:
        raise Exit(ExitCode.BLOCKED)
    if (detailed_exitcode and not planned.plan.is_empty) or failing & present_classes(planned.plan.changes):
        raise Exit(ExitCode.CHANGES)
