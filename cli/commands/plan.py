"""igny8 plan"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option, in_flight_option, seconds_of
from cli.plan_formats import FORMATS, plan_lines
from cli.plan_options import classes_named, selection_options
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.operations.app import Installation
    from reconciler.operations.plan import Planned
    from reconciler.plan.in_flight import Handling
    from reconciler.plan.observed import PlanOptions


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
@click.option(
    "--against", metavar="FILE", type=click.Path(path_type=Path),
    help="Plan from a snapshot of the actual state, with no database and no secrets.",
)  # fmt: skip
@click.option(
    "--snapshot-key", metavar="KEY", envvar="IGNY8_SNAPSHOT_KEY",
    help="The public key that the snapshot is checked with; `igny8 snapshot --key` prints it.",
)  # fmt: skip
@click.option(
    "--max-age", metavar="TIME", default="24h", show_default=True, help="Warn of a snapshot that is older: 2h."
)
@in_flight_option
@at_option
@click.pass_obj
def plan(
    session: Session, format_: str, summary: bool, targets: tuple[str, ...], excludes: tuple[str, ...],
    detailed_exitcode: bool, fail_on: tuple[str, ...], out: Path | None, expires_in: str, in_flight: Handling,
    at: str | None, against: Path | None, snapshot_key: str | None, max_age: str,
) -> None:  # fmt: skip
    """Show what an apply would change: resources, credits and cost per 30 days, items in flight, articles that move.

    Writes nothing but the file of -o. With --against it tells, byte for byte, what it would tell with the database that
    the snapshot was taken of; a snapshot that is foreign, changed, expired or newer is refused with 5. Ends with 4 when a guard would forbid the apply, whatever it is to fail on.

    Examples:

      igny8 plan
      igny8 plan --summary
      igny8 plan --target 'site/acme-*' --exclude site/acme-shop
      igny8 plan --format markdown > comment.md
      igny8 plan --fail-on drift,conflict
      igny8 plan --detailed-exitcode --json
      igny8 plan -o reviewed.plan     then: igny8 apply reviewed.plan
      igny8 plan --in-flight requeue-from:content
      igny8 plan --against snapshot.json.gz --format markdown
    """
    from reconciler.operations.plan import plan as make
    from reconciler.operations.saved_plan import save_plan
    from reconciler.plan.classes import CLASSES, present_classes
    from reconciler.plan.observed import PlanOptions
    from reconciler.plan.selection import Selection

    lifetime = timedelta(seconds=seconds_of(expires_in, "--expires-in"))
    failing = classes_named(fail_on, CLASSES)
    options = PlanOptions(selection=Selection(targets, excludes), in_flight=in_flight)
    installation = session.installation(at)
    clock, expires_at = installation.clock, None
    if against is not None:
        planned, expires_at = _plan_against(
            session, installation, against, snapshot_key, timedelta(seconds=seconds_of(max_age, "--max-age")), options,
            out, lifetime,
        )  # fmt: skip
    else:
        compilation = session.compiled(installation)
        with session.database(installation, may_create=out is not None) as database:
            planned = make(database, compilation, clock, options=options)
            if out is not None:
                expires_at = save_plan(out, database, planned, options, clock=clock, lifetime=lifetime)
    if expires_at is not None:
        session.output.note(f"Saved to {out}, good until {expires_at:%Y-%m-%d %H:%M} UTC: igny8 apply {out}")
    for line in plan_lines(format_, planned, output=session.output, summary_only=summary):
        session.output.data(line)
    if planned.plan.blocks:
        raise Exit(ExitCode.BLOCKED)
    if (detailed_exitcode and not planned.plan.is_empty) or failing & present_classes(planned.plan.changes):
        raise Exit(ExitCode.CHANGES)


def _plan_against(
    session: Session, installation: Installation, file: Path, key: str | None, max_age: timedelta, options: PlanOptions,
    out: Path | None, lifetime: timedelta,
) -> tuple[Planned, datetime | None]:  # fmt: skip
    """Return the plan from a snapshot, and when the file that it was saved to expires; no database is touched."""
    from reconciler.operations.plan import plan_from
    from reconciler.operations.saved_plan import save_plan_against
    from reconciler.operations.snapshot import describe_age, read_snapshot

    if not key:
        raise UsageError(
            "--against needs the key that the snapshot is checked with",
            hint="--snapshot-key or IGNY8_SNAPSHOT_KEY; `igny8 snapshot --key` prints it where the database is",
        )
    now = installation.clock.now()
    snapshot = read_snapshot(file, key, environment=installation.environment, now=now)
    age = now - snapshot.made_at
    session.output.note(f"Planned against {file}: generation {snapshot.generation}, {describe_age(age)} old.")
    if age > max_age:
        warning = session.output.style("warning:", "warning", stderr=True)
        session.output.note(f"{warning} the snapshot is older than {describe_age(max_age)}; the state may have moved")
    planned = plan_from(snapshot, session.compiled(installation), now, options)
    if out is None:
        return planned, None
    return planned, save_plan_against(out, snapshot, planned, options, clock=installation.clock, lifetime=lifetime)
