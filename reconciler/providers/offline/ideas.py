"""generate_ideas: one idea for about every third keyword, each around another phrase of the cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.languages import Language, Theme, find_language
from reconciler.providers.offline.names import start_upper
from reconciler.providers.offline.phrases import study

_KEYWORDS_PER_IDEA = 3
_SUPPORTING_MAX = 8
_OUTLINE_MIN, _OUTLINE_MAX = 4, 7
_TITLE_MAX = 70
_TITLE_MAX_UNSPACED = 40
_YEAR = re.compile(r"\s*[(\[]?\b(?:19|20)\d\d\b[)\]]?年?(?:版)?\s*")


def write_ideas(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield ideas with titles that are new; shorter versions hold fewer."""
    language = find_language(inputs.get("site", {}).get("language", "en"))
    cluster_name = inputs.get("cluster", {}).get("name", "")
    keywords = tuple(dict.fromkeys(inputs.get("keywords", ()))) or ((cluster_name,) if cluster_name else ())
    if not keywords:
        return
    covered = {title.casefold() for title in inputs.get("existing_titles", ())}
    avoid = _words_to_avoid(inputs)
    ideas: list[dict[str, Any]] = []
    count = min(-(-len(keywords) // _KEYWORDS_PER_IDEA), max(int(inputs.get("ideas_max", 5)), 1))
    for keyword, supporting in share_out(keywords, count, covered, language):
        title = title_keyword(keyword, language, lot, taken=covered, avoid=avoid)
        covered.add(title.casefold())
        ideas.append(_write_idea(title, keyword, supporting, language, lot))
    for length in range(len(ideas), 0, -1):
        yield {"ideas": ideas[:length]}


def share_out(
    keywords: Sequence[str], count: int, covered: set[str], language: Language
) -> list[tuple[str, tuple[str, ...]]]:
    """Return main keywords that differ most, each with the remaining ones that are most like it."""
    phrases = study(keywords, language)
    fresh = [place for place, term in enumerate(keywords) if not any(term.casefold() in title for title in covered)]
    candidates = fresh or list(range(len(keywords)))
    mains = candidates[:1]
    while len(mains) < min(count, len(candidates)):
        left = [place for place in candidates if place not in mains]
        mains.append(min(left, key=lambda place: (max(phrases.likeness(place, main) for main in mains), place)))
    supporting: dict[int, list[str]] = {main: [] for main in mains}
    for place in (place for place in range(len(keywords)) if place not in mains):
        open_mains = [main for main in mains if len(supporting[main]) < _SUPPORTING_MAX] or mains
        best = max(open_mains, key=lambda main: (phrases.likeness(place, main), -len(supporting[main]), -main))
        supporting[best].append(keywords[place])
    return [(keywords[main], tuple(supporting[main][:_SUPPORTING_MAX])) for main in mains]


def title_keyword(keyword: str, language: Language, lot: Lot, *, taken: set[str], avoid: Sequence[str]) -> str:
    """Return a title for a keyword that is not taken and names no year; a short one where there is a choice."""
    subject = start_upper(_YEAR.sub(" ", keyword).strip()) or keyword
    templates = language.question_titles if language.is_question(subject) else language.titles
    limit = _TITLE_MAX_UNSPACED if language.characters_per_word else _TITLE_MAX
    titles = [template.format(K=subject.rstrip("?？¿")) for template in lot.shuffled(f"title:{keyword}", templates)]
    free = [title for title in titles if title.casefold() not in taken]
    kind = [title for title in free if not any(word in title.casefold() for word in avoid)] or free
    short = [title for title in kind if len(title) <= limit] or sorted(kind, key=len)
    numbered = (f"{titles[0]} ({number})" for number in range(2, 10_000))
    return short[0] if short else next(title for title in numbered if title.casefold() not in taken)


def _write_idea(title: str, keyword: str, supporting: tuple[str, ...], language: Language, lot: Lot) -> dict[str, Any]:
    description = lot.pick(f"description:{keyword}", language.idea_descriptions)
    return {
        "title": title,
        "description": description.format(k=language.quote(keyword)),
        "keyword": keyword,
        "keywords": list(supporting),
        "outline": outline(keyword, language, lot, with_questions=len(supporting) > 1),
    }


def outline(keyword: str, language: Language, lot: Lot, *, with_questions: bool) -> list[str]:
    """Return four to seven headings in a reader's order, the answer first."""
    count = _OUTLINE_MIN + lot.below(f"outline:{keyword}", _OUTLINE_MAX - _OUTLINE_MIN - with_questions + 1)
    others = lot.shuffled(f"themes:{keyword}", range(1, len(language.themes)))[: count - 1]
    themes: list[Theme] = [language.themes[place] for place in (0, *sorted(others))]
    if with_questions:
        themes.append(language.questions)
    return [lot.pick(f"heading:{keyword}:{place}", theme.headings) for place, theme in enumerate(themes)]


def _words_to_avoid(inputs: Mapping[str, Any]) -> list[str]:
    return [word.casefold() for word in (inputs.get("strategy") or {}).get("words_to_avoid", ())]
