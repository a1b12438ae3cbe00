"""igny8 publish, igny8 unpublish"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from cli.exits import Exit
from cli.options import at_option, format_option, site_option, target_option
from cli.output import Output, place_name, shorten
from cli.session import Session
from reconciler.errors import ExitCode, Igny8Error, UsageError

if TYPE_CHECKING:
    from reconciler.operations.publish import PublishReport
    from reconciler.operations.publish_article import ArticleEnd


@click.command()
@click.argument("articles", type=int, nargs=-1, metavar="[ARTICLE]...")
@click.option("--due", is_flag=True, help="Publish every article whose slot has come.")
@click.option("--retry", is_flag=True, help="With --due: also what waits for its next attempt, and stopped sites.")
@click.option("--force", is_flag=True, help="With articles: overwrite what a person changed at the site.")
@target_option
@site_option
@format_option("text", "json")
@at_option
@click.pass_obj
def publish(
    session: Session, articles: tuple[int, ...], due: bool, retry: bool, force: bool, target: str, site: str | None,
    format_: str, at: str | None,
) -> None:  # fmt: skip
    """Publish the articles whose slot has come, or the ones that you name.

    An article that is named goes out now, before its slot; one that is published already is brought up to date in place,
    with its address and its date. What a person changed at the site is never overwritten without --force.

    The copies of an article at further places (a site's `syndication`) follow it; --target sends a public article to one
    of these places, also one that went out before the place was declared.

    Killed at any moment and run again, each article is public once at each place. Ends with 7 when some failed.

    Examples:

      igny8 publish --due
      igny8 publish --due --at +7d      (let a week pass)
      igny8 publish 12                  (now; or update it after an edit)
      igny8 publish 12 --target partner
    """
    _check_choice(articles, due=due, retry=retry, force=force, site=site, target=target)
    installation = session.installation(at)
    with session.database(installation) as database:
        if due:
            from reconciler.operations.publish import publish_due
            from reconciler.operations.review import settle_reviews

            settle_reviews(database, installation.clock)
            _show_report(session.output, publish_due(installation, database, site=site, retry=retry), format_)
            return
        from reconciler.operations.publish_article import publish_article

        def publish_one(number: int) -> ArticleEnd:
            return publish_article(installation, database, number, force=force, target=target)

        show_ends(session.output, _each(articles, publish_one), format_)


@click.command()
@click.argument("articles", type=int, nargs=-1, required=True, metavar="ARTICLE...")
@target_option
@format_option("text", "json")
@click.pass_obj
def unpublish(session: Session, articles: tuple[int, ...], target: str, format_: str) -> None:
    """Take published articles out of sight, with their copies: each stays at its site as a draft; a static site's files go.

    `igny8 publish NUMBER` brings one back, at its old address and date, and its copies with it. With --target only the
    copy at that place goes, and stays away until it is sent there again. Ends with 7 when a site refused.

    Examples:

      igny8 unpublish 12
      igny8 unpublish 12 --target partner
    """
    from reconciler.operations.publish_article import unpublish_article

    installation = session.installation()
    with session.database(installation) as database:

        def unpublish_one(number: int) -> ArticleEnd:
            return unpublish_article(installation, database, number, target=target)

        show_ends(session.output, _each(articles, unpublish_one), format_)


def _check_choice(
    articles: tuple[int, ...], *, due: bool, retry: bool, force: bool, site: str | None, target: str
) -> None:
    """Refuse what would be passed over in silence: options of what is due beside named articles, and the other way round."""
    both = "igny8 publish --due, or igny8 publish NUMBER"
    if not (articles or due):
        raise UsageError("say what to publish", hint=both)
    if articles and due:
        raise UsageError("--due and articles by number are two ways to say what to publish", hint=both)
    if articles and (retry or site):
        raise UsageError(f"{'--retry' if retry else '--site'} is for what is due", hint="leave it out, or the numbers")
    if due and target:
        raise UsageError("--target goes with articles", hint=f"igny8 publish NUMBER --target {target}")
    if due and force:
        raise UsageError("--force is for articles that you name", hint="igny8 publish NUMBER --force")


def _each(articles: tuple[int, ...], act: Callable[[int], ArticleEnd]) -> Iterator[ArticleEnd]:
    """Yield what becomes of each article; of several, one that is refused keeps no other from its turn."""
    from reconciler.operations.publish_article import ArticleEnd

    for number in articles:
        try:
            end = act(number)
        except Igny8Error as error:
            if len(articles) == 1:
                raise
            end = ArticleEnd(number, "", "", "failed", "", error.message, error.hint)
        yield end


def show_ends(output: Output, ends: Iterable[ArticleEnd], format_: str) -> None:
    """Show what became of articles and their copies, each as soon as it is known; ends with 7 when one failed."""
    done: list[ArticleEnd] = []
    for end in ends:
        done.append(end)
        for item in (end, *end.copies) if format_ == "text" else ():
            mark = output.style(f"{item.what:<11}", "error" if item.error else "good")
            where = place_name(item.site, item.target)
            output.data(f"{mark} {item.content_id:>5}  {where:<18} {shorten(item.title, 50)}  {item.error or item.url}")
            if item.hint:
                output.note(f"{item.content_id}: {item.hint}")
    failed = sum(any(item.error for item in (end, *end.copies)) for end in done)
    if format_ == "json":
        summary = {"done": len(done) - failed, "failed": failed}
        output.json({"version": 1, "summary": summary, "articles": [asdict(end) for end in done]})
    if failed:
        raise Exit(ExitCode.FAILED)


def _show_report(output: Output, report: PublishReport, format_: str) -> None:
    failed = sum(bool(item.error) for item in report.articles)
    done = len(report.articles) - failed
    if format_ == "json":
        rows = [
            {
                "site": a.site, "content": a.content_id, "title": a.title, "slot_at": a.slot_at, "url": a.url,
                "error": a.error, "hint": a.hint, "again_at": a.again_at, "target": a.target,
            }
            for a in report.articles
        ]  # fmt: skip
        summary = {"published": done, "failed": failed, "waiting": report.waiting, "stopped_sites": len(report.stopped)}
        stopped = [asdict(item) for item in report.stopped]
        output.json({"version": 1, "summary": summary, "articles": rows, "stopped": stopped})
    else:
        _tell_report(output, report, done, failed)
    if report.failed:
        raise Exit(ExitCode.FAILED)


def _tell_report(output: Output, report: PublishReport, done: int, failed: int) -> None:
    names = [place_name(item.site, item.target) for item in report.articles]
    width = max([18, *map(len, names)])
    for item, name in zip(report.articles, names, strict=True):
        mark = output.style("failed   ", "error") if item.error else output.style("published", "good")
        again = f" (again at {item.again_at:%H:%M} UTC)" if item.again_at else ""
        output.data(
            f"{mark} {item.slot_at:%a %d %b %H:%M} UTC  {name:<{width}} {shorten(item.title, 50)}  "
            f"{item.error or item.url}{again}"
        )
        if item.hint:
            output.note(f"{item.content_id}: {item.hint}")
    for site in report.stopped:
        name = place_name(site.site, site.target)
        output.data(f"{output.style('stopped  ', 'error')} {name}: {site.reason}")
        output.note(f"{name}: tried again from {site.until:%d %b %H:%M} UTC, or now by `igny8 publish --due --retry`")
        if site.hint:
            output.note(f"{name}: {site.hint}")
    output.data(f"{done} published, {failed} failed")
    if report.waiting:
        output.note(f"{report.waiting} wait for their next attempt")
    if report.note:
        output.note(report.note)
    for name in report.busy_sites:
        output.note(f"{name}: another process is publishing")
