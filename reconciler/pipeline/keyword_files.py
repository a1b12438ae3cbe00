"""Reads keyword lists as people export them: Search Console, Ahrefs, Semrush, Keyword Planner, or a plain list.

Columns are found by their headings, wherever they stand. What a file does not tell stays unknown; unknown is not zero.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.pipeline.duplicates import normal_form

BYTES_MAX = 64 * 1024 * 1024
TERM_CHARACTERS_MAX = 200
_HEADER_WITHIN = 10
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

# Headings in one form: lower case, without spaces, dots and signs. The first column of a meaning counts.
_HEADINGS: Mapping[str, tuple[str, ...]] = {
    "term": (
        "keyword", "keywords", "query", "queries", "topqueries", "searchterm", "searchquery", "term", "phrase", "ph",
        "keyphrase", "suchanfrage", "suchanfragen", "häufigstesuchanfragen", "schlüsselwort", "suchbegriff",
        "consulta", "consultasprincipales", "palabraclave", "requête", "requêteslesplusfréquentes", "motclé",
        "上位のクエリ", "クエリ", "検索キーワード", "キーワード",
    ),
    "volume": (
        "volume", "searchvolume", "sv", "nq", "monthlyvolume", "avgmonthlysearches", "suchvolumen", "volumen", "検索ボリューム",
    ),
    "difficulty": ("difficulty", "kd", "keyworddifficulty", "keyworddifficultyindex", "schwierigkeit", "dificultad"),
    "intent": ("intent", "intents", "keywordintent", "keywordintents", "searchintent", "in", "suchintention"),
}  # fmt: skip
_MEANING = {heading: meaning for meaning, headings in _HEADINGS.items() for heading in headings}
# Which program wrote the file: all headings of one of these sets are there.
_SHAPES: tuple[tuple[str, tuple[frozenset[str], ...]], ...] = (
    ("Google Search Console", (frozenset({"clicks", "impressions"}), frozenset({"klicks", "impressionen"}))),
    ("Semrush", (
        frozenset({"keywordintents"}), frozenset({"competitivedensity"}), frozenset({"serpfeatures", "keyworddifficulty"}),
        frozenset({"ph", "nq"}),
    )),
    ("Ahrefs", (frozenset({"parenttopic"}), frozenset({"parentkeyword"}), frozenset({"trafficpotential"}), frozenset({"difficulty", "globalvolume"}))),
    ("Google Keyword Planner", (frozenset({"avgmonthlysearches"}),)),
)  # fmt: skip
_INTENTS = ("informational", "commercial", "transactional", "navigational")
_UNKNOWN = frozenset({"", "-", "–", "—", "n/a", "na", "nan", "null", "none", "no data", "unknown", "?"})
_OPERATOR = re.compile(r"(?:^|\s)-?(?:site|inurl|intitle|intext|related|cache|filetype):", re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:[.,'’ \u00a0\u202f]\d{3})+")
_SHORT = re.compile(r"(\d+(?:[.,]\d+)?)\s*([km])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ImportedKeyword:
    """A phrase to be taken, with what its line tells; `line` is its number in the file, from 1."""

    line: int
    term: str
    volume: int | None = None
    difficulty: int | None = None
    intent: str | None = None


@dataclass(frozen=True, slots=True)
class LineNote:
    """What is to be said about a line: why it was refused, or what of it is not known."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class KeywordFile:
    """What a file says. `columns` are the headings that were understood, by meaning."""

    shape: str
    encoding: str
    delimiter: str
    columns: Mapping[str, str]
    keywords: tuple[ImportedKeyword, ...]
    refused: tuple[LineNote, ...]
    remarks: tuple[LineNote, ...]


def read_keyword_file(data: bytes) -> KeywordFile | str:
    """Return what a keyword file says, or why it is none. A phrase that repeats an earlier line is refused."""
    if len(data) > BYTES_MAX:
        return f"the file is larger than {BYTES_MAX // 1024 // 1024} MiB"
    decoded = _decode(data)
    if decoded is None:
        return "the file is no text: save it as CSV in UTF-8"
    text, encoding = decoded
    text, separator = _take_separator(text)
    rows = _rows(text, separator or _guess_delimiter(text))
    if not rows:
        return "the file has no lines"
    found = _find_header(rows)
    if isinstance(found, str):
        return found
    start, columns = found
    header = rows[start - 1][1] if start else []
    headings = {meaning: header[index] for meaning, index in columns.items()} if header else {"term": "the only column"}
    delimiter = _DELIMITERS.get(separator or _guess_delimiter(text), "none")
    keywords, refused, remarks = _read_lines(rows[start:], columns)
    return KeywordFile(
        _shape_of(header), encoding, delimiter, headings, tuple(keywords), tuple(refused), tuple(remarks)
    )


def _decode(data: bytes) -> tuple[str, str] | None:
    """Return the text and its encoding: by its mark, else UTF-16 where every other byte is 0, else UTF-8, else Windows."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        guesses: tuple[str, ...] = ("utf-16",)
    elif data[1:200:2].count(0) > len(data[1:200:2]) // 2:
        guesses = ("utf-16-le",)
    elif data[0:200:2].count(0) > len(data[0:200:2]) // 2:
        guesses = ("utf-16-be",)
    else:
        guesses = ("utf-8-sig", "cp1252")
    for name in guesses:
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        return None if "\0" in text else (text, name.removesuffix("-sig"))
    return None


def _take_separator(text: str) -> tuple[str, str]:
    """Return the text without the first line in which Excel names the delimiter, and the delimiter; lines keep numbers."""
    named = re.match(r"\ufeff?sep=(.)\r?\n", text, re.IGNORECASE)
    return (f"\n{text[named.end() :]}", named[1]) if named else (text, "")


def _guess_delimiter(text: str) -> str:
    """Return the delimiter that parts the first lines into the most columns, and into equally many."""
    lines = [line for line in text.splitlines()[:_HEADER_WITHIN] if line.strip()]

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        most = max(counts, default=1)
        return (counts.count(most) if most > 1 else 0, most)

    return max(_DELIMITERS, key=evenness)


def _rows(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the filled rows with the number of the line on which each begins."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows: list[tuple[int, list[str]]] = []
    begins = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((begins, [cell.strip() for cell in row]))
            begins = reader.line_num + 1
    except csv.Error:
        # A quote that never ends: what stands before it is read, and the line is told as refused.
        rows.append((begins, [""]))
    return rows


def _find_header(rows: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[str, int]] | str:
    """Return where the lines below the header begin, and the columns by meaning."""
    for index, (_, row) in enumerate(rows[:_HEADER_WITHIN]):
        columns: dict[str, int] = {}
        for column, cell in enumerate(row):
            meaning = _MEANING.get(_plain(cell))
            if meaning is not None:
                columns.setdefault(meaning, column)
        if "term" in columns:
            return index + 1, columns
    if all(len([cell for cell in row if cell]) == 1 for _, row in rows[:_HEADER_WITHIN]):
        return 0, {"term": 0}
    shown = ", ".join(cell for cell in rows[0][1] if cell)[:120]
    return f"no column holds keywords: the first line has {shown}; name the column of the phrases “keyword”"


def _plain(heading: str) -> str:
    folded = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"\([^)]*\)|[\W_]", "", folded)


def _shape_of(header: Sequence[str]) -> str:
    headings = {_plain(cell) for cell in header}
    return next((name for name, sets in _SHAPES if any(needed <= headings for needed in sets)), "plain")


def _read_lines(
    rows: Sequence[tuple[int, list[str]]], columns: Mapping[str, int]
) -> tuple[list[ImportedKeyword], list[LineNote], list[LineNote]]:
    keywords: list[ImportedKeyword] = []
    refused: list[LineNote] = []
    remarks: list[LineNote] = []
    lines: dict[str, int] = {}
    for line, row in rows:
        cells = {meaning: row[column] if column < len(row) else "" for meaning, column in columns.items()}
        term = " ".join(unicodedata.normalize("NFC", cells["term"]).split())
        reason = _why_no_keyword(term)
        form = normal_form(term)
        if not reason and form in lines:
            reason = f"repeats line {lines[form]}"
        if reason:
            refused.append(LineNote(line, term, reason))
            continue
        lines[form] = line
        volume, difficulty = _number(cells.get("volume", "")), _difficulty(cells.get("difficulty", ""))
        remarks += _not_understood(line, term, cells, volume, difficulty)
        keywords.append(ImportedKeyword(line, term, volume, difficulty, _intent(cells.get("intent", ""))))
    return keywords, refused, remarks


def _why_no_keyword(term: str) -> str:
    if not term:
        return "has no keyword, or its quotes never end"
    if len(term) > TERM_CHARACTERS_MAX:
        return f"is longer than {TERM_CHARACTERS_MAX} characters"
    if not any(character.isalnum() for character in term):
        return "has neither letters nor digits"
    if any(unicodedata.category(character) == "Cc" for character in term):
        return "holds control characters"
    return "is a search with an operator, not a phrase" if _OPERATOR.search(term) else ""


def _not_understood(
    line: int, term: str, cells: Mapping[str, str], volume: int | None, difficulty: int | None
) -> Iterator[LineNote]:
    for name, value in (("volume", volume), ("difficulty", difficulty)):
        told = cells.get(name, "")
        if value is None and told.casefold() not in _UNKNOWN:
            yield LineNote(line, term, f"the {name} “{told}” is not understood and stays unknown")


def _number(text: str) -> int | None:
    """Return a count as people and programs write one, None for what tells none."""
    text = text.strip()
    if _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    if re.fullmatch(r"\d{1,12}(?:[.,]0+)?", text):
        return int(re.split(r"[.,]", text)[0])
    short = _SHORT.fullmatch(text)
    if short:
        whole, _, part = short[1].replace(",", ".").partition(".")
        zeros = 3 if short[2].casefold() == "k" else 6
        return int(whole) * (1_000 if zeros == 3 else 1_000_000) + (int(part[:zeros].ljust(zeros, "0")) if part else 0)
    return None


def _difficulty(text: str) -> int | None:
    """Return a difficulty of 0 to 100, rounded to a whole number."""
    found = re.fullmatch(r"(\d{1,3})(?:[.,](\d)\d*)?\s*%?", text.strip())
    if not found:
        return None
    value = int(found[1]) + (int(found[2] or 0) >= 5)
    return value if value <= 100 else None


def _intent(text: str) -> str | None:
    """Return the first intent that is named, also by its first letter."""
    for word in re.split(r"[,;/|]", text.casefold()):
        found = next((intent for intent in _INTENTS if word.strip() and intent.startswith(word.strip())), None)
        if found:
            return found
    return None
