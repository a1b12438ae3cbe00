"""igny8 sync"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option
from cli.output import counted, shorten
from cli.session import Session
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.operations.sync import SyncedSite


@click.command()
@click.argument("site", required=False, metavar="[SITE]")
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 when an article at a site is not as we left it.")
@format_option("text", "json")
@at_option
@click.pass_obj
def sync(session: Session, site: str | None, detailed_exitcode: bool, format_: str, at: str | None) -> None:
    """Compare what stands at the sites with what was published there; change nothing.

    An article is missing, trashed, changed by hand, unpublished by hand or published by hand there; or it was edited
    here and not sent yet; or it is a copy that was not taken back with its article. Ends with 7 when a site could not be looked at.

    Examples:

      igny8 sync
      igny8 sync alpine-trails --json
    """
    from reconciler.operations.sync import sync_sites

    installation = session.installation(at)
    with session.database(installation) as database:
        sites = sync_sites(installation, database, site=site)
    output = session.output
    unreached = sum(item.sync_status in ("unreachable", "busy") for item in sites)
    differing = sum(finding.finding != "edited-here" for item in sites for finding in item.findings)
    if format_ == "json":
        summary = {
            "sites": len(sites), "articles": sum(item.articles for item in sites), "differing": differing,
            "unreached": unreached,
        }  # fmt: skip
        output.json({"version": 1, "summary": summary, "sites": [item.to_json() for item in sites]})
    else:
        width = max([18, *(len(item.label) for item in sites)])
        for item in sites:
            mark = output.style(item.sync_status, {"ok": "good", "unknown": "dim"}.get(item.sync_status, "error"))
            output.data(f"{item.label:<{width}} {mark}  {_verdict(item)}")
            for finding in item.findings:
                title = shorten(finding.title, 44)
                output.data(f"  {finding.content_id:>5}  {finding.finding:<19} {title:<44}  {finding.url}")
            if item.hint:
                output.note(f"{item.label}: {item.hint}")
    if unreached:
        raise Exit(ExitCode.FAILED)
    if differing and detailed_exitcode:
        raise Exit(ExitCode.CHANGES)


def _verdict(place: SyncedSite) -> str:
    """Return how the articles of a place were found, taken back ones too; or why they could not be."""
    articles, differing = counted(place.articles, "article"), len(place.findings)
    match place.sync_status:
        case "ok":
            return f"{articles}, as we left {'it' if place.articles == 1 else 'them'}"
        case "differs":
            return f"{articles}, {differing} not as we left {'it' if differing == 1 else 'them'}"
        case _:
            return place.reason
