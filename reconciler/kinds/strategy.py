"""Strategy: whom articles are for, what they are to achieve and how they are built."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticCustomError

from reconciler.kinds.fields import NamedSpec, Positive, Spec, Text


class WordCount(Spec):
    """How long an article is."""

    min: Positive = 800
    max: Positive = 1600

    def model_post_init(self, _context: Any) -> None:
        if self.min > self.max:
            raise PydanticCustomError(
                "word_count", "min ({least}) is larger than max ({most}); unwritten, min is 800 and max 1600",
                {"least": self.min, "most": self.max},
            )  # fmt: skip


class Strategy(NamedSpec):
    """A content strategy."""

    display_name: Text | None = None
    audience: str = ""
    goals: tuple[Text, ...] = ()
    structure: tuple[Text, ...] = ()
    word_count: WordCount = WordCount()
    calls_to_action: tuple[Text, ...] = ()
    words_to_avoid: tuple[Text, ...] = ()
