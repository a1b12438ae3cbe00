"""A visit to a place of a site: its publisher, what it remembers of the place, and one writer a site at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.operations.app import Installation
from reconciler.operations.article import article_of, digest_of
from reconciler.operations.publishers import PlaceMemories, SiteNotebook, Target, make_publisher
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.port import Row, SiteContext
from reconciler.publishers.port import Article, Notebook, Publisher, PublishFailure, Remote
from reconciler.store.engine import Connection, Database
from reconciler.store.locks import break_lease, take_lease
from reconciler.store.publications import is_untried, known_remote, record_remote
from reconciler.store.statements import together

# Longer than any one article takes, begun as late as it may; renewed between two.
_LEASE = timedelta(minutes=10)
RENEW_AFTER = timedelta(minutes=1)
NO_CANONICAL_HINT = "a copy that names no canonical address competes with the article; make the place carry one"


@dataclass(frozen=True, slots=True)
class SiteVisit:
    """A place's publisher at work. Nothing it does is public before it is written down where the article stands."""

    installation: Installation
    database: Database
    context: SiteContext
    target: Target
    publisher: Publisher

    @property
    def site(self) -> str:
        """Return the site's name."""
        return self.context.site.name

    def notebook(self, row: Row, article: Article, connection: Connection | None = None) -> Notebook:
        """Return what is remembered of an article at the place; looked up at once where a transaction is under way."""
        images = tuple(image.sha256 for image in article.images)
        facts = (self.installation, self.database, self.site, self.target.place, images)
        notebook = SiteNotebook(*facts, is_blank=is_untried(row))
        if connection is not None and self.target.kind is not None and self.target.kind.media:
            notebook.open(connection)
        return notebook

    def article(self, connection: Connection, row: Row) -> Article:
        """Return the article of a publication as it is now."""
        return article_of(self.installation, connection, self.context, row)

    def known(self, row: Row) -> Remote | None:
        """Return where a publication's article stands at this target, as far as we know."""
        return known_remote(row, self.target.place)

    def prepare(self, row: Row, article: Article, notebook: Notebook) -> Remote | PublishFailure:
        """Find or make the article where nobody sees it, and write down under which id."""
        found = self.publisher.prepare(article, notebook, self.known(row))
        if isinstance(found, Remote):
            with self.database.write_once() as connection:
                record_remote(connection, row, found, target=self.target.place, sent_digest=digest_of(article))
        return found

    def publish(self, row: Row, article: Article, notebook: Notebook) -> Remote | PublishFailure:
        """Bring an article out: prepare it, then make it public."""
        found = self.prepare(row, article, notebook)
        return found if isinstance(found, PublishFailure) else self.publisher.publish(article, found, notebook)

    def why_unreachable(self) -> PublishFailure | None:
        """Ask the site who we are; return why nothing can go out to it at all, None when it answers well."""
        seen = self.publisher.check()
        if isinstance(seen, PublishFailure):
            return seen
        if self.target.name and seen.no_canonical:
            return PublishFailure(seen.no_canonical, "site", hint=NO_CANONICAL_HINT)
        if seen.is_enough:
            return None
        return PublishFailure(
            f"{seen.who} may not {', '.join(seen.missing)}", "site", hint=f"needed: {seen.least_role}"
        )


@contextlib.contextmanager
def visit_site(
    installation: Installation, database: Database, context: SiteContext, target: Target,
    memories: PlaceMemories | None = None,
) -> Iterator[SiteVisit | PublishFailure]:  # fmt: skip
    """Open the way to a place of a site, or say why there is none; connections are closed at the end."""
    publisher = make_publisher(installation, target, memories=memories)
    if isinstance(publisher, PublishFailure):
        yield publisher
        return
    try:
        yield SiteVisit(installation, database, context, target, publisher)
    finally:
        publisher.close()


def take_site(database: Database, site: str, now: datetime) -> str:
    """Take or renew the site's publishing lease; return who has it otherwise. One writer a site, also across processes."""
    name = f"publish:{site}"
    with database.write(is_durable=False) as connection, together(connection):
        holder = take_lease(connection, name, owner=worker_name(), until=now + _LEASE, now=now)
        if holder is not None and is_gone(holder.owner):
            break_lease(connection, name, holder.owner)
            holder = take_lease(connection, name, owner=worker_name(), until=now + _LEASE, now=now)
        return "" if holder is None else holder.owner


def leave_site(database: Database, site: str) -> None:
    """Give the site's publishing lease back."""
    with database.write(is_durable=False) as connection, together(connection):
        break_lease(connection, f"publish:{site}", worker_name())
