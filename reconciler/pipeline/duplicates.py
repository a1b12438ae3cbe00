"""Finds phrases and titles that mean the same page: by their normal form, then word by word.

Two texts are near when each word of one has its like in the other: equal, or an inflection of it. Numbers and any word
that makes a difference (women, men; beginners, experts) keep them apart, whatever the letters they share.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b")
_RATIO_MIN = 85.0
_INFLECTED_FROM = 4
# Words that change nothing about what is searched for. Prepositions that do (from, without, ohne, sin) are not here.
_SMALL_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "in",
        "on",
        "to",
        "with",
        "and",
        "or",
        "your",
        "my",
        "is",
        "are",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "des",
        "ein",
        "eine",
        "einen",
        "einem",
        "einer",
        "für",
        "mit",
        "und",
        "im",
        "in",
        "am",
        "auf",
        "von",
        "zu",
        "zum",
        "zur",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "unos",
        "unas",
        "de",
        "del",
        "para",
        "con",
        "y",
        "en",
        "al",
        "le",
        "les",
        "du",
        "des",
        "une",
        "et",
        "pour",
        "avec",
        "dans",
        "au",
        "aux",
        "il",
        "lo",
        "gli",
        "e",
        "di",
        "per",
        "nel",
        "della",
        "o",
        "os",
        "as",
        "um",
        "uma",
        "do",
        "da",
        "no",
        "na",
        "het",
        "een",
        "en",
        "van",
        "voor",
        "met",
    ]
)


@dataclass(frozen=True, slots=True)
class Near:
    """Two texts that mean the same; `similarity` is 0 to 100, 100 for the same normal form."""

    text: str
    of: str
    similarity: int

    @property
    def reason(self) -> str:
        """Return the sentence that users read."""
        how = "the same words" if self.similarity == 100 else f"{self.similarity} % alike"
        return f"“{self.text}” repeats “{self.of}” ({how})"


@lru_cache(maxsize=16_384)
def normal_form(text: str) -> str:
    """Return a text's words in one case and width, sorted, without small words: equal for what is searched alike."""
    tokens = tokens_of(text)
    return " ".join(sorted(token for token in tokens if token not in _SMALL_WORDS) or sorted(tokens))


def has_form(text: str, form: str) -> bool:
    """Tell whether a text has this normal form; at once for most of those that have another."""
    if text.isascii():
        # Its words stand in it as they are, so that no form is made of the many in which one is missing.
        folded = text.lower()
        if any(word not in folded for word in form.split()):
            return False
    return normal_form(text) == form


def tokens_of(text: str) -> list[str]:
    """Return the words of a text, in one case and width."""
    return _TOKEN.findall(_folded(text))


def _folded(text: str) -> str:
    return _POSSESSIVE.sub("", unicodedata.normalize("NFKC", text).casefold())


def words_alike(one: str, other: str) -> bool:
    """Tell whether two words are the same, or one an inflection of the other."""
    if one == other:
        return True
    shorter = min(len(one), len(other))
    if shorter < _INFLECTED_FROM or any(character.isdigit() for character in one + other):
        return False
    from rapidfuzz.distance import Prefix
    from rapidfuzz.fuzz import ratio

    return Prefix.similarity(one, other) >= shorter - 1 and ratio(one, other) >= _RATIO_MIN


class KnownTexts:
    """Texts that are there already, to compare new ones with."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._by_form: dict[str, str] = {}
        self._by_starts: dict[str, list[str]] = {}
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._by_form)

    def add(self, text: str) -> None:
        """Know this text from now on; the first one of a normal form stands for all."""
        form = normal_form(text)
        if not form or form in self._by_form:
            return
        self._by_form[form] = text
        self._by_starts.setdefault(_starts(form), []).append(form)

    def near(self, text: str) -> Near | None:
        """Return the text that this one repeats, the most similar one, or None."""
        form = normal_form(text)
        if form in self._by_form:
            return Near(text, self._by_form[form], 100)
        # Nobody else can be near: words that are alike begin with the same three letters.
        candidates = self._by_starts.get(_starts(form), ()) if form else ()
        if not candidates:
            return None
        from rapidfuzz.fuzz import token_sort_ratio

        words = form.split()
        found = [
            Near(text, self._by_form[other], min(99, round(token_sort_ratio(form, other))))
            for other in candidates
            if _all_alike(words, other.split())
        ]
        return max(found, key=lambda near: near.similarity, default=None)


def _starts(form: str) -> str:
    """Return the beginnings of a normal form's words, in order: the same for all that may be near each other."""
    return " ".join(sorted(word[:3] for word in form.split()))


def _all_alike(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    left = list(theirs)
    for word in ours:
        like = next((other for other in left if words_alike(word, other)), None)
        if like is None:
            return False
        left.remove(like)
    return True


def nearest(about: str, texts: Sequence[str], most: int) -> list[str]:
    """Return at most so many texts, those that have the most words in common with a subject; in the order they came in."""
    if len(texts) <= most:
        return list(texts)
    from rapidfuzz.fuzz import token_set_ratio
    from rapidfuzz.process import extract

    found = extract(_folded(about), texts, scorer=token_set_ratio, processor=_folded, limit=most)
    return [texts[place] for place in sorted(place for _, _, place in found)]


def holds_phrase(phrase: str, text: str) -> bool:
    """Tell whether a text speaks of a phrase: the phrase itself stands in it, or all of its words, also inflected."""
    wanted = [token for token in tokens_of(phrase) if token not in _SMALL_WORDS] or tokens_of(phrase)
    folded = _folded(text)
    if not wanted or " ".join(folded.split()).find(" ".join(tokens_of(phrase))) >= 0:
        return True
    present = set(_TOKEN.findall(folded))
    # Scripts without spaces have no words to compare: there the piece itself must stand in the text.
    return all(
        word in present or any(words_alike(word, other) for other in present) or (not word.isascii() and word in folded)
        for word in wanted
    )
