"""The only place that prints. Data goes to stdout, everything else to stderr; colour only where a person reads it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import IO, Any

import click

from cli.exits import Exit
from reconciler.errors import ExitCode
from reconciler.wording import counted as counted

# Non-joiner, joiner, the two marks of direction, soft hyphen: titles in Persian, Hindi, Hebrew and emoji have them.
_STAYS = "\u200c\u200d\u200e\u200f\u00ad"
_CHARACTERS_A_COLUMN = 8  # a letter with its marks; what has more of them is cut
_STYLES: dict[str, dict[str, Any]] = {
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "good": {"fg": "green"},
    "add": {"fg": "green"},
    "change": {"fg": "yellow"},
    "remove": {"fg": "red"},
    "dim": {"dim": True},
    "head": {"bold": True},
}


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's answer goes. `verbosity` is -1 for quiet, 0, 1 for verbose, 2 for debug."""

    color: str = "auto"
    verbosity: int = 0

    def has_color(self, stream: IO[str]) -> bool:
        """Tell whether a stream gets colours: forced by --color, refused by NO_COLOR, else only on a terminal."""
        if self.color != "auto":
            return self.color == "always"
        return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()

    def style(self, text: str, style: str, *, stderr: bool = False) -> str:
        """Return a text in a named style, or as it is where there are no colours."""
        stream = sys.stderr if stderr else sys.stdout
        return click.style(text, **_STYLES[style]) if self.has_color(stream) else text

    def data(self, text: str = "") -> None:
        """Print a part of the answer."""
        _tell(text, color=self.has_color(sys.stdout))

    def file(self, text: str) -> None:
        """Print the text of a file as it is, line ends included."""
        _tell(text, nl=False)

    def json(self, value: Any) -> None:
        """Print a machine-readable answer."""
        _tell(json.dumps(value, indent=2, ensure_ascii=False, default=_plain))

    def csv(self, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Print rows for a spreadsheet; a text that it would run as a formula gets a quote in front."""
        import csv
        import io

        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_csv_cell(value) for value in row] for row in rows)
        _tell(text.getvalue(), nl=False)

    def line(self, value: Any) -> None:
        """Print a machine-readable event on a line of its own, at once."""
        _tell(json.dumps(value, ensure_ascii=False, default=_plain))

    def note(self, text: str) -> None:
        """Tell something beside the answer; silent with --quiet."""
        if self.verbosity >= 0:
            click.echo(text, err=True, color=self.has_color(sys.stderr))

    def error(self, message: str, hint: str = "") -> None:
        """Tell what went wrong, and what to do next."""
        click.echo(
            f"{self.style('error:', 'error', stderr=True)} {message}", err=True, color=self.has_color(sys.stderr)
        )
        if hint:
            click.echo(f"  = hint: {hint}", err=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Iterable[int] = ()) -> None:
        """Print aligned columns; `right` are the indexes of those with numbers."""
        cells = [[str(cell) for cell in row] for row in rows]
        widths = [max([_width(title), *(_width(row[i]) for row in cells)]) for i, title in enumerate(columns)]
        numbers = set(right)

        def line(row: Sequence[str]) -> str:
            padded = (
                " " * (widths[i] - _width(cell)) + cell if i in numbers else cell + " " * (widths[i] - _width(cell))
                for i, cell in enumerate(row)
            )  # fmt: skip
            return "  ".join(padded).rstrip()

        self.data(self.style(line(columns), "head"))
        for row in cells:
            self.data(line(row))


def _tell(text: str, *, nl: bool = True, color: bool | None = None) -> None:
    try:
        click.echo(text, nl=nl, color=color)
    except BrokenPipeError as error:
        # Whoever read our answer has seen enough; do not complain when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(ExitCode.OK) from error


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value
    if isinstance(value, (list, tuple, dict)):
        return json.dumps(value, ensure_ascii=False, default=_plain)
    return "" if value is None else _plain(value) if hasattr(value, "isoformat") else value


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _width(text: str) -> int:
    """Return the columns that a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(maxsize=4096)
def _columns(character: str) -> int:
    """Return the columns of a character: East Asian wide ones take two, marks and joiners none."""
    from unicodedata import category, east_asian_width

    return 0 if category(character) in ("Mn", "Me", "Cf") else 1 + (east_asian_width(character) in "WF")


def place_name(site: str, target: str) -> str:
    """Return what people call a place of a site's articles: the site, or SITE/NAME for a further place."""
    return f"{site}/{target}" if target else site


def readable(text: str, *, lines: bool = False) -> str:
    """Return what a person or a model wrote with escapes for what would steer a terminal or turn its direction.

    The spaces and joiners of every script stay. Of several lines it makes one, unless `lines` are wanted.
    """
    from unicodedata import category

    if text.isprintable():
        return text

    def shown(character: str) -> str:
        if character.isprintable() or character in _STAYS or category(character) == "Zs":
            return character
        if character in "\n\t":
            return character if lines else " "
        return character.encode("unicode_escape", "surrogatepass").decode()

    return "".join(map(shown, text))


def shorten(text: str, width: int) -> str:
    """Return a text as one line that takes at most so many columns, cut with an ellipsis."""
    # What is cut off in any case is not looked at: names and reasons may be as long as anybody likes.
    looked_at = _CHARACTERS_A_COLUMN * width
    head = readable(text[:looked_at])
    if len(text) <= looked_at and _width(head) <= width:
        return head
    taken = end = 0
    while end < len(head) and taken + _columns(head[end]) <= width - 1:
        taken += _columns(head[end])
        end += 1
    return head[:end] + "…"


def is_interactive() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str, confirm: Callable[..., bool] = click.confirm) -> bool:
    """Ask a yes-or-no question on the terminal; the default is no."""
    return confirm(question, default=False, err=True)
