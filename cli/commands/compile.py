"""igny8 compile"""

from __future__ import annotations

from pathlib import Path

import click

from cli.exits import Exit
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command("compile")
@click.option("-o", "--out", metavar="DIR", help="Where the files go; - prints one document on stdout.")
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when DIR is not current.")
@click.pass_obj
def compile_(session: Session, out: str | None, check: bool) -> None:
    """Write the resolved desired state: canonical JSON, all defaults filled in, nothing inherited any more.

    DIR gets KIND/NAME.json for every resource, and index.json with the digests. The bytes are the same on every
    machine and in every run, so two states can be compared by their digest.

    Examples:

      igny8 compile -o build/state
      igny8 compile -o build/state --check
      igny8 compile -o - | jq .digest
    """
    import json

    from reconciler.operations.compile import INDEX, desired_state, differences, write_state

    if not out:
        raise UsageError("compile needs a place to write to", hint="igny8 compile -o DIR, or -o - for stdout")
    compilation = session.compiled(session.installation())
    files = desired_state(compilation)
    if out == "-":
        index = json.loads(files[INDEX])
        resources = [
            {"kind": item.kind, "name": item.name, "digest": item.digest, "spec": item.data}
            for item in compilation.resources
        ]
        session.output.data(json.dumps(index | {"resources": resources}, ensure_ascii=False, sort_keys=True, indent=2))
        return
    folder = Path(out)
    if not check:
        write_state(folder, files)
        session.output.data(
            f"{counted(len(compilation.resources), 'resource')} in {folder}, digest {compilation.digest}"
        )
        return
    found = differences(folder, files)
    for path in found:
        session.output.data(f"not current: {folder / path}")
    if found:
        raise Exit(ExitCode.CHANGES)
