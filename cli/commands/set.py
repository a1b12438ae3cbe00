"""igny8 set and igny8 unset"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.differences import show_difference
from cli.exits import Exit
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.operations.edit import Edited

_dry_run = click.option("--dry-run", "--diff", is_flag=True, help="Show what would change, and write nothing.")
_force = click.option("--force", is_flag=True, help="Write it though it makes the config invalid.")


@click.command("set")
@click.argument("resource", metavar="KIND/NAME")
@click.argument("field", metavar="PATH")
@click.argument("value")
@_dry_run
@_force
@click.pass_obj
def set_(session: Session, resource: str, field: str, value: str, dry_run: bool, force: bool) -> None:
    """Change one value in a config file, and nothing else in it.

    PATH is written as `igny8 explain` shows it, VALUE as YAML in one line. What would make the config invalid is not
    written. An item after a list's last is appended.

    Examples:

      igny8 set site/blog publishing.days '[mon, wed]'
      igny8 set site/blog stages.content.per_run_limit 3
      igny8 set platform defaults.ai.temperature 0.6 --dry-run
    """
    from reconciler.operations.edit import set_field

    _carry_out(session, set_field(session.installation(), resource, field, value), dry_run, force)


@click.command()
@click.argument("resource", metavar="KIND/NAME")
@click.argument("field", metavar="PATH")
@_dry_run
@_force
@click.pass_obj
def unset(session: Session, resource: str, field: str, dry_run: bool, force: bool) -> None:
    """Take one value out of a config file: what it inherits holds again.

    Examples:

      igny8 unset site/blog ai.temperature
      igny8 unset site/blog stages --dry-run
    """
    from reconciler.operations.edit import unset_field

    _carry_out(session, unset_field(session.installation(), resource, field), dry_run, force)


def _carry_out(session: Session, edited: Edited, dry_run: bool, force: bool) -> None:
    from cli.diagnostics import finding_lines
    from reconciler.operations.format import write_text

    if edited.before == edited.after:
        session.output.data(f"{edited.name} says so already.")
        return
    show_difference(session.output, edited.name, edited.before, edited.after)
    if edited.new_errors:
        for finding in edited.new_errors:
            for line in finding_lines(
                session.output, finding, edited.compilation.sources.get(finding.file, ""), to_stderr=True
            ):
                session.output.note(line)
        if not force:
            session.output.error("nothing was written: the config would be invalid", "mend the value, or use --force")
            raise Exit(ExitCode.INVALID)
    if not dry_run:
        write_text(edited.path, edited.after)
        session.output.note(f"wrote {edited.name}")
