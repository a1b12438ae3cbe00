"""generate_content: an article from an idea and the language's sentences, as long as asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.languages import Language, Theme, find_language
from reconciler.providers.offline.metadata import write_metadata

_WORDS_DEFAULT = 800
_WORDS_MAX = 1200
_LINKS_MAX = 3
_LIST_ITEMS = 5
_TABLE_ROWS = 4
_QUESTIONS_MAX = 4
_SHARES = (1.0, 0.8, 0.6, 0.45, 0.3, 0.2, 0.1, 0.0)


@dataclass(frozen=True, slots=True)
class Brief:
    """What an article is written from."""

    title: str
    keyword: str
    keywords: tuple[str, ...]
    outline: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    call_to_action: str
    avoid: tuple[str, ...]
    site_name: str
    words: int
    language: Language
    lot: Lot

    def allows(self, text: str) -> bool:
        """Tell whether a text is free of the words to avoid."""
        folded = text.casefold()
        return not any(word in folded for word in self.avoid)

    def fill(self, templates: Sequence[str], label: str) -> list[str]:
        """Return the templates in a chosen order, filled with the keywords; unwanted words are left out."""
        supporting = self.lot.shuffled(f"{label}:keywords", self.keywords or (self.keyword,))
        main = self.language.quote(self.keyword)
        texts = [
            template.format(k=main, s=self.language.quote(supporting[place % len(supporting)]))
            for place, template in enumerate(self.lot.shuffled(label, templates))
        ]
        return [text for text in texts if self.allows(text)] or texts[:1]


def write_articles(inputs: Mapping[str, Any], lot: Lot) -> Iterator[dict[str, Any]]:
    """Yield the article at full length, then in ever shorter versions."""
    brief = read_brief(inputs, lot)
    if not brief.title or not brief.keyword:
        return
    for share in _SHARES:
        shorter = replace(brief, words=int(brief.words * share))
        yield write_metadata(shorter) | {"markdown": write_markdown(shorter)}
    yield {"title": brief.title, "markdown": f"> {brief.language.note}"}


def read_brief(inputs: Mapping[str, Any], lot: Lot) -> Brief:
    """Return the brief that the inputs describe; what they leave out has a default."""
    site, idea, strategy = inputs.get("site") or {}, inputs.get("idea") or {}, inputs.get("strategy") or {}
    language = find_language(site.get("language", "en"))
    words = (inputs.get("word_count") or strategy.get("word_count") or {}).get("min") or _WORDS_DEFAULT
    title = idea.get("title", "")
    links = ((link["title"], link["url"]) for link in inputs.get("link_candidates", ()))
    return Brief(
        title=title,
        keyword=idea.get("keyword") or title,
        keywords=tuple(idea.get("keywords", ())),
        outline=tuple(idea.get("outline", ())) or tuple(theme.headings[0] for theme in language.themes[:5]),
        links=tuple(lot.shuffled("links", tuple(links))[:_LINKS_MAX]),
        call_to_action=lot.pick("call", tuple(strategy.get("calls_to_action", ())) or language.closings),
        avoid=tuple(word.casefold() for word in strategy.get("words_to_avoid", ())),
        site_name=site.get("display_name", ""),
        words=min(words, _WORDS_MAX),
        language=language,
        lot=lot,
    )


def write_markdown(brief: Brief) -> str:
    """Return the article's Markdown below its title, near the words asked for and never padded by repetition."""
    themes = _match_themes(brief)
    intro = brief.fill(brief.language.intros, "intro")[0]
    extras = _place_extras(brief, len(themes))
    fixed = "".join([intro, brief.language.note, brief.call_to_action, *brief.outline])
    fixed += " ".join(text for texts in extras for text in texts)
    per_section = max(brief.words - brief.language.count_words(fixed), 0) // max(len(themes), 1)
    used = {theme.headings for theme in themes}
    spare = [sentence for theme in brief.language.themes if theme.headings not in used for sentence in theme.sentences]
    reserve = iter(brief.fill(spare, "reserve") if spare else ())
    blocks = [f"> {brief.language.note}", intro]
    for place, (heading, theme) in enumerate(zip(brief.outline, themes, strict=True)):
        blocks += [f"## {heading}", *_write_section(brief, theme, place, per_section, reserve), *extras[place]]
    return "\n\n".join([*blocks, brief.call_to_action]) + "\n"


def _match_themes(brief: Brief) -> list[Theme]:
    """Return a theme for every heading: its own where we know the heading, else the next in turn."""
    known = {
        heading: theme for theme in (*brief.language.themes, brief.language.questions) for heading in theme.headings
    }
    turn = [theme for theme in brief.language.themes if not set(theme.headings) & set(brief.outline)]
    turn = turn or list(brief.language.themes)
    return [known.get(heading) or turn[place % len(turn)] for place, heading in enumerate(brief.outline)]


def _place_extras(brief: Brief, sections: int) -> list[list[str]]:
    """Return what each section has besides prose: a list, a table, questions and links; a very short text has none."""
    extras: list[list[str]] = [[] for _ in range(sections)]
    if brief.words < 80 or sections == 0:
        return extras
    asked = next((place for place, text in enumerate(brief.outline) if text in brief.language.questions.headings), None)
    last = sections - 1 if asked is None else max(asked - 1, 0)
    for place, (title, url) in enumerate(brief.links):
        safe_title = title.replace("[", "(").replace("]", ")")
        sentence = brief.lot.shuffled("link sentences", brief.language.links)[place]
        extras[place % sections].append(sentence.format(title=safe_title, url=quote(url, safe="/:?#@!$&*+,;=%~")))
    extras[min(1, last)] += _write_list(brief)
    if brief.words >= 200:
        extras[last].append(_write_table(brief))
        extras[sections // 2 if asked is None else asked] += _write_questions(brief)
    return extras


def _write_section(brief: Brief, theme: Theme, place: int, words: int, reserve: Iterator[str]) -> list[str]:
    """Return paragraphs of three or four sentences until the section is as long as it should be."""
    if theme is brief.language.questions:
        return []
    sentences = iter([*brief.fill(theme.sentences, f"section:{place}")])
    chosen: list[str] = []
    count = brief.language.count_words
    while (sentence := next(sentences, None) or next(reserve, None)) is not None:
        if chosen and count("".join(chosen)) + count(sentence) / 2 > words:
            break
        chosen.append(sentence)
    size = 3 + brief.lot.below(f"paragraph:{place}", 2)
    joint = "" if brief.language.characters_per_word else " "
    return [joint.join(chosen[start : start + size]) for start in range(0, len(chosen), size)]


def _write_list(brief: Brief) -> list[str]:
    items = brief.fill(brief.language.list_items, "list")[:_LIST_ITEMS]
    return [brief.lot.pick("list lead", brief.language.list_leads), "\n".join(f"- {item}" for item in items)]


def _write_table(brief: Brief) -> str:
    rows = [row for row in brief.language.table_rows if brief.allows(" ".join(row))]
    chosen = sorted(brief.lot.shuffled("table", range(len(rows)))[:_TABLE_ROWS])
    lines = [brief.language.table_head, ("---",) * len(brief.language.table_head), *(rows[place] for place in chosen)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _write_questions(brief: Brief) -> list[str]:
    """Return an H3 for each supporting keyword with two or three sentences below."""
    joint = "" if brief.language.characters_per_word else " "
    answers = iter(brief.lot.shuffled("answers", brief.language.answers))
    blocks: list[str] = []
    for keyword in brief.keywords[:_QUESTIONS_MAX]:
        chosen = [answer.format(q=brief.language.quote(keyword)) for answer in (next(answers, ""), next(answers, ""))]
        heading = keyword[:1].upper() + keyword[1:]
        blocks += [f"### {heading}", joint.join(text for text in chosen if text)]
    return blocks
