"""The port that every publisher fills. Publishing is in two steps so that a crash between any two lines is harmless.

`prepare` finds what an earlier try left behind, by the remote id that was recorded, by our key, then by the slug; or
makes something that the public cannot see. `publish` makes that public, by its id, and reads it back. Both may be
repeated with the same key and end in one public article. What somebody else made is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

# "missing": there is nothing at the site under this id. Where the public sees every file at once (see
# `PublisherType.drafts`), it is also what `prepare` answers when nothing stands in the way.
RemoteState = Literal["draft", "public", "trashed", "missing"]

# try-again: nobody has to act. article: this article can't go out until a person acts. site: no article of the site can.
FailureScope = Literal["try-again", "article", "site", "changed-by-hand"]


@dataclass(frozen=True, slots=True)
class ArticleImage:
    """An image of an article: its bytes' place and SHA-256, and what people read about it.

    `role` is featured or in_article.
    """

    path: str
    sha256: str
    file_name: str
    media_type: str
    role: str
    alt: str
    caption: str
    after_heading: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """What is published. `markdown` and `html` are the same text; `html` is sanitised already.

    `author` is a display name; `author_name` is what the config calls the author, "" when the article has none.
    `categories` are the article's own, for a site whose settings name no others. `canonical_url` is where search
    engines shall find the article when it stands at several sites, "" when it stands only here.
    """

    key: str
    site: str
    site_title: str
    language: str
    title: str
    slug: str
    excerpt: str
    meta_title: str
    meta_description: str
    markdown: str
    html: str
    tags: tuple[str, ...]
    author: str
    publish_at: datetime
    images: tuple[ArticleImage, ...] = field(default=())
    simulated: bool = False
    categories: tuple[str, ...] = ()
    author_name: str = ""
    author_email: str = ""
    canonical_url: str = ""


@dataclass(frozen=True, slots=True)
class RemoteMedia:
    """An image that a site has: found again by the SHA-256 of the bytes that we sent."""

    sha256: str
    remote_id: str
    url: str


class Notebook(Protocol):
    """The caller's durable memory of what a site has taken. What is kept is committed at once.

    `is_blank`: as far as the caller knows nothing of the article was ever sent there.
    """

    is_blank: bool

    def media(self, sha256: str) -> RemoteMedia | None:
        """Return the image that the site took earlier, None when we know of none; it may be gone there."""
        ...

    def keep_media(self, *media: RemoteMedia) -> None:
        """Remember images, before anything else is sent; all of them or none."""
        ...


@dataclass(frozen=True, slots=True)
class Remote:
    """An article as it stands at a site.

    `version` is the site's own mark of a change (a time, a commit), "" where it has none. `fingerprint` is the SHA-256
    of what the site stores (raw title and content): it differs from ours once a person changed the article there.
    """

    remote_id: str
    url: str
    state: RemoteState
    version: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Preflight:
    """Who we are at a site and what we may do there. `warnings` say what the site will drop or change.

    `no_canonical` says why its pages cannot name another address as canonical, "" where they can: no copies go there.
    """

    who: str
    may: tuple[str, ...]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    least_role: str = ""
    no_canonical: str = ""

    @property
    def is_enough(self) -> bool:
        """Tell whether articles can be published with these rights."""
        return not self.missing


@dataclass(frozen=True, slots=True)
class PublishFailure:
    """Why something did not get out, whom it stops, and what to do; `retry_after` are seconds that the site asks for."""

    message: str
    scope: FailureScope = "article"
    retry_after: float | None = None
    hint: str = ""


# What a process remembers of one place between its visits; what is in it is the publisher's own affair.
Memory = dict[str, Any]


@runtime_checkable
class Remembers(Protocol):
    """A publisher that need not ask a place everything again at each visit.

    It remembers only what shows by a failure once it is gone, and then asks again before it fails. What was not found is
    looked for at each visit.
    """

    def recall(self, memory: Memory) -> None:
        """Take over what earlier visits learnt; what this one learns goes into the same memory."""
        ...


class Publisher(Protocol):
    """A place where articles go. It never raises for what a place can do wrong: that is a PublishFailure."""

    def check(self) -> Preflight | PublishFailure:
        """Ask the site who we are and what we may do; change nothing."""
        ...

    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the article, or make it with its images where nobody sees it.

        `known` is what an earlier `prepare` answered. A draft of ours is brought up to date; what is public stays as it
        is, and is answered with the fingerprint of what we wrote; where nobody knows that, of what we would write.
        """
        ...

    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Make what `prepare` answered public, by its id, and read back that it is there whole."""
        ...

    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Bring a public article up to date in place; slug and date stay.

        Refuses as changed-by-hand what no longer has the `fingerprint` of `remote`, unless `force`.
        """
        ...

    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Take a public article out of sight, so that `publish` can bring it back. What is out of sight stays so."""
        ...

    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Return how each of these stands at the site now, in the same order; change nothing."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
