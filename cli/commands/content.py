"""igny8 content"""

from __future__ import annotations

from pathlib import Path

import click

from cli.options import at_option, format_option, site_option
from cli.output import shorten
from cli.session import Session

_STATES = ["draft", "review", "approved", "scheduled", "published", "failed"]


@click.group()
def content() -> None:
    """Look at articles and approve them."""


@content.command("list")
@site_option
@click.option("--state", type=click.Choice(_STATES), help="Only articles in this state.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000), help="How many.")
@click.option("--offset", default=0, type=click.IntRange(0), help="How many to pass over.")
@format_option("text", "json")
@click.pass_obj
def list_(session: Session, site: str | None, state: str | None, limit: int, offset: int, format_: str) -> None:
    """List articles, oldest first.

    Example: igny8 content list --site alpine-trails --state review
    """
    from reconciler.operations.content import list_articles

    installation = session.installation()
    with session.database(installation) as database:
        page = list_articles(database, site=site, state=state, limit=limit, offset=offset)
    if format_ == "json":
        hidden = ("markdown", "html")
        rows = [{key: value for key, value in row.items() if key not in hidden} for row in page.articles]
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
                f"{row['slot_at']:%a %d %b %H:%M}" if row["slot_at"] else "-",
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
@format_option("text", "json", "html", "markdown")
@click.pass_obj
def show(session: Session, number: int, format_: str) -> None:
    """Show an article: its facts and its text.

    Example: igny8 content show 12 --format html > article.html
    """
    from reconciler.operations.content import show_article
    from reconciler.store.media import picture_path

    installation = session.installation()
    with session.database(installation) as database:
        article = show_article(database, number)
    output = session.output
    if format_ == "json":
        output.json({"version": 1, "summary": {"id": article["id"], "state": article["state"]}, "article": article})
        return
    if format_ in ("html", "markdown"):
        output.data(str(article[format_]).rstrip())
        return
    facts = [
        ("site", article["site"]),
        ("state", article["state"] + (f", waits for {article['waits_for']}" if article["waits_for"] else "")),
        ("keyword", article["keyword"]),
        ("slug", article["slug"]),
        ("meta title", article["meta_title"]),
        ("meta description", article["meta_description"]),
        ("words", article["words"]),
        ("model", article["model"] + (" (offline sample)" if article["simulated"] else "")),
        ("slot", f"{article['slot_at']:%Y-%m-%d %H:%M} UTC" if article["slot_at"] else "-"),
        ("url", article["url"] or "-"),
    ]
    output.data(output.style(str(article["title"]), "head"))
    for name, value in facts:
        output.data(f"  {name:<17} {value}")
    for image in article["images"]:
        path = picture_path(installation.media, image["sha256"], image["media_type"])
        output.data(f"  image, {image['role']:<10} {_from_here(path)}  ({image['alt']})")
    output.data(f"\n{article['markdown'].rstrip()}")


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_absolute() and path.is_relative_to(Path.cwd()) else path


@content.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
@at_option
@click.pass_obj
def approve(session: Session, numbers: tuple[int, ...], at: str | None) -> None:
    """Approve articles in review; with auto_publish each takes the next free slot.

    Example: igny8 content approve 12 13
    """
    from reconciler.operations.content import approve_article

    installation = session.installation(at)
    with session.database(installation) as database:
        for number in numbers:
            slot, waits_for = approve_article(database, installation.clock, number, by=installation.actor)
            end = f"scheduled for {slot:%a %d %b %H:%M} UTC" if slot else f"approved, waits for {waits_for}"
            session.output.data(f"{number}: {end}")
