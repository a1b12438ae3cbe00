"""From files to documents: what kind each is, what it is called, and what it says, with the place of everything."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from reconciler.config.migrations import Step, migrate_value, new_path, steps_from
from reconciler.config.plain_yaml import NOT_PLAIN, PlainReader
from reconciler.config.secrets import looks_like_secret, secret_finding
from reconciler.config.suggest import did_you_mean
from reconciler.config.tree import Tree, name_of
from reconciler.config.yaml_reader import FINDINGS_MAX, Document, read_yaml
from reconciler.diagnostics import Diagnostic, Mark, format_path
from reconciler.ids import text_digest
from reconciler.kinds import KINDS, Kind, find_kind

API_VERSION = "igny8/v1"
SITE = find_kind("site")
_VOLUME = re.compile(r"[0-9]{1,15}")
_INTENTS = ("informational", "commercial", "transactional", "navigational")


@dataclass(slots=True)
class Authored:
    """One document as it was written: `value` without apiVersion and kind.

    `text` is its YAML, `body_line` the line that the text below front matter begins at.
    """

    kind: Kind
    name: str
    file: str
    value: dict[str, Any]
    text: str
    body_line: int = 1
    document: Document | None = field(default=None, repr=False)

    @property
    def is_plain(self) -> bool:
        """Tell whether the document was read the fast way and nothing was seen that has to be looked at."""
        return self.document is None

    @property
    def marks(self) -> Document:
        """Return the places of its fields; a plain document is read again, carefully, when they are first asked for."""
        if self.document is None:
            self.document = read_yaml(self.text, self.file)[0] or Document()
        return self.document


@dataclass(frozen=True, slots=True)
class KeywordList:
    """A keyword CSV: phrases in file order, each with the line it stands in."""

    file: str
    keywords: tuple[dict[str, Any], ...]
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The documents of a tree but its sites, its keyword lists, and what was found on the way."""

    documents: tuple[Authored, ...]
    keyword_lists: dict[str, KeywordList]
    findings: tuple[Diagnostic, ...]
    digests: dict[str, str]


def load_catalogs(tree: Tree) -> Loaded:
    """Return every document that is no site; a file that could not be read is in the findings instead.

    `digests` tells the content of each file by its path.
    """
    findings = [*_missing_singletons(tree)]
    documents: list[Authored] = []
    keyword_lists: dict[str, KeywordList] = {}
    digests: dict[str, str] = {}
    reader = PlainReader()
    for source in tree.files:
        if source.kind is SITE:
            continue
        text = source.read()
        if isinstance(text, Diagnostic):
            findings.append(text)
            digests[source.path] = f"! {text.message}"
            continue
        digests[source.path] = text_digest(text)
        if source.kind is None:
            keyword_lists[source.path] = _load_keywords(source.path, text, findings)
            continue
        document, found = load_document(source.path, text, source.kind, reader)
        findings.extend(found)
        if document is not None:
            documents.append(document)
    return Loaded(tuple(documents), keyword_lists, tuple(findings), digests)


def load_document(
    path: str, text: str, kind: Kind, reader: PlainReader | None = None
) -> tuple[Authored | None, list[Diagnostic]]:
    """Return the document of a file's text and what was found; no document when it cannot be used at all.

    Many files are read faster by one reader.
    """
    return _load_plain(path, text, kind, reader or PlainReader()) or _load_carefully(path, text, kind)


def _load_plain(path: str, text: str, kind: Kind, reader: PlainReader) -> tuple[Authored, list[Diagnostic]] | None:
    """Return the document of a file that holds nothing out of the ordinary; None when it has to be looked at."""
    if path.endswith(".md"):
        return None
    value = reader.read(text)
    if value is NOT_PLAIN or value.pop("apiVersion", None) != API_VERSION or value.pop("kind", None) != kind.name:
        return None
    name = name_of(kind, path)
    if not kind.is_singleton and value.setdefault("name", name) != name:
        return None
    if path.count("/") > 1 and "account" in value and value["account"] != path.split("/")[1]:
        return None
    return Authored(kind, name, path, value, text), []


def _load_carefully(path: str, file_text: str, kind: Kind) -> tuple[Authored | None, list[Diagnostic]]:
    text, first_line, body = file_text, 1, None
    if path.endswith(".md"):
        parts = front_matter(file_text)
        if parts is None:
            hint = "begin the file with --- and end it with ---"
            return None, [Diagnostic("IG107", "no front matter", path, hint=hint)]
        _, text, rest = parts
        body = rest.partition("\n")[2]
        first_line = 2
    document, found = read_yaml(text, path, first_line=first_line)
    findings = list(found)
    if document is None:
        return None, findings
    if not isinstance(document.value, dict):
        found_as = "is empty" if document.value is None else "is no mapping"
        hint = f"begin with `apiVersion: {API_VERSION}`"
        return None, [*findings, Diagnostic("IG107", f"the document {found_as}", path, hint=hint)]
    for step in steps_from(document.value.get("apiVersion")):
        findings.append(_older_version(path, step, document))
        document = _migrated(step, kind, document)
    findings.extend(_check_header(path, kind, document))
    findings.extend(_find_doubtful(path, document))
    if document.value.get("kind") in [other.name for other in KINDS if other is not kind]:
        # Everything else to be said about it would only follow from its standing in this place.
        return None, findings
    value = {key: item for key, item in document.value.items() if key not in ("apiVersion", "kind")}
    name = name_of(kind, path)
    if not kind.is_singleton:
        findings.extend(_check_name(path, name, value, document))
        value["name"] = name
    if body is not None:
        value["template"] = body
    body_line = first_line + text.count("\n") + 1 if body is not None else 1
    return Authored(kind, name, path, value, file_text, body_line, document), findings


def _older_version(path: str, step: Step, document: Document) -> Diagnostic:
    mark = document.values.get(("apiVersion",), Mark())
    hint = f"`igny8 migrate` writes it as {step.new}"
    return Diagnostic("IG125", f"{step.old} is an older version", path, mark, "apiVersion", hint, "warning")


def _migrated(step: Step, kind: Kind, document: Document) -> Document:
    """Return a document in the words of the next version, with every field where it was written."""
    return Document(
        {**migrate_value(step, kind.name, document.value), "apiVersion": step.new},
        {new_path(step, kind.name, document.value, path): mark for path, mark in document.values.items()},
        {new_path(step, kind.name, document.value, path): mark for path, mark in document.keys.items()},
    )


def front_matter(text: str) -> tuple[str, str, str] | None:
    """Return the opening line of a file, its front matter, and the closing line with the body; None without any."""
    lines = text.splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        return None
    for index, line in enumerate(lines[1:], 1):
        if line.strip() == "---":
            return lines[0], "".join(lines[1:index]), "".join(lines[index:])
    return None


def _check_header(path: str, kind: Kind, document: Document) -> Iterable[Diagnostic]:
    value = document.value
    version = value.get("apiVersion")
    if version != API_VERSION:
        mark = document.values.get(("apiVersion",), Mark())
        message = "apiVersion is missing" if version is None else f"apiVersion {version!r} is not known"
        yield Diagnostic("IG107", message, path, mark, "apiVersion", f"write `apiVersion: {API_VERSION}`")
    written = value.get("kind")
    if written != kind.name:
        mark = document.values.get(("kind",), Mark())
        known = [other.name for other in KINDS]
        if written is None:
            message, hint = "kind is missing", f"write `kind: {kind.name}`"
        elif written in known:
            place = next(other.place for other in KINDS if other.name == written)
            message, hint = f"a {written} does not stand here", f"its place is {place}; here stands a {kind.name}"
        else:
            message = f"kind {written!r} is not known"
            hint = did_you_mean(str(written), known) or f"write `kind: {kind.name}`"
        yield Diagnostic("IG107", message, path, mark, "kind", hint)


def _find_doubtful(path: str, document: Document) -> Iterable[Diagnostic]:
    for field_path, text in document.doubtful[:FINDINGS_MAX]:
        field_name = format_path(field_path)
        code, what = ("IG212", "a time") if ":" in text else ("IG213", f"the word {text}")
        yield Diagnostic(
            code, f"{field_name}: {what} without quotes", path, document.values[field_path], field_name,
            f'write "{text}"', "warning",
        )  # fmt: skip


def _check_name(path: str, name: str, value: dict[str, Any], document: Document) -> Iterable[Diagnostic]:
    written = value.get("name", name)
    if written != name:
        mark = document.values.get(("name",), Mark())
        yield Diagnostic(
            "IG108", f"name {written!r} differs from the file's name {name!r}", path, mark, "name",
            f"write `name: {name}`, or rename the file",
        )  # fmt: skip
    folders = PurePosixPath(path).parts[1:-1]
    if folders and "account" in value and value["account"] != folders[0]:
        mark = document.values.get(("account",), Mark())
        yield Diagnostic(
            "IG108", f"account {value['account']!r} differs from the folder {folders[0]!r}", path, mark,
            "account", f"move the file to sites/{value['account']}/",
        )  # fmt: skip


def _missing_singletons(tree: Tree) -> Iterable[Diagnostic]:
    present = {slug for slug, _ in tree.declared}
    if not tree.files:
        return
    for kind in KINDS:
        if kind.required and kind.slug not in present:
            yield Diagnostic(
                "IG109", f"there is no {kind.name}", kind.place,
                hint=f"write {kind.place}; `apiVersion: {API_VERSION}` and `kind: {kind.name}` are enough",
            )  # fmt: skip


def _load_keywords(path: str, text: str, findings: list[Diagnostic]) -> KeywordList:
    keywords: list[dict[str, Any]] = []
    lines: list[int] = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        unknown = [cell for cell in header if cell not in ("keyword", "volume", "intent")]
        if "keyword" not in header or unknown:
            what = f"unknown column {unknown[0]!r}" if unknown else "no column `keyword`"
            findings.append(
                Diagnostic("IG112", what, path, hint="the header is keyword,volume,intent (the last two optional)")
            )
            return KeywordList(path, (), ())
        before = len(findings)
        for row in reader:
            if len(findings) - before >= FINDINGS_MAX:
                message = f"only the first {FINDINGS_MAX} mistakes are shown"
                findings.append(Diagnostic("IG132", message, path, Mark(reader.line_num)))
                break
            if any(looks_like_secret(cell) for cell in row):
                findings.append(secret_finding(path, Mark(reader.line_num)))
            elif len(row) > len(header):
                findings.append(
                    Diagnostic(
                        "IG112", "more cells than columns", path, Mark(reader.line_num),
                        hint="quote a keyword that holds a comma",
                    )
                )  # fmt: skip
            elif any(cell.strip() for cell in row):
                keyword = _keyword(dict(zip(header, row, strict=False)), path, reader.line_num, findings)
                if keyword is not None:
                    keywords.append(keyword)
                    lines.append(reader.line_num)
    except csv.Error as error:
        findings.append(Diagnostic("IG112", f"not readable as CSV: {error}", path, Mark(reader.line_num)))
    return KeywordList(path, tuple(keywords), tuple(lines))


def _keyword(row: dict[str, str], file: str, line: int, findings: list[Diagnostic]) -> dict[str, Any] | None:
    term = " ".join(row.get("keyword", "").split())
    volume, intent = row.get("volume", "").strip(), row.get("intent", "").strip().lower()
    problem = ""
    if not term:
        problem = "the keyword is empty"
    elif volume and not _VOLUME.fullmatch(volume):
        problem = f"volume {volume[:40]!r} is no whole number"
    elif intent and intent not in _INTENTS:
        problem = f"intent {intent[:40]!r} is not one of {', '.join(_INTENTS)}"
    if problem:
        findings.append(Diagnostic("IG112", problem, file, Mark(line)))
        return None
    keyword: dict[str, Any] = {"term": term}
    if volume:
        keyword["volume"] = int(volume)
    if intent:
        keyword["intent"] = intent
    return keyword
