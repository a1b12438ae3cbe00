"""igny8 schema"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import format_option
from cli.output import counted
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.kinds import Kind


@click.group()
def schema() -> None:
    """Write the JSON Schemas that editors use."""


_draft = click.option(
    "--draft", type=click.Choice(["7", "2020-12"]), default="7", show_default=True,
    help="The version of JSON Schema; editors want 7.",
)  # fmt: skip


@schema.command("list")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, format_: str) -> None:
    """List the kinds, where their files stand, and their schemas."""
    from reconciler.kinds import KINDS

    rows = [(kind.name, kind.place, f"schemas/{kind.slug}.schema.json") for kind in KINDS]
    if format_ == "json":
        kinds = [{"kind": name, "place": place, "schema": file} for name, place, file in rows]
        session.output.json({"version": 1, "summary": {"kinds": len(kinds)}, "kinds": kinds})
        return
    session.output.table(["KIND", "FILES", "SCHEMA"], rows)


@schema.command()
@click.argument("kind")
@_draft
@click.pass_obj
def show(session: Session, kind: str, draft: str) -> None:
    """Print the schema of a kind, such as Site or site.

    Examples:

      igny8 schema show Site
      igny8 schema show Site --draft 2020-12
    """
    from reconciler.config.json_schema import schema_text
    from reconciler.operations.app import EXTENSIONS

    session.output.data(schema_text(_found(kind), EXTENSIONS, draft).rstrip())


@schema.command()
@click.argument("kinds", nargs=-1, metavar="[KIND]...")
@click.option(
    "-o", "--out-dir", type=click.Path(path_type=Path, file_okay=False), default=Path("schemas"), show_default=True,
    help="Where the files go.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Write nothing; end with 2 when a file is not current.")
@_draft
@click.pass_obj
def export(session: Session, kinds: tuple[str, ...], out_dir: Path, check: bool, draft: str) -> None:
    """Write the schemas of all kinds, or of some, as KIND.schema.json.

    A file names its schema in its first line: # yaml-language-server: $schema=../schemas/site.schema.json

    Examples:

      igny8 schema export
      igny8 schema export Site Account -o build --draft 2020-12
      igny8 schema export --check
    """
    from reconciler.config.json_schema import schema_text
    from reconciler.kinds import KINDS
    from reconciler.operations.app import EXTENSIONS

    chosen = [_found(kind) for kind in kinds] or KINDS
    stale = []
    for kind in chosen:
        path, text = out_dir / f"{kind.slug}.schema.json", schema_text(kind, EXTENSIONS, draft)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not check:
                out_dir.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    for path in stale:
        session.output.data(f"{'not current' if check else 'wrote'}: {path}")
    if check and stale:
        raise Exit(ExitCode.CHANGES)
    if not stale:
        session.output.note(f"{counted(len(chosen), 'schema')} in {out_dir}, all current")


def _found(written: str) -> Kind:
    from reconciler.config.suggest import did_you_mean
    from reconciler.kinds import KINDS, find_kind

    kind = find_kind(written)
    if kind is None:
        names = [item.name for item in KINDS]
        raise UsageError(
            f"there is no kind {written}", hint=did_you_mean(written, names) or f"the kinds are {', '.join(names)}"
        )
    return kind
