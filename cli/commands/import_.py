"""igny8 import"""

from __future__ import annotations

import click

from cli.commands.adopt import confirmed
from cli.differences import show_difference
from cli.exits import Exit
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command("import")
@click.argument("resources", nargs=-1, metavar="[KIND/NAME]...")
@click.option("--all", "all_", is_flag=True, help="Everything that only the database has.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", "--diff", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--commit", is_flag=True, help="Commit the files to git, and nothing else.")
@click.option("-m", "--message", default="", help="The message of the commit.")
@click.pass_obj
def import_(
    session: Session, resources: tuple[str, ...], all_: bool, yes: bool, dry_run: bool, commit: bool, message: str
) -> None:
    """Write the files of resources that stand in the database only, and insert missing entries into catalogues.

    Only what differs from a default is written. No file is overwritten. `igny8 plan` has nothing to do for them
    afterwards. Without names it lists what there is.

    Examples:

      igny8 import
      igny8 import site/blog
      igny8 import models/NAME --yes
      igny8 import --all --commit
    """
    from cli.diagnostics import finding_lines
    from reconciler.operations.commit import check_committable, commit_files
    from reconciler.operations.imports import find_importable, import_resources, write_files

    installation, output = session.installation(), session.output
    if all_ and resources:
        raise UsageError("--all and names do not go together", hint="leave one of them out")
    with session.database(installation, may_create=False) as database:
        known = find_importable(installation, database)
        wanted = known if all_ else tuple(dict.fromkeys(resources))
        found = import_resources(installation, database, wanted) if wanted else None
    if found is None:
        for ref in known if not all_ else ():
            output.data(ref)
        output.note("Only the database has these; name some, or use --all." if known else "Everything has a file.")
        return
    for item in found.files:
        show_difference(output, item.path, item.before, item.after)
    if found.new_errors:
        for finding in found.new_errors:
            for line in finding_lines(output, finding, found.compilation.sources.get(finding.file, ""), to_stderr=True):
                output.note(line)
        output.error("nothing was written: the config would be invalid")
        raise Exit(ExitCode.INVALID)
    if dry_run:
        return
    paths = [item.path for item in found.files]
    if commit:
        check_committable(installation.root, paths)
    if not confirmed(session, yes, f"Write {counted(len(paths), 'file')}?"):
        return
    write_files(installation.root, found.files)
    output.note(f"wrote {', '.join(paths)}")
    if commit:
        done = commit_files(installation.root, paths, message or f"Import {', '.join(wanted[:5])} from the database")
        output.note(f"committed {done}")
