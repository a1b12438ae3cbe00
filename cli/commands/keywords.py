"""igny8 keywords"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option, site_option
from cli.output import counted, shorten
from cli.session import Session
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.operations.keyword_import import ImportReport
    from reconciler.pipeline.keyword_files import LineNote

_SHOWN = 20
_CSV_COLUMNS = ("site", "sector", "term", "volume", "difficulty", "intent", "state", "source")


@click.group(
    epilog="Examples: igny8 keywords import gsc.csv --site blog --sector hiking · igny8 keywords list --site blog"
)
def keywords() -> None:
    """Import keyword lists, list keywords, find those that mean the same page."""


@keywords.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--site", required=True, metavar="NAME", help="The site that gets them.")
@click.option("--sector", required=True, metavar="NAME", help="The sector of the site that gets them.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@format_option("text", "json")
@at_option
@click.pass_obj
def import_(
    session: Session, file: Path, site: str, sector: str, dry_run: bool, format_: str, at: str | None
) -> None:  # fmt: skip
    """Import a keyword list as Search Console, Ahrefs, Semrush or Keyword Planner export it, or a plain one.

    Columns are found by their headings; volume and difficulty are kept, and what a file does not tell stays unknown.
    Phrases that the site has are left alone. Imported keywords are additions: no apply archives or deletes them.
    Ends with 7 when no line held a keyword.

    Examples:

      igny8 keywords import queries.csv --site alpine-trails --sector hiking --dry-run
      igny8 keywords import ahrefs-utf16.csv --site alpine-trails --sector hiking
    """
    from reconciler.operations.keyword_import import import_keywords

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    installation = session.installation(at)
    with session.database(installation) as database:
        report = import_keywords(database, installation.clock, data, site=site, sector=sector, dry_run=dry_run)
    if format_ == "json":
        session.output.json(report.to_json())
    else:
        _show(session, report, file)
    if not report.taken and not report.known:
        raise Exit(ExitCode.FAILED)


def _show(session: Session, report: ImportReport, file: Path) -> None:
    output, read = session.output, report.file
    columns = ", ".join(f"{meaning} from “{heading}”" for meaning, heading in read.columns.items())
    output.note(f"{file.name}: {read.shape}, {read.encoding}, {read.delimiter}; {columns}")
    verb = "would be taken" if report.dry_run else "taken"
    output.data(
        f"{counted(len(report.taken), 'keyword')} {verb}, {len(report.known):,} known, {len(report.refused):,} refused"
    )
    _show_notes(session, "refused", report.refused)
    _show_notes(session, "known", tuple(note for note in report.known if note.reason != "known"))
    _show_notes(session, "note", read.remarks)
    for line, near in report.near[:_SHOWN]:
        output.data(f"  line {line}: note: {near.reason}")


def _show_notes(session: Session, word: str, notes: tuple[LineNote, ...]) -> None:
    for note in notes[:_SHOWN]:
        text = f"“{shorten(note.text, 60)}” " if note.text else ""
        session.output.data(f"  line {note.line}: {word}: {text}{note.reason}")
    if len(notes) > _SHOWN:
        session.output.data(f"  and {len(notes) - _SHOWN:,} more lines; --json has them all")


@keywords.command("list")
@site_option
@click.option("--sector", metavar="NAME", help="Only this sector.")
@click.option("--state", type=click.Choice(["new", "clustered"]), help="Only keywords in this state.")
@click.option("--source", type=click.Choice(["declared", "imported"]), help="Only those of the config, or of imports.")
@click.option("--archived", is_flag=True, help="Those that are no longer declared.")
@click.option("--containing", metavar="TEXT", help="Only keywords with this text in them.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json", "csv")
@click.pass_obj
def list_(
    session: Session, site: str | None, sector: str | None, state: str | None, source: str | None, archived: bool,
    containing: str | None, limit: int, offset: int, format_: str,
) -> None:  # fmt: skip
    """List keywords, oldest first. An empty volume or difficulty is unknown, not zero.

    Examples:

      igny8 keywords list --site alpine-trails --source imported
      igny8 keywords list --containing tent --format csv --limit 10000 > tents.csv
    """
    from reconciler.operations.keyword_import import read_keywords
    from reconciler.store.keywords import KeywordFilter

    wanted = KeywordFilter(site, sector, state, source, archived, containing)
    with session.database(session.installation()) as database:
        page = read_keywords(database, wanted, limit=limit, offset=offset)
    if format_ == "json":
        summary = {"total": page.total, "shown": len(page.keywords)}
        session.output.json({"version": 1, "summary": summary, "keywords": page.keywords})
        return
    if format_ == "csv":
        session.output.csv(_CSV_COLUMNS, ([row[column] for column in _CSV_COLUMNS] for row in page.keywords))
        return
    session.output.table(
        ["NO", "SITE", "SECTOR", "STATE", "SOURCE", "VOLUME", "DIFFICULTY", "KEYWORD"],
        [
            (
                row["id"], row["site"], row["sector"], row["state"], row["source"], _known(row["volume"]),
                _known(row["difficulty"]), shorten(str(row["term"]), 64),
            )
            for row in page.keywords
        ],
        right=[0, 5, 6],
    )  # fmt: skip
    if page.total > len(page.keywords):
        session.output.note(f"{len(page.keywords)} of {page.total}; use --limit and --offset for more")
    if not page.total:
        session.output.note("There are none. What a site declares is taken in by its first run.")


def _known(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


@keywords.command()
@site_option
@format_option("text", "json")
@click.pass_obj
def duplicates(session: Session, site: str | None, format_: str) -> None:
    """Find keywords, and titles of articles and ideas, that ask for the same page on one site.

    The same words in another order, with small words or inflected, are the same page; other numbers or any other word
    make another one.

    Example: igny8 keywords duplicates --site alpine-trails
    """
    from reconciler.operations.keyword_import import find_duplicates

    with session.database(session.installation()) as database:
        found = find_duplicates(database, site)
    if format_ == "json":
        rows = [item.to_json() for item in found]
        session.output.json({"version": 1, "summary": {"duplicates": len(rows)}, "duplicates": rows})
        return
    if not found:
        session.output.data("No duplicates.")
        return
    session.output.table(
        ["SITE", "KIND", "ALIKE", "TEXT", "REPEATS"],
        [
            (item.site, item.kind, f"{item.near.similarity} %", shorten(item.near.text, 56), shorten(item.near.of, 56))
            for item in found
        ],
        right=[2],
    )
