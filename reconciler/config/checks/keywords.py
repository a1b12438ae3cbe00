"""Rules of keyword lists: each keyword stands there once."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic, Mark

_SHOWN_MAX = 20


def check_doubles(draft: Draft) -> Iterable[Diagnostic]:
    """No list has a keyword twice; of a list with many, the first are told."""
    for file, keywords in draft.keyword_lists.items():
        first: dict[str, int] = {}
        told = 0
        for keyword, line in zip(keywords.keywords, keywords.lines, strict=True):
            term = str(keyword["term"]).casefold()
            if first.setdefault(term, line) != line and told < _SHOWN_MAX:
                told += 1
                yield Diagnostic(
                    "IG131", f"the keyword {keyword['term']!r} stands in line {first[term]} already", file, Mark(line),
                    hint="remove one of them", severity="warning",
                )  # fmt: skip
