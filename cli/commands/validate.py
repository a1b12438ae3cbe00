"""igny8 validate"""

from __future__ import annotations

import click

from cli.diagnostics import show_findings
from cli.exits import Exit
from cli.options import format_option
from cli.session import Session
from reconciler.errors import ExitCode


@click.command()
@format_option("text", "json")
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.pass_obj
def validate(session: Session, format_: str, strict: bool) -> None:
    """Check the config: syntax, schema, references and rules, all mistakes in one go.

    Needs no database and no network. Ends with 3 when there are errors.

    Examples:

      igny8 validate
      igny8 -C examples/minimal validate --strict --json
    """
    from reconciler.operations.validate import validate as run_validation

    compilation = run_validation(session.installation())
    errors = sum(finding.severity == "error" for finding in compilation.findings)
    if format_ == "json":
        session.output.json(
            {
                "version": 1,
                "summary": {
                    "valid": compilation.is_valid,
                    "resources": len(compilation.resources),
                    "errors": errors,
                    "warnings": len(compilation.findings) - errors,
                },
                "revision": compilation.revision,
                "diagnostics": [finding.to_json() for finding in compilation.findings],
            }
        )
    else:
        show_findings(session.output, compilation)
    if errors or (strict and compilation.findings):
        raise Exit(ExitCode.INVALID)
