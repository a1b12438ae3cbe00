"""igny8 report"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.options import at_option, site_option
from cli.output import Output
from cli.session import Session
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.reports.table import Grouping, Reports

_FORMATS = ["text", "json", "csv", "markdown", "html"]
_GROUPINGS = ["account", "site", "stage", "model", "day"]


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--by", multiple=True, type=click.Choice(_GROUPINGS), help="Group the cost; may be repeated.",
    default=["account", "site", "stage", "model"], show_default=True,
)  # fmt: skip
@click.option("--since", metavar="TIME", help="From this time on: 2026-11-01, or an offset such as -30d.")
@click.option("--until", metavar="TIME", help="Before this time.")
@click.option("--account", metavar="NAME", help="Only this account.")
@site_option
@click.option("--format", "format_", type=click.Choice(_FORMATS), default="text", show_default=True, help="Form.")
@click.option("--json", "format_", flag_value="json", help="Short for --format json.")
@click.option(
    "--write", "folder", type=click.Path(path_type=Path, file_okay=False), is_flag=False, flag_value=Path("reports"),
    help="Write every report in every format into this folder [reports], with a page, index.html.",
)  # fmt: skip
@at_option
@click.pass_obj
def report(
    session: Session, names: tuple[str, ...], by: tuple[Grouping, ...], since: str | None, until: str | None,
    account: str | None, site: str | None, format_: str, folder: Path | None, at: str | None,
) -> None:  # fmt: skip
    """Report credits, cost and margin, usage, balances and content. Without NAMES all of them.

    Examples:

      igny8 report
      igny8 report cost --by model --since -30d --format csv
      igny8 report --write reports
    """
    from reconciler.clock import parse_instant
    from reconciler.operations.report import make_reports, write_reports
    from reconciler.reports.rendering import find_renderer
    from reconciler.reports.table import Filter, Period

    installation = session.installation(at)
    now = installation.clock.now()
    try:
        period = Period(*(parse_instant(text, now) if text else None for text in (since, until)))
    except ValueError as error:
        raise UsageError(str(error)) from error
    with session.database(installation) as database:
        reports = make_reports(database, names, by=by, period=period, filter=Filter(account, site), now=now)
    if folder is not None:
        files = write_reports(folder, reports)
        session.output.data(f"Wrote {len(files)} files; the page is {folder / 'index.html'}")
    elif format_ == "text":
        _show(session.output, reports)
    else:
        renderer = find_renderer(format_)
        assert renderer is not None
        session.output.data(renderer.render(reports).rstrip("\n"))


def _show(output: Output, reports: Reports) -> None:
    from reconciler.reports.rendering.cells import NOTHING, row_texts, total_texts

    output.data(output.style(reports.heading, "head"))
    for table in reports.tables:
        output.data(f"\n{table.title}")
        if not table.rows:
            output.data(NOTHING)
            continue
        numbers = [index for index, column in enumerate(table.columns) if column.is_number]
        titles = [column.title.upper() for column in table.columns]
        rows = [row_texts(table, row) for row in table.rows]
        output.table(titles, [*rows, total_texts(table)], right=numbers)
        for note in table.notes:
            output.data(f"  {note}")
