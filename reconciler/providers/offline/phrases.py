"""What search phrases are about: weighted features of each, and how alike two of them are.

Words are reduced to rough stems, so that plurals and compounds meet. Scripts without spaces are cut where the script
changes and into character pairs.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from reconciler.providers.offline.languages import Language

Features = Mapping[str, float]

_WORD = re.compile(r"[^\W_]+(?:[-'’.][^\W_]+)*")
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff々ー"
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_SCRIPT_RUN = re.compile("[\u30a0-\u30ff]{2,}|[\u3400-\u9fff々]{2,}|[\u0e00-\u0e7f]{2,}|[A-Za-z0-9]{2,}")
_SUFFIXES = ("ing", "en", "es", "er", "ed", "s", "n", "e", "o", "a", "y")
_STEM_MIN = 4
_CONTAINED_MIN = 5
_WEAK_WEIGHT = 0.25
_PAIR_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Phrases:
    """Search phrases with the features of each and how many phrases share a feature."""

    terms: tuple[str, ...]
    features: tuple[Features, ...]
    frequency: Mapping[str, int]

    def rarity(self, feature: str) -> float:
        """Return how much a feature tells: the fewer phrases have it, the more."""
        return math.log(1 + len(self.terms) / self.frequency[feature])

    def likeness(self, first: int, second: int) -> float:
        """Return the summed weight of what two phrases share."""
        ours, theirs = self.features[first], self.features[second]
        return sum(self.rarity(name) * min(ours[name], theirs[name]) for name in sorted(ours.keys() & theirs.keys()))


def study(terms: Sequence[str], language: Language) -> Phrases:
    """Return the phrases with their features; a word that holds another phrase's stem shares it."""
    own = [feature_phrase(term, language) for term in terms]
    stems = {name for features in own for name in features if len(name) >= _CONTAINED_MIN}
    features = tuple(_with_contained(features, stems) for features in own)
    frequency: dict[str, int] = {}
    for name in (name for one in features for name in one):
        frequency[name] = frequency.get(name, 0) + 1
    return Phrases(tuple(terms), features, frequency)


def feature_phrase(phrase: str, language: Language) -> Features:
    """Return the stems of a phrase's significant words, each with a weight: early words say more than late ones."""
    features: dict[str, float] = {}
    words = [word for word in split_words(phrase) if word.casefold() not in language.stop_words]
    for place, word in enumerate(words):
        weight = 1 / (1 + 0.15 * place)
        if word.casefold() in language.weak_words or word.isdigit():
            weight *= _WEAK_WEIGHT
        for name, share in _split_features(word):
            features[name] = max(features.get(name, 0.0), weight * share)
    return features


def split_words(phrase: str) -> list[str]:
    """Return the words of a phrase as they are written."""
    return _WORD.findall(phrase)


def stem(word: str) -> str:
    """Return the rough stem of a word: without accents, case and common endings."""
    if is_unspaced(word):
        return word.casefold()
    base = unicodedata.normalize("NFD", word.casefold())
    folded = "".join(character for character in base if not unicodedata.combining(character))
    for suffix in _SUFFIXES:
        if folded.endswith(suffix) and len(folded) - len(suffix) >= _STEM_MIN - (suffix == "ing"):
            return folded.removesuffix(suffix)
    return folded


def is_unspaced(text: str) -> bool:
    """Tell whether a text holds characters of a script that puts no spaces between words."""
    return _HAS_UNSPACED.search(text) is not None


def character_likeness(first: str, second: str) -> float:
    """Return the share of character pairs that two phrases have in common, from 0 to 1."""
    ours, theirs = set(_pairs(first.casefold())), set(_pairs(second.casefold()))
    return 2 * len(ours & theirs) / max(len(ours) + len(theirs), 1)


def _split_features(word: str) -> Iterable[tuple[str, float]]:
    yield stem(word), 1.0
    if not is_unspaced(word):
        return
    for run in _SCRIPT_RUN.findall(word):
        yield stem(run), 0.9
        if len(run) > 3 and not re.match("[\u30a0-\u30ff]", run):
            yield from ((pair, _PAIR_WEIGHT) for pair in _pairs(run))


def _with_contained(features: Features, stems: Iterable[str]) -> Features:
    found = dict(features)
    for name, weight in features.items():
        if len(name) > _CONTAINED_MIN:
            for part in stems:
                if part != name and part in name:
                    found[part] = max(found.get(part, 0.0), 0.9 * weight)
    return found


def _pairs(text: str) -> list[str]:
    return [first + second for first, second in pairwise(text) if not (first + second).isspace()]
