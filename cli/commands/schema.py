"""igny8 schema"""

from __future__ import annotations

from pathlib import Path

import click

from cli.exits import Exit
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.group()
def schema() -> None:
    """Write the JSON Schemas that editors use."""


@schema.command()
@click.argument("kind")
@click.pass_obj
def show(session: Session, kind: str) -> None:
    """Print the schema of a kind, such as Site or site."""
    from reconciler.config.json_schema import schema_text
    from reconciler.kinds import KINDS, find_kind
    from reconciler.operations.app import EXTENSIONS

    found = find_kind(kind)
    if found is None:
        raise UsageError(f"there is no kind {kind}", hint=f"the kinds are {', '.join(item.name for item in KINDS)}")
    session.output.data(schema_text(found, EXTENSIONS).rstrip())


@schema.command()
@click.option(
    "--out-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"), show_default=True,
    help="Where the files go.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when a file is not current.")
@click.pass_obj
def export(session: Session, out_dir: Path, check: bool) -> None:
    """Write the schemas of all kinds as KIND.schema.json."""
    from reconciler.config.json_schema import schema_text
    from reconciler.kinds import KINDS
    from reconciler.operations.app import EXTENSIONS

    stale = []
    for kind in KINDS:
        path, text = out_dir / f"{kind.slug}.schema.json", schema_text(kind, EXTENSIONS)
        if not path.exists() or path.read_text() != text:
            stale.append(path)
            if not check:
                out_dir.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    for path in stale:
        session.output.data(f"{'not current' if check else 'wrote'}: {path}")
    if check and stale:
        raise Exit(ExitCode.CHANGES)
