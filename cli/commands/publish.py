"""igny8 publish"""

from __future__ import annotations

import click

from cli.exits import Exit
from cli.options import at_option, format_option, site_option
from cli.output import shorten
from cli.session import Session
from reconciler.errors import ExitCode, UsageError


@click.command()
@click.option("--due", is_flag=True, help="Publish every article whose slot has come.")
@site_option
@format_option("text", "json")
@at_option
@click.pass_obj
def publish(session: Session, due: bool, site: str | None, format_: str, at: str | None) -> None:
    """Publish the articles whose slot has come, in the order of the slots.

    Killed at any moment and run again, each article is public once. Ends with 7 when some failed.

    Examples:

      igny8 publish --due
      igny8 publish --due --at +7d      (let a week pass)
    """
    from reconciler.operations.publish import publish_due

    if not due:
        raise UsageError("say what to publish", hint="igny8 publish --due")
    installation = session.installation(at)
    with session.database(installation) as database:
        report = publish_due(installation, database, site=site)
    output = session.output
    if format_ == "json":
        rows = [
            {"site": a.site, "content": a.content_id, "title": a.title, "slot_at": a.slot_at, "url": a.url, "error": a.error}
            for a in report.articles
        ]  # fmt: skip
        done = len(rows) - report.failed
        output.json({"version": 1, "summary": {"published": done, "failed": report.failed}, "articles": rows})
    else:
        for item in report.articles:
            mark = output.style("failed   ", "error") if item.error else output.style("published", "good")
            output.data(
                f"{mark} {item.slot_at:%a %d %b %H:%M} UTC  {item.site:<18} {shorten(item.title, 50)}  "
                f"{item.error or item.url}"
            )
        output.data(f"{len(report.articles) - report.failed} published, {report.failed} failed")
        if report.note:
            output.note(report.note)
        for name in report.busy_sites:
            output.note(f"{name}: another process is publishing")
    if report.failed:
        raise Exit(ExitCode.FAILED)
