"""A person's edit of an article: it changes what readers get, so that it voids the approval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.clock import Clock
from reconciler.config.article_text import FIELDS, read_article_text, write_article_text, wrong_value
from reconciler.errors import ConflictError, UsageError
from reconciler.operations.review import load_article, void_approval
from reconciler.pipeline.acceptance import recheck
from reconciler.pipeline.approval import hash_of
from reconciler.pipeline.articles import count_words, make_slug, markdown_to_html, read_page
from reconciler.pipeline.port import Row, Update
from reconciler.pipeline.revising import keep_version
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out
from reconciler.store.review import publication_of, record_decision, taken_slugs


@dataclass(frozen=True, slots=True)
class ToEdit:
    """An article as a file to be edited, and the content hash that the edit begins from."""

    text: str
    content_hash: str


def open_article(database: Database, content_id: int) -> ToEdit:
    """Return an article to be edited."""
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        return ToEdit(write_article_text(row), hash_of(row, SiteItems(connection, context.site.name)))


def save_text(
    database: Database, clock: Clock, content_id: int, text: str, *, by: str, begun_from: str = ""
) -> tuple[str, ...]:
    """Save an edited file; return the fields that it changed. UsageError tells what is wrong with it, and where."""
    found = read_article_text(text)
    if isinstance(found, str):
        raise UsageError(f"the article cannot be read: {found}", hint=f"igny8 content edit {content_id} shows its form")
    return save_fields(database, clock, content_id, found, by=by, begun_from=begun_from)


def save_fields(
    database: Database, clock: Clock, content_id: int, fields: Mapping[str, Any], *, by: str, begun_from: str = ""
) -> tuple[str, ...]:
    """Save fields of an article and return those that changed; an approval is void then, and the article in review.

    `begun_from` is the content hash that the edit began from: ConflictError when somebody else has edited it since.
    """
    with database.write() as connection:
        row, context = load_article(connection, content_id)
        reader, now = SiteItems(connection, context.site.name), clock.now()
        if begun_from and hash_of(row, reader) != begun_from:
            raise ConflictError(f"content {content_id} was changed meanwhile", hint="edit it again, on what it is now")
        changed = {name: value for name, value in fields.items() if value != row[name]}
        if not changed:
            return ()
        if "slug" in changed:
            _check_slug(connection, row, str(changed["slug"]), context.site.language)
        if "markdown" in changed:
            html = markdown_to_html(str(changed["markdown"]))
            if not html.strip():
                raise UsageError("the article is empty once it is made safe")
            changed |= {"html": html, "words": count_words(read_page(html).text)}
        told = tuple(name for name in (*FIELDS, "markdown") if name in changed)
        kept = keep_version(row, reader, changed_by=by, change=f"{', '.join(told)} edited")
        checked = recheck(context, row, changed, reader)
        carry_out(connection, context.site.name, [kept, Update("content", content_id, checked)], now)
        void_approval(connection, row, f"edited by {by}", now)
        after = hash_of(reader.get("content", content_id), reader)
        record_decision(connection, row, "edited", by=by, at=now, reason=", ".join(told), content_hash=after)
        return told


def read_setting(text: str) -> tuple[str, Any]:
    """Return field and value of `FIELD=VALUE`; tags are parted by commas. UsageError when it is none."""
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} sets nothing", hint="--set title='A new title'")
    read: Any = [item.strip() for item in value.split(",") if item.strip()] if name == "tags" else value
    problem = wrong_value(name, read)
    if problem:
        raise UsageError(problem, hint="--set title='A new title', or --set tags='boots, hiking'")
    return name, read


def _check_slug(connection: Connection, row: Row, slug: str, language: str) -> None:
    clean = make_slug(slug, "", set(), fallback="", language=language)
    if clean != slug:
        raise UsageError(f"{slug!r} is no slug", hint=f"write {clean!r}" if clean else "letters, digits and hyphens")
    publication = publication_of(connection, int(row["id"]))
    if publication is not None and (publication["published_at"] is not None or publication["remote_id"]):
        raise ConflictError("the site has the article under its slug already", hint="leave the slug as it is")
    if slug in taken_slugs(connection, str(row["site"]), besides=int(row["id"])):
        raise ConflictError(f"another article of {row['site']} has the slug {slug!r}", hint="choose another one")
