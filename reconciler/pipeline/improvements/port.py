"""What an improvement is: a text stage of one article, asked for by a person."""

from __future__ import annotations

from typing import Protocol

from reconciler.pipeline.port import ItemReader, Row, SiteContext, TextStage


class Improvement(TextStage, Protocol):
    """A function on an article that is there. One that fails leaves the article as it is."""

    counts_failures: bool = False

    def why_nothing(self, context: SiteContext, article: Row, reader: ItemReader) -> str:
        """Return why there is nothing for it to do on an article, "" when there is."""
        ...

    def answer_tokens(self, article: Row) -> int:
        """Return how many tokens its answer has, as a rule; what it has at most is the model's limit."""
        ...
