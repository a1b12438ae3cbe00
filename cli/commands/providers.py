"""igny8 providers"""

from __future__ import annotations

import asyncio

import click

from cli.exits import Exit
from cli.options import format_option
from cli.session import Session
from reconciler.errors import ExitCode


@click.group()
def providers() -> None:
    """Look after the AI providers of the catalogue."""


@providers.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--live", is_flag=True, help="Make one small call, too; it costs a fraction of a cent.")
@format_option("text", "json")
@click.pass_obj
def check(session: Session, names: tuple[str, ...], live: bool, format_: str) -> None:
    """Tell of each active AI provider whether its key is there, it answers, and it offers our models.

    The catalogue is read from the config root, not from what was applied. Ends with 8 when something failed.

    Examples:

      igny8 providers check
      igny8 providers check openai --live
    """
    from reconciler.operations.check_providers import check_providers
    from reconciler.operations.providers import ProviderPool

    installation = session.installation()
    compilation = session.compiled(installation)
    pool = ProviderPool(installation.root, offline=False)
    steps = asyncio.run(check_providers(compilation, pool, names, live=live))
    failed = sum(step.verdict == "failed" for step in steps)
    if format_ == "json":
        summary = {"providers": len({step.provider for step in steps}), "failed": failed}
        session.output.json({"version": 1, "summary": summary, "steps": [step.to_json() for step in steps]})
    else:
        session.output.table(
            ["PROVIDER", "STEP", "RESULT", "DETAIL"],
            [(step.provider, step.step, step.verdict, step.detail) for step in steps],
        )
    if failed:
        raise Exit(ExitCode.UNREACHABLE)
