"""igny8 rollback"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.allow_options import allow_options
from cli.exits import Exit
from cli.options import format_option, seconds_of
from cli.output import ask, is_interactive
from cli.plan_formats import plan_lines
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.rollback import Way
    from reconciler.store.engine import Database


@click.command()
@click.option("--to", "generation", type=int, required=True, metavar="ID", help="The apply to go back to.")
@click.option("-o", "--output", "file", default="-", show_default=True, metavar="FILE", help="Where the patch goes.")
@click.option("--apply", "is_apply", is_flag=True, help="Go back at once, in the database, and quarantine the config.")
@click.option("-y", "--yes", is_flag=True, help="With --apply: do not ask.")
@click.option("--reason", default="", help="With --apply: why; kept in the history.")
@allow_options
@click.option(
    "--lock-timeout", metavar="TIME", default="0s", show_default=True, help="Wait this long for another apply: 90s, 5m."
)
@format_option("text", "json")
@click.pass_obj
def rollback(
    session: Session, generation: int, file: str, is_apply: bool, yes: bool, reason: str, flags: list[str],
    lock_timeout: str, format_: str,
) -> None:  # fmt: skip
    """Go back to what an earlier apply declared.

    Writes a patch for the config root, to be reviewed and committed like any change: `git apply` takes it. It needs no
    git: the database keeps what was applied. What the patch cannot say is told, and the command ends with 7.

    With --apply the database goes back at once, as a new generation, and the config that is left behind goes into
    quarantine: neither the reconciler nor `igny8 apply` applies it again until it is lifted or allowed.

    Examples:

      igny8 rollback --to 12 -o back.patch
      igny8 rollback --to 12 | git apply
      igny8 rollback --to 12 --apply --reason "the new model writes nonsense"
    """
    installation = session.installation()
    if is_apply and not reason:
        raise UsageError("--apply needs --reason", hint="say why; it is kept in the history")
    if not is_apply and (flags or yes or reason):
        raise UsageError("a patch changes nothing yet", hint="--apply goes back at once; leave the other options out")
    with session.database(installation) as database:
        if not is_apply:
            _write_patch(session, installation, database, generation, file, format_)
            return
        from reconciler.operations.rollback import find_way, roll_back

        way = find_way(installation, database, generation)
        _ask(session, way, flags, yes=yes, format_=format_)
        seconds = seconds_of(lock_timeout, "--lock-timeout")
        result = roll_back(
            installation,
            database,
            way,
            reason=reason,
            allowed_flags=flags,
            lock_timeout=seconds,
            tell=session.output.note,
        )
    if format_ == "json":
        session.output.json(
            way.planned.to_json()
            | {
                "applied": result.generation is not None,
                "generation": result.generation,
                "rollback_to": generation,
                "quarantined": way.bad_config[0] if way.bad_config and result.generation else None,
            }
        )
    elif result.generation is not None:
        session.output.data(session.output.style(f"Rolled back: generation {result.generation}.", "good"))
        if way.bad_config:
            digest, revision = way.bad_config
            commit = f" of commit {revision[:7]}" if revision else ""
            session.output.data(f"The config{commit} is in quarantine ({digest[:12]}); igny8 history quarantine list")


def _ask(session: Session, way: Way, flags: list[str], *, yes: bool, format_: str) -> None:
    from reconciler.operations.apply import open_blocks

    output, planned = session.output, way.planned
    if format_ == "text":
        for line in plan_lines("text", output=output, planned=planned):
            output.data(line)
    if yes or planned.plan.is_empty or open_blocks(planned.plan, flags):
        return
    if not (session.accepts_input and is_interactive()):
        raise UsageError("there is no terminal to ask on", hint="add --yes to go back without asking")
    if not ask(f"Go back to generation {way.to.generation} with these {len(planned.plan.changes)} changes?"):
        output.note("Nothing was changed.")
        raise Exit(ExitCode.OK)


def _write_patch(
    session: Session, installation: Installation, database: Database, generation: int, file: str, format_: str
) -> None:
    from reconciler.operations.rollback import make_patch

    patch, output = make_patch(installation, database, generation), session.output
    if file != "-":
        Path(file).write_bytes(patch.text.encode(errors="surrogateescape"))
        output.note(f"wrote {file}")
    if format_ == "json":
        summary = {"generation": generation, "by": patch.by, "unexpressed": len(patch.unexpressed)}
        answer = {"version": 1, "summary": summary, "unexpressed": list(patch.unexpressed)}
        output.json(answer | ({"patch": patch.text} if file == "-" else {"file": file}))
    elif file == "-" and patch.text:
        output.data(patch.text.removesuffix("\n"))
    if not patch.text and not patch.unexpressed:
        output.note(f"The files say what generation {generation} said: there is nothing to go back from.")
    for line in patch.unexpressed:
        output.note(f"not in the patch: {line}")
    if patch.unexpressed:
        raise Exit(ExitCode.FAILED)
