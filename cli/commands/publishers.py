"""igny8 publishers"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import format_option
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.check_publishers import SiteCheck

_SAID = {
    "drafts": "drafts before the slot",
    "updates": "updates in place",
    "withdraws": "takes back",
    "looks": "sees changes by hand",
    "media": "images of its own",
    "seo_meta": "meta title and description",
    "carries_canonical": "carries copies",
}


@click.group()
def publishers() -> None:
    """Look after the places where articles go."""


@publishers.command()
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Check every site of the config root.")
@format_option("text", "json")
@click.pass_obj
def check(session: Session, sites: tuple[str, ...], every: bool, format_: str) -> None:
    """Ask a site's publishers who we are there, what we may do, and what each place will drop.

    It changes nothing at the site. The site is read from the config root, not from what was applied. A webhook gets a
    message of the type endpoint.check. Ends with 8 when articles cannot go out somewhere.

    Examples:

      igny8 publishers check acme-blog
      igny8 publishers check --all --json
    """
    from reconciler.operations.check_publishers import check_publishers

    if bool(sites) == every:
        raise UsageError("name the sites, or say --all", hint="igny8 publishers check --all")
    installation = session.installation()
    checks = []
    for item in check_publishers(installation, session.compiled(installation), sites):
        checks.append(item)
        if format_ == "text":
            session.output.data(_told(item))
    failed = sum(item.is_failed for item in checks)
    if format_ == "json":
        summary = {"sites": len(checks), "failed": failed}
        session.output.json({"version": 1, "summary": summary, "checks": [item.to_json() for item in checks]})
    if failed:
        raise Exit(ExitCode.UNREACHABLE)


def _told(item: SiteCheck) -> str:
    lines = [f"{item.label} ({item.publisher or 'no publisher'}): {item.verdict}"]
    lines += [f"  we are    {item.who}"] if item.who else []
    lines += [f"  we may    {', '.join(item.may)}"] if item.may else []
    lines += [f"  missing   {text}" for text in item.missing]
    lines += [f"  warning   {text}" for text in item.warnings]
    lines += [f"  enough is {item.least_role}"] if item.least_role else []
    lines += [f"  error     {item.error}"] if item.error else []
    lines += [f"  do        {item.hint}"] if item.hint else []
    return "\n".join(lines)


@publishers.command("list")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, format_: str) -> None:
    """List the types of publishers with their settings and what each can do.

    Examples:

      igny8 publishers list
      igny8 publishers list --json
    """
    from reconciler.operations.check_publishers import list_publishers

    found = list_publishers()
    if format_ == "json":
        summary = {"publishers": len(found)}
        session.output.json({"version": 1, "summary": summary, "publishers": [item.to_json() for item in found]})
        return
    session.output.table(
        ["TYPE", "SETTINGS", "CAN"],
        [
            (
                item.name,
                ", ".join(name if name in item.required else f"[{name}]" for name in item.settings),
                ", ".join(_SAID[name] for name in item.capabilities) or "-",
            )
            for item in found
        ],
    )
