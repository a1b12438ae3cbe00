"""igny8 fmt"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from cli.differences import change_files
from cli.exits import Exit
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when a file is not in its form.")
@click.option("--diff", is_flag=True, help="Show what would change, and write nothing.")
@click.option(
    "--stdin-filename", metavar="PATH", help="With - as the path: where the text on stdin stands in the root."
)
@click.pass_obj
def fmt(session: Session, paths: tuple[Path, ...], check: bool, diff: bool, stdin_filename: str | None) -> None:
    """Bring config files into their one form: keys in the schema's order, times quoted, true and false, modelines.

    Comments and everything else stay as they are, byte by byte. Without paths all files of the root are formatted.

    Examples:

      igny8 fmt
      igny8 fmt --check
      igny8 fmt sites/blog.yaml --diff
      igny8 fmt - --stdin-filename sites/blog.yaml < draft.yaml
    """
    from cli.diagnostics import finding_lines
    from reconciler.operations.app import EXTENSIONS
    from reconciler.operations.format import format_root

    if paths == (Path("-"),):
        _format_stdin(session, stdin_filename)
        return
    root = session.installation().root
    found = format_root(root, paths, EXTENSIONS)
    for item in found:
        for finding in item.findings:
            for line in finding_lines(session.output, finding, item.before, to_stderr=True):
                session.output.note(line)
    changed = [item for item in found if item.is_changed]
    change_files(session.output, root, changed, diff=diff, todo="not in form" if check else "", done="formatted")
    session.output.note(
        f"{counted(len(found), 'file')}, {len(changed)} {'to format' if check or diff else 'formatted'}"
    )
    if any(item.findings for item in found):
        raise Exit(ExitCode.INVALID)
    if changed and check:
        raise Exit(ExitCode.CHANGES)


def _format_stdin(session: Session, path: str | None) -> None:
    from reconciler.config.tree import kind_of_path
    from reconciler.operations.app import EXTENSIONS
    from reconciler.operations.format import format_one

    kind = kind_of_path(path) if path else None
    if path is None or kind is None:
        raise UsageError("stdin has no place in a config root", hint="igny8 fmt - --stdin-filename sites/NAME.yaml")
    text = sys.stdin.read()
    item = format_one(path, text, kind, EXTENSIONS, has_schemas=(session.root / "schemas").is_dir())
    session.output.data(item.after.removesuffix("\n"))
    if item.findings:
        finding = item.findings[0]
        session.output.error(f"{path}:{finding.mark.line}:{finding.mark.column}: {finding.message}")
        raise Exit(ExitCode.INVALID)
