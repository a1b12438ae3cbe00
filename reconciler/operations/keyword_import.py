"""Keywords that people bring: imports of exported lists, pages of what is there, and what means the same page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.clock import Clock
from reconciler.errors import BlockedError, UsageError
from reconciler.operations.context import context_of, load_contexts
from reconciler.pipeline.duplicates import KnownTexts, Near, normal_form
from reconciler.pipeline.keyword_files import ImportedKeyword, KeywordFile, LineNote, read_keyword_file
from reconciler.pipeline.port import Row, SiteContext
from reconciler.store.engine import Connection, Database
from reconciler.store.keywords import (
    KeywordFilter,
    add_imported,
    count_active,
    declared_keywords,
    known_terms,
    list_keywords,
    phrases_and_titles,
    take_in_keywords,
)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of each line of a keyword file. `near` are taken phrases that all but repeat another one."""

    file: KeywordFile
    taken: tuple[ImportedKeyword, ...]
    known: tuple[LineNote, ...]
    near: tuple[tuple[int, Near], ...]
    dry_run: bool

    @property
    def refused(self) -> tuple[LineNote, ...]:
        """Return the lines that hold no keyword to be taken."""
        return self.file.refused

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "version": 1,
            "summary": {
                "taken": len(self.taken), "known": len(self.known), "refused": len(self.refused),
                "dry_run": self.dry_run,
            },
            "file": {
                "shape": self.file.shape, "encoding": self.file.encoding, "delimiter": self.file.delimiter,
                "columns": dict(self.file.columns),
            },
            "taken": [asdict(item) for item in self.taken],
            "known": [asdict(note) for note in self.known],
            "refused": [asdict(note) for note in self.refused],
            "remarks": [asdict(note) for note in self.file.remarks],
            "near": [{"line": line, "text": near.text, "of": near.of, "similarity": near.similarity} for line, near in self.near],
        }  # fmt: skip


def import_keywords(
    database: Database, clock: Clock, data: bytes, *, site: str, sector: str, dry_run: bool = False
) -> ImportReport:
    """Take the keywords of an exported list into a sector of a site, all of them in one transaction; report each line.

    UsageError for a file or a place that is none; BlockedError when the account's tier includes fewer keywords.
    """
    read = read_keyword_file(data)
    if isinstance(read, str):
        raise UsageError(read, hint="exports of Search Console, Ahrefs and Semrush are read as they are")
    if dry_run:
        with database.read() as connection:
            return _decide(connection, read, site, sector, dry_run=True)[0]
    now = clock.now()
    with database.write() as connection:
        context = _context(connection, site, sector)
        # What is declared comes first, so that an import never stands in its way.
        take_in_keywords(connection, context.site, now)
        report, context = _decide(connection, read, site, sector, dry_run=False)
        rows = [
            {"term": item.term, "volume": item.volume, "difficulty": item.difficulty, "intent": item.intent}
            for item in report.taken
        ]
        add_imported(connection, context.site.name, sector, rows, now)
    return report


def _context(connection: Connection, site: str, sector: str) -> SiteContext:
    context = context_of(load_contexts(connection), site)
    sectors = [item.name for item in context.site.sectors]
    if sector not in sectors:
        raise UsageError(
            f"the site {context.site.name} has no sector {sector!r}",
            hint=f"its sectors: {', '.join(sectors) or 'none; declare one'}",
        )
    return context


def _decide(
    connection: Connection, read: KeywordFile, site: str, sector: str, *, dry_run: bool
) -> tuple[ImportReport, SiteContext]:
    context = _context(connection, site, sector)
    there = known_terms(connection, context.site.name)
    active = [term for term, is_archived in there.items() if not is_archived]
    active += [term for term in declared_keywords(context.site) if term not in there]
    by_form: dict[str, str] = {}
    for term in active:
        by_form.setdefault(normal_form(term), term)
    texts = KnownTexts(active)
    taken: list[ImportedKeyword] = []
    known: list[LineNote] = []
    near: list[tuple[int, Near]] = []
    for item in read.keywords:
        same = by_form.get(normal_form(item.term))
        if same is not None:
            known.append(LineNote(item.line, item.term, f"known as “{same}”" if same != item.term else "known"))
            continue
        alike = texts.near(item.term)
        near += [(item.line, alike)] if alike else []
        texts.add(item.term)
        taken.append(item)
    _check_tier(connection, context, len(taken))
    return ImportReport(read, tuple(taken), tuple(known), tuple(near), dry_run), context


def _check_tier(connection: Connection, context: SiteContext, more: int) -> None:
    limit = context.tier.limits.keywords_max if context.tier else None
    if limit is None or not more:
        return
    sites = [item.site for item in load_contexts(connection).values() if item.account.name == context.account.name]
    # What is declared and not taken in yet counts, too: it is what the tier was bought for.
    waiting = sum(
        len(declared_keywords(item).keys() - known_terms(connection, item.name).keys()) for item in sites
    )  # fmt: skip
    there = count_active(connection, [item.name for item in sites]) + waiting
    if there + more > limit:
        raise BlockedError(
            f"{there:,} keywords and {more:,} more; the tier {context.account.tier} includes {limit:,}",
            hint="choose a larger tier, or import fewer",
        )


@dataclass(frozen=True, slots=True)
class KeywordPage:
    """A page of keywords, and how many the filter has in all."""

    keywords: tuple[Row, ...]
    total: int


def read_keywords(database: Database, wanted: KeywordFilter, *, limit: int, offset: int = 0) -> KeywordPage:
    """Return a page of keywords, oldest first."""
    with database.read() as connection:
        if wanted.site:
            context_of(load_contexts(connection), wanted.site)
        rows, total = list_keywords(connection, wanted, limit=limit, offset=offset)
    return KeywordPage(tuple(rows), total)


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two keywords, or two titles, of a site that ask for the same page; the older one comes second."""

    site: str
    kind: str
    id: int
    of_id: int
    near: Near

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "site": self.site, "kind": self.kind, "id": self.id, "text": self.near.text, "of_id": self.of_id,
            "of": self.near.of, "similarity": self.near.similarity,
        }  # fmt: skip


def find_duplicates(database: Database, site: str | None) -> tuple[Duplicate, ...]:
    """Return what means the same page on a site, or on each of all sites: among keywords, and among titles."""
    with database.read() as connection:
        contexts = load_contexts(connection)
        names = [context_of(contexts, site).site.name] if site else sorted(contexts)
        found = [(name, *phrases_and_titles(connection, name)) for name in names]
    return tuple(
        duplicate
        for name, keywords, titles in found
        for duplicate in (*_among(name, "keyword", keywords), *_among(name, "title", titles))
    )


def _among(site: str, kind: str, rows: Sequence[Row]) -> list[Duplicate]:
    texts = KnownTexts()
    ids: dict[str, int] = {}
    found: list[Duplicate] = []
    for row in rows:
        text = str(row["text"])
        near = texts.near(text)
        if near is not None:
            found.append(Duplicate(site, kind, int(row["id"]), ids[near.of], near))
        ids.setdefault(text, int(row["id"]))
        texts.add(text)
    return found
