"""Publishes what is due, in the order of the slots. Killed at any line and run again, each article is public once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.operations.app import Installation
from reconciler.operations.context import load_contexts
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.approval import take_slot, taken_slots, why_no_slot
from reconciler.pipeline.port import Row, SiteContext
from reconciler.publishers import find_publisher
from reconciler.publishers.port import Article, ArticleImage, Publisher, PublishFailure, Receipt
from reconciler.store.departures import leaving_sites, stays
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out, find_content, images_of
from reconciler.store.locks import break_lease, take_lease
from reconciler.store.media import picture_path
from reconciler.store.publications import (
    begin_publication,
    complete_publication,
    due_publications,
    fail_publication,
)
from reconciler.store.runs import notify

ATTEMPTS_MAX = 3
_LEASE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Published:
    """What became of one due article."""

    site: str
    content_id: int
    title: str
    slot_at: datetime
    url: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class PublishReport:
    """What became of everything that was due, and which sites somebody else is publishing."""

    articles: tuple[Published, ...]
    busy_sites: tuple[str, ...]
    note: str = ""

    @property
    def failed(self) -> int:
        """Return the number of articles that did not get out."""
        return sum(bool(item.error) for item in self.articles)


def schedule_approved(database: Database, contexts: dict[str, SiteContext], now: datetime) -> int:
    """Give slots to approved articles that wait for none but a slot: their site's schedule has one again."""
    scheduled = 0
    for name, context in contexts.items():
        if why_no_slot(context):
            continue
        with database.read() as connection:
            if not SiteItems(connection, name).find("content", {"state": "approved"}, limit=1):
                continue
        with database.write() as connection:
            reader = SiteItems(connection, name)
            taken = taken_slots(reader)
            for article in reader.find("content", {"state": "approved"}):
                carry_out(connection, name, take_slot(context, article, now=now, taken=taken), now)
                scheduled += 1
    return scheduled


def publish_due(
    installation: Installation, database: Database, *, site: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> PublishReport:  # fmt: skip
    """Publish every article whose slot has come, one after the other."""
    now = installation.clock.now()
    with database.read() as connection:
        contexts = load_contexts(connection)
        for leaving in leaving_sites(connection):
            contexts.pop(leaving, None)
        if any(not context.platform.modules.publishing for context in contexts.values()):
            return PublishReport((), (), "the module publishing is off")
    schedule_approved(database, contexts, now)
    with database.read() as connection:
        due = due_publications(connection, now, site=site)
    articles: list[Published] = []
    busy: dict[str, None] = {}
    for name in dict.fromkeys(str(row["site"]) for row in due):
        if not _take_site(database, name, now):
            busy[name] = None
    for row in due:
        if should_stop():
            break
        if row["site"] in contexts and row["site"] not in busy:
            articles.append(_publish_one(installation, database, contexts[str(row["site"])], row, now))
    for name in dict.fromkeys(str(row["site"]) for row in due if row["site"] not in busy):
        with database.write() as connection:
            break_lease(connection, f"publish:{name}", worker_name())
    return PublishReport(tuple(articles), tuple(busy))


def _take_site(database: Database, site: str, now: datetime) -> bool:
    """Take the site's publishing lease: one writer a site, also across processes."""
    name = f"publish:{site}"
    with database.write() as connection:
        holder = take_lease(connection, name, owner=worker_name(), until=now + _LEASE, now=now)
        if holder is None:
            return True
        if not is_gone(holder.owner):
            return False
        break_lease(connection, name, holder.owner)
        return take_lease(connection, name, owner=worker_name(), until=now + _LEASE, now=now) is None


def _publish_one(
    installation: Installation, database: Database, context: SiteContext, row: Row, now: datetime
) -> Published:
    with database.write() as connection:
        begun = stays(connection, context.site.name) and begin_publication(connection, int(row["id"]))
        article = _article(installation, connection, context, row)
    if not begun:
        return Published(context.site.name, int(row["content_id"]), article.title, row["slot_at"], str(row["url"]))
    publisher = make_publisher(installation, context)
    end = publisher if isinstance(publisher, PublishFailure) else _send(publisher, article)
    with database.write() as connection:
        if isinstance(end, Receipt):
            complete_publication(connection, row, remote_id=end.remote_id, url=end.url, at=now)
            event, text = "publish_success", f"Published “{article.title}”: {end.url}"
        else:
            final = end.permanent or int(row["attempts"]) + 1 >= ATTEMPTS_MAX
            fail_publication(connection, row, end.message, final=final)
            event, text = "publish_failed", f"“{article.title}”: {end.message}"
        notify(connection, event, text, now, account=context.account.name, site=context.site.name)
    url, error = (end.url, "") if isinstance(end, Receipt) else ("", end.message)
    return Published(context.site.name, int(row["content_id"]), article.title, row["slot_at"], url, error)


def _send(publisher: Publisher, article: Article) -> Receipt | PublishFailure:
    draft = publisher.prepare(article)
    return draft if isinstance(draft, PublishFailure) else publisher.publish(article, draft)


def make_publisher(installation: Installation, context: SiteContext) -> Publisher | PublishFailure:
    """Return the site's publisher, or why there is none."""
    settings: dict[str, Any] = dict(context.site.publisher or {})
    name = str(settings.pop("type", ""))
    found = find_publisher(name)
    if found is None or found.make is None:
        what = f"this version cannot publish to {name}" if name else "the site has no publisher"
        return PublishFailure(what, permanent=True)
    return found.make(settings, context.site.url, installation.root)


def _article(installation: Installation, connection: Connection, context: SiteContext, row: Row) -> Article:
    content = find_content(connection, int(row["content_id"]))
    assert content is not None
    images = images_of(connection, int(row["content_id"]))
    return Article(
        key=str(row["key"]),
        site=context.site.name,
        site_title=context.site.display_name or context.site.name,
        language=context.site.language,
        title=content["title"],
        slug=content["slug"],
        excerpt=content["excerpt"],
        meta_title=content["meta_title"],
        meta_description=content["meta_description"],
        markdown=content["markdown"],
        html=content["html"],
        tags=tuple(content["tags"]),
        author=context.author.display_name if context.author else context.site.display_name or context.site.name,
        publish_at=row["slot_at"],
        images=tuple(_image(installation, content["slug"], index, image) for index, image in enumerate(images)),
        simulated=bool(content["simulated"]),
    )


def _image(installation: Installation, slug: str, index: int, image: Row) -> ArticleImage:
    path = picture_path(installation.media, image["sha256"], image["media_type"])
    return ArticleImage(
        path=str(path),
        file_name=f"{slug[:60]}-{index + 1}{path.suffix}",
        media_type=image["media_type"],
        role=image["role"],
        alt=image["alt"],
        caption=image["caption"],
        after_heading=image["after_heading"],
    )
