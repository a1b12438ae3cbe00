"""igny8 validate"""

from __future__ import annotations

import click

from cli.diagnostics import show_findings
from cli.exits import Exit
from cli.options import format_option
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode


@click.command()
@format_option("text", "json", "sarif", "github", "junit")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option(
    "--changed-since",
    "revision",
    metavar="REV",
    help="Tell only what the changes since REV can affect: committed on this branch, uncommitted and untracked ones.",
)
@click.pass_obj
def validate(session: Session, format_: str, strict: bool, revision: str | None) -> None:
    """Check the config: syntax, schema, references and rules, all mistakes in one go.

    Needs no database and no network. Ends with 3 when there are errors. Every environment is checked as well; with
    the global option --env only that one is.

    Examples:

      igny8 validate
      igny8 validate --format github
      igny8 validate --changed-since origin/main
      igny8 --env staging validate
      igny8 -C examples/minimal validate --strict --json
    """
    from reconciler.operations.validate import validate_everywhere

    installation = session.installation()
    compilation = validate_everywhere(installation)
    if revision is not None:
        from reconciler.config.affected import limit_findings
        from reconciler.operations.changes import changed_files

        compilation = limit_findings(compilation, changed_files(installation.root, revision))
    if format_ == "text":
        show_findings(session.output, compilation)
    else:
        from cli.finding_formats import FORMATS

        text = FORMATS[format_](compilation)
        if text:
            session.output.data(text)
        if compilation.left_out:
            session.output.note(f"{counted(compilation.left_out, 'finding')} elsewhere left out")
    if not compilation.is_valid or (strict and compilation.findings):
        raise Exit(ExitCode.INVALID)
