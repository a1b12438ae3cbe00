"""What the offline provider can say, one TOML file a language; a language without a file is answered in English."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, slots=True)
class Theme:
    """One subject of a section: headings to choose from and sentences that belong under each of them."""

    headings: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language. `characters_per_word` is 0 where spaces part the words."""

    quotes: tuple[str, str]
    characters_per_word: int
    stop_words: frozenset[str]
    weak_words: frozenset[str]
    question_words: frozenset[str]
    site_joint: str
    note: str
    cluster_descriptions: tuple[str, ...]
    titles: tuple[str, ...]
    question_titles: tuple[str, ...]
    idea_descriptions: tuple[str, ...]
    meta_descriptions: tuple[str, ...]
    excerpts: tuple[str, ...]
    intros: tuple[str, ...]
    answers: tuple[str, ...]
    links: tuple[str, ...]
    closings: tuple[str, ...]
    list_leads: tuple[str, ...]
    list_items: tuple[str, ...]
    table_head: tuple[str, ...]
    table_rows: tuple[tuple[str, ...], ...]
    image_captions: tuple[str, ...]
    image_alts: tuple[str, ...]
    questions: Theme
    themes: tuple[Theme, ...]

    def quote(self, phrase: str) -> str:
        """Return the phrase in the language's quotation marks."""
        return f"{self.quotes[0]}{phrase}{self.quotes[1]}"

    def is_question(self, phrase: str) -> bool:
        """Tell whether a search phrase begins like a question."""
        words = phrase.split(maxsplit=1)
        return bool(words) and words[0].casefold() in self.question_words

    def count_words(self, text: str) -> int:
        """Return the words of a text, by its spaces or by its characters."""
        if self.characters_per_word == 0:
            return len(text.split())
        return sum(1 for character in text if not character.isspace()) // self.characters_per_word


def find_language(code: str) -> Language:
    """Return the language of a code such as `de-AT`, or English."""
    primary = code.split("-")[0].lower()
    return _read_language(primary if primary in _codes() else "en")


@cache
def _codes() -> frozenset[str]:
    files = resources.files(__name__).iterdir()
    return frozenset(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


@cache
def _read_language(code: str) -> Language:
    text = resources.files(__name__).joinpath(f"{code}.toml").read_text(encoding="utf-8")
    values: dict[str, Any] = {key: _freeze(value) for key, value in tomllib.loads(text).items()}
    for key in ("stop_words", "weak_words", "question_words"):
        values[key] = frozenset(values[key].split())
    values["questions"] = _read_theme(values["questions"])
    values["themes"] = tuple(_read_theme(theme) for theme in values["themes"])
    return Language(**values)


def _freeze(value: Any) -> Any:
    return tuple(_freeze(item) for item in value) if isinstance(value, list) else value


def _read_theme(value: Mapping[str, list[str]]) -> Theme:
    return Theme(tuple(value["headings"]), tuple(value["sentences"]))
