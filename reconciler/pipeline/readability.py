"""How easily a text is read: the Flesch reading ease in its form for the language, by textstat where it is installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

# The languages that textstat has a formula of its own for; for others it would take the one for English.
LANGUAGES = ("de", "en", "es", "fr", "hu", "it", "nl", "ru")
_SENTENCE_ENDS = re.compile(r"(?<=[\w)\]”\"'])\n+")


@dataclass(frozen=True, slots=True)
class Readability:
    """The reading ease of a text: 100 is read by everybody, 0 by nobody; below 0 and above 100 happen."""

    ease: int


def measure_readability(text: str, language: str) -> Readability | str:
    """Return how easily a text is read, or why that is not known. Lines count as sentences."""
    root = language.split("-")[0].lower()
    if root not in LANGUAGES:
        return f"there is no formula for the language {root}"
    measure = _measure(root)
    if measure is None:
        return "textstat is not installed (igny8[readability])"
    return Readability(round(measure(_SENTENCE_ENDS.sub(". ", text.strip()))))


@cache
def _measure(language: str) -> Any:
    """Return the formula of a language, None without textstat; syllables take half a second to load, once."""
    try:
        from textstat.textstat import textstatistics
    except ImportError:
        return None
    measures = textstatistics()
    measures.set_lang(language)
    return measures.flesch_reading_ease
