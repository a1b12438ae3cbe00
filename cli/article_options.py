"""Which articles a decision is about: by number, or by a filter that shows what it touches and asks."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.exits import Exit
from cli.options import at_option, format_option, seconds_of
from cli.output import ask, counted, is_interactive, shorten
from cli.session import Session
from reconciler.errors import ExitCode, Igny8Error, UsageError

if TYPE_CHECKING:
    from reconciler.operations.app import Installation
    from reconciler.operations.review import ArticleFilter
    from reconciler.pipeline.port import Row
    from reconciler.store.engine import Database

Function = TypeVar("Function", bound=Callable[..., Any])
STATES = ("draft", "review", "approved", "scheduled", "published", "failed")
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was chosen at the command line, and how the answer is to look."""

    filter: ArticleFilter
    yes: bool
    format: str
    at: str | None


def read_labels(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return labels of the form KEY=VALUE; UsageError for any other form."""
    for text in texts:
        if "=" not in text:
            raise UsageError(f"{text!r} is no label", hint="write --label team=europe")
    return tuple((text.partition("=")[0], text.partition("=")[2]) for text in texts)


def filter_options(function: Function) -> Function:
    """Add --label and --older-than."""
    function = click.option("--label", "labels", metavar="KEY=VALUE", multiple=True, help="Only of sites with this label.")(function)  # fmt: skip
    return click.option("--older-than", metavar="TIME", help="Only what was written longer ago: 36h, 14d.")(function)


def article_options(*default_states: str) -> Callable[[Function], Function]:
    """Add numbers, filter and --yes; the command gets them as `chosen`. Without --state a filter means these states."""

    def decorate(function: Function) -> Function:
        @functools.wraps(function)
        def with_choice(
            *arguments: Any, numbers: tuple[int, ...], site: str | None, states: tuple[str, ...],
            labels: tuple[str, ...], older_than: str | None, yes: bool, format_: str, at: str | None, **options: Any,
        ) -> Any:  # fmt: skip
            from reconciler.operations.review import ArticleFilter

            is_filtered = bool(site or states or labels or older_than)
            if is_filtered and numbers:
                raise UsageError(
                    "articles are chosen by number or by a filter, not by both",
                    hint="leave the numbers out, or --site, --state, --label and --older-than",
                )
            if not (is_filtered or numbers):
                raise UsageError(
                    "say which articles, by number or by a filter",
                    hint="`igny8 content list` shows numbers; filters are --site, --state, --label, --older-than",
                )
            seconds = seconds_of(older_than, "--older-than") if older_than else None
            wanted = ArticleFilter(numbers, site, states or default_states, read_labels(labels), seconds)
            return function(*arguments, chosen=Chosen(wanted, yes, format_, at), **options)

        command: Any = with_choice
        command = at_option(format_option("text", "json")(filter_options(command)))
        command = click.option("-y", "--yes", is_flag=True, help="Do it to what the filter selects, without asking.")(
            command
        )
        command = click.option(
            "--state", "states", type=click.Choice(STATES), multiple=True,
            help=f"Only in this state; a filter means {' or '.join(default_states)} otherwise.",
        )(command)  # fmt: skip
        command = click.option("--site", metavar="NAME", help="Only of this site.")(command)
        result: Function = click.argument("numbers", type=int, nargs=-1)(command)
        return result

    return decorate


def decide(
    session: Session, chosen: Chosen, verb: str,
    act: Callable[[Installation, Database, int], str],
) -> None:  # fmt: skip
    """Show what a filter touches and ask, do it to one article after the other, and tell what became of each.

    What was done stays done when a later one is refused, or somebody stops it. One article that was named raises; of
    several the refused ones are told, and the command ends with 7.
    """
    from reconciler.operations.review import choose_articles

    output = session.output
    installation = session.installation(chosen.at)
    with session.database(installation) as database:
        articles = choose_articles(database, installation.clock, chosen.filter)
        if not chosen.filter.is_by_number and not _may(session, chosen, verb, articles):
            return
        ends: dict[int, str] = {}
        refused: dict[int, str] = {}
        for article in articles:
            number = int(article["id"])
            try:
                ends[number] = act(installation, database, number)
            except Igny8Error as error:
                if len(articles) == 1:
                    raise
                refused[number] = error.message
    if chosen.format == "json":
        rows = [
            {"content": number, "result": end, "error": ""} for number, end in ends.items() if number not in refused
        ]
        rows += [{"content": number, "result": "", "error": reason} for number, reason in refused.items()]
        output.json({"version": 1, "summary": {"done": len(rows) - len(refused), "refused": len(refused)}, "articles": rows})  # fmt: skip
    else:
        for number in sorted({*ends, *refused}):
            is_refused = number in refused
            mark = output.style("refused: ", "error") if is_refused else ""
            output.data(f"{number}: {mark}{refused[number] if is_refused else ends[number]}")
    if refused:
        raise Exit(ExitCode.FAILED)


def _may(session: Session, chosen: Chosen, verb: str, articles: Sequence[Row]) -> bool:
    output = session.output
    if not articles:
        if chosen.format == "json":
            output.json({"version": 1, "summary": {"done": 0, "refused": 0}, "articles": []})
        else:
            output.data("The filter selects no article.")
        return False
    touched = [
        f"  {row['id']:>5}  {row['site']}  {row['state']}  {shorten(str(row['title']), 64)}"
        for row in articles[:_SHOWN]
    ]
    if len(articles) > _SHOWN:
        touched.append(f"  and {len(articles) - _SHOWN:,} more")
    may_ask = session.accepts_input and is_interactive()
    if chosen.yes or not may_ask:
        for line in touched:
            output.note(line)
    if chosen.yes:
        return True
    if not may_ask:
        raise UsageError("there is no terminal to ask on", hint="add --yes to do it without asking")
    # What it touches belongs to the question, also with --quiet.
    question = f"{verb} {'this' if len(articles) == 1 else 'these'} {counted(len(articles), 'article')}?"
    if not ask("\n".join([*touched, question])):
        output.note("Nothing was changed.")
        return False
    return True
