"""igny8 migrate"""

from __future__ import annotations

import click

from cli.differences import change_files
from cli.exits import Exit
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when a file is of an older version.")
@click.option("--diff", is_flag=True, help="Show what would change, and write nothing.")
@click.pass_obj
def migrate(session: Session, check: bool, diff: bool) -> None:
    """Bring config files of older apiVersions to the current one. Comments and everything else stay as they are.

    Older files are still read, with a warning; what they declare does not change.

    Examples:

      igny8 migrate --diff
      igny8 migrate
      igny8 -C examples/v1beta1 migrate --check
    """
    from reconciler.operations.migrate import migrate_root

    root = session.installation().root
    changed = [item for item in migrate_root(root) if item.is_changed]
    change_files(session.output, root, changed, diff=diff, todo="to migrate" if check else "", done="migrated")
    session.output.note(f"{counted(len(changed), 'file')} {'to migrate' if check or diff else 'migrated'}")
    if changed and check:
        raise Exit(ExitCode.CHANGES)
