"""igny8 adopt"""

from __future__ import annotations

import click

from cli.differences import show_difference
from cli.exits import Exit
from cli.output import ask, is_interactive
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command()
@click.argument("resource", metavar="KIND/NAME")
@click.option("--field", default="", metavar="PATH", help="Only this field, or what is below it.")
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--dry-run", "--diff", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--commit", is_flag=True, help="Commit the file to git, and nothing else.")
@click.option("-m", "--message", default="", help="The message of the commit.")
@click.pass_obj
def adopt(session: Session, resource: str, field: str, yes: bool, dry_run: bool, commit: bool, message: str) -> None:
    """Take what somebody changed in the database into the config, where the resource is declared.

    Shows the change and asks. What came from an account, the platform or a default is written as an override in the
    resource's own file. `igny8 plan` shows the fields as converged afterwards.

    Examples:

      igny8 adopt site/blog
      igny8 adopt site/blog --field publishing.time_slots --yes --commit
    """
    from cli.diagnostics import finding_lines
    from reconciler.operations.adopt import adopt as take_over
    from reconciler.operations.commit import check_committable, commit_files
    from reconciler.operations.format import write_text

    installation, output = session.installation(), session.output
    compilation = session.compiled(installation)
    with session.database(installation, may_create=False) as database:
        adopted = take_over(installation, database, compilation, resource, field)
    if adopted is None:
        output.data(f"{resource} did not drift.")
        return
    edited = adopted.edited
    if edited.before == edited.after:
        output.data(f"{edited.name} says so already.")
        return
    for remark in adopted.remarks:
        output.note(remark)
    show_difference(output, edited.name, edited.before, edited.after)
    if edited.new_errors:
        for finding in edited.new_errors:
            source = edited.compilation.sources.get(finding.file, "")
            for line in finding_lines(output, finding, source, to_stderr=True):
                output.note(line)
        output.error("nothing was written: the config would be invalid", "`igny8 apply` puts the applied value back")
        raise Exit(ExitCode.INVALID)
    if dry_run:
        return
    if commit:
        check_committable(installation.root, [edited.name])
    if not confirmed(session, yes, f"Write {edited.name}?"):
        return
    write_text(edited.path, edited.after)
    output.note(f"wrote {edited.name}")
    if commit:
        fields = ", ".join(item.field for item in adopted.fields)
        done = commit_files(
            installation.root, [edited.name], message or f"Adopt {fields} of {resource} from the database"
        )
        output.note(f"committed {done}")


def confirmed(session: Session, yes: bool, question: str) -> bool:
    """Tell whether a person agrees; UsageError where nobody can be asked."""
    if yes:
        return True
    if not (session.accepts_input and is_interactive()):
        raise UsageError("there is no terminal to ask on", hint="add --yes to write without asking")
    if not ask(question):
        session.output.note("Nothing was written.")
        return False
    return True
