"""igny8 content"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from cli.article_options import STATES, filter_options, read_labels
from cli.checklists import show_checklist
from cli.commands.content_decisions import DECISIONS
from cli.commands.content_improve import link, optimize
from cli.options import at_option, format_option, seconds_of, site_option
from cli.output import is_interactive, readable, shorten
from cli.session import Session
from reconciler.errors import Igny8Error, UsageError
from reconciler.wording import day_and_time


@click.group()
def content() -> None:
    """Look at articles, edit and improve them, and decide about them."""


content.add_command(link)
content.add_command(optimize)


@content.command("list")
@site_option
@click.option("--state", type=click.Choice([*STATES, "archived"]), help="Only articles in this state.")
@filter_options
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json")
@click.pass_obj
def list_(
    session: Session, site: str | None, state: str | None, labels: tuple[str, ...], older_than: str | None, limit: int,
    offset: int, format_: str,
) -> None:  # fmt: skip
    """List articles, oldest first; what was put away only with --state archived.

    Examples:

      igny8 content list --site alpine-trails --state review
      igny8 content list --label team=europe --older-than 14d
    """
    from datetime import timedelta

    from reconciler.operations.content import list_articles

    installation = session.installation()
    before = None
    if older_than:
        before = installation.clock.now() - timedelta(seconds=seconds_of(older_than, "--older-than"))
    with session.database(installation) as database:
        page = list_articles(
            database, site=site, state=state, limit=limit, offset=offset, labels=read_labels(labels),
            written_before=before,
        )  # fmt: skip
    if format_ == "json":
        hidden = ("markdown", "html", "checklist")
        rows = [
            {key: value for key, value in row.items() if key not in hidden}
            | {"score": (row["checklist"] or {}).get("score")}
            for row in page.articles
        ]
        session.output.json({"version": 1, "summary": {"total": page.total, "shown": len(rows)}, "articles": rows})
        return
    session.output.table(
        ["NO", "SITE", "STATE", "WORDS", "SLOT (UTC)", "TITLE"],
        [
            (
                row["id"],
                row["site"],
                row["state"],
                row["words"],
                day_and_time(row["slot_at"], installation.clock.now()) if row["slot_at"] else "-",
                shorten(str(row["title"]), 64)
                + ("  [offline sample]" if row["simulated"] else "")
                + (f"  waits for {row['waits_for']}" if row["waits_for"] else ""),
            )
            for row in page.articles
        ],
        right=[0, 3],
    )
    if page.total > len(page.articles):
        session.output.note(f"{len(page.articles)} of {page.total}; use --limit and --offset for more")


@content.command()
@click.argument("number", type=int)
@click.option("--open", "opens", is_flag=True, help="Show it in the browser as its site will, with its images.")
@click.option(
    "--html", "page", type=click.Path(path_type=Path), metavar="FILE", help="Write that page, images and all."
)
@format_option("text", "json", "html", "markdown")
@click.pass_obj
def show(session: Session, number: int, opens: bool, page: Path | None, format_: str) -> None:
    """Show an article: its facts, what was decided about it, its checklist and its text.

    The score of the checklist is a heuristic: no search engine tells how it ranks.

    Examples:

      igny8 content show 12
      igny8 content show 12 --open
      igny8 content show 12 --html article.html
    """
    from reconciler.operations.content import preview, show_article
    from reconciler.store.media import picture_path

    output = session.output
    installation = session.installation()
    with session.database(installation) as database:
        article = show_article(database, number)
        if opens or page is not None:
            html = preview(database, number, installation.media, embedded=page is not None)
            _write_page(session, page or _temporary(number), html, opens=opens)
            return
    if format_ == "json":
        output.json({"version": 1, "summary": {"id": article["id"], "state": article["state"]}, "article": article})
        return
    if format_ in ("html", "markdown"):
        output.data(str(article[format_]).rstrip())
        return
    facts = [
        ("site", article["site"]),
        ("state", _state(article)),
        ("keyword", article["keyword"]),
        ("slug", article["slug"]),
        ("meta title", article["meta_title"]),
        ("meta description", article["meta_description"]),
        ("words", article["words"]),
        ("model", article["model"] + (" (offline sample)" if article["simulated"] else "")),
        ("approved", _approval(article)),
        ("slot", f"{article['slot_at']:%Y-%m-%d %H:%M} UTC" if article["slot_at"] else "-"),
        ("url", article["url"] or "-"),
        *((f"copy, {copy['target_name']}", _copy(copy)) for copy in article["copies"]),
    ]
    output.data(output.style(readable(str(article["title"])), "head"))
    for name, value in facts:
        output.data(f"  {name:<17} {readable(str(value))}")
    if article["checklist"]:
        show_checklist(output, article["checklist"])
    for image in article["images"]:
        path = picture_path(installation.media, image["sha256"], image["media_type"])
        output.data(f"  image, {image['role']:<10} {_from_here(path)}  ({readable(str(image['alt']))})")
    for item in article["decisions"]:
        reason = f": {readable(str(item['reason']))}" if item["reason"] else ""
        output.data(f"  {item['at']:%Y-%m-%d %H:%M} {item['kind']:<13} by {item['decided_by']}{reason}")
    output.data(f"\n{readable(str(article['markdown']).rstrip(), lines=True)}")


def _state(article: dict[str, Any]) -> str:
    told = "replaced: it was sent back to be written again" if article["state"] == "replaced" else str(article["state"])
    return told + (f", waits for {article['waits_for']}" if article["waits_for"] else "")


def _copy(copy: dict[str, Any]) -> str:
    """Return how an article stands at a further place."""
    told = [str(copy["state"])]
    if copy["state"] == "scheduled":
        at = copy["next_attempt_at"] or copy["due_at"]
        told.append(f"from {at:%Y-%m-%d %H:%M} UTC" if copy["is_declared"] else "the place is not declared any more")
    told += [str(copy["url"])] if copy["state"] == "published" else []
    told += [str(copy[name]) for name in ("sync_finding", "error") if copy[name]]
    return ", ".join(told)


def _approval(article: dict[str, Any]) -> str:
    if not article["approved_by"]:
        return "-"
    text = f"by {article['approved_by']}, {article['approved_at']:%Y-%m-%d %H:%M} UTC"
    return text + (", but changed since" if article["is_as_approved"] is False else "")


def _temporary(number: int) -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="igny8-")) / f"article-{number}.html"


def _write_page(session: Session, path: Path, html: str, *, opens: bool) -> None:
    import webbrowser

    try:
        path.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
    session.output.data(str(path))
    if opens and not webbrowser.open(path.absolute().as_uri()):
        session.output.note("no browser was found; open the file yourself")


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


@content.command()
@click.argument("number", type=int)
@click.option("--file", "file", metavar="FILE", help="Take this file instead of an editor; - is stdin.")
@click.option("--set", "settings", metavar="FIELD=VALUE", multiple=True, help="Set one field; may be repeated.")
@click.option("--print", "prints", is_flag=True, help="Print the file that would be edited, and change nothing.")
@at_option
@click.pass_obj
def edit(
    session: Session, number: int, file: str | None, settings: tuple[str, ...], prints: bool, at: str | None
) -> None:  # fmt: skip
    """Edit an article in $EDITOR: Markdown, with title, slug, excerpt, meta title, meta description and tags above it.

    An edit voids an approval: the article goes back to review and waits for a person.

    Examples:

      igny8 content edit 12
      igny8 content edit 12 --set title="How to choose hiking boots"
      igny8 content edit 12 --print > article.md && igny8 content edit 12 --file article.md
    """
    from reconciler.operations.content import show_article
    from reconciler.operations.edit_article import open_article, read_setting, save_fields, save_text

    if sum((file is not None, bool(settings), prints)) > 1:
        raise UsageError("--file, --set and --print are three ways", hint="take one of them")
    fields = dict(read_setting(text) for text in settings)
    installation = session.installation(at)
    by, clock, output = installation.actor, installation.clock, session.output
    with session.database(installation) as database:
        opened = open_article(database, number)
        if prints:
            output.data(opened.text.rstrip())
            return
        if fields:
            changed = save_fields(database, clock, number, fields, by=by)
        elif file is not None:
            changed = save_text(database, clock, number, _read(file), by=by)
        else:
            text = _edited(session, opened.text)
            try:
                changed = save_text(database, clock, number, text, by=by, begun_from=opened.content_hash)
            except Igny8Error:
                output.note(f"Your text is kept in {_keep(installation.root, number, text)}")
                raise
        article = show_article(database, number)
    if not changed:
        output.data(f"{number}: nothing was changed")
        return
    output.data(f"{number}: changed {', '.join(changed)}; {_state(article)}")


def _read(file: str) -> str:
    import sys

    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}") from error


def _edited(session: Session, text: str) -> str:
    if not (session.accepts_input and is_interactive()):
        raise UsageError("there is no terminal to edit on", hint="use --file FILE or --set FIELD=VALUE")
    try:
        found = click.edit(text, extension=".md")
    except click.ClickException as error:
        raise UsageError(error.format_message(), hint="set EDITOR to an editor that exists") from error
    return text if found is None else found


def _keep(root: Path, number: int, text: str) -> Path:
    """Write a text that could not be saved where its author finds it."""
    folder = root / ".igny8"
    folder.mkdir(exist_ok=True)
    path = folder / f"edit-{number}.md"
    path.write_text(text, encoding="utf-8")
    return path


for _decision in DECISIONS:
    content.add_command(_decision)
