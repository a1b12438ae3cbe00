"""Publishes articles on WordPress so that a crash, or a lost answer, at any request leaves one public article at most.

WordPress has no key for "once", and its slug is no lock. So: find by the recorded number, by our mark, by the slug; make
an invisible draft; and before it becomes public look for twins with the same mark, of which the oldest wins whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC
from typing import Any, Concatenate, ParamSpec, TypeVar

from reconciler.clock import SystemClock
from reconciler.publishers.figures import featured
from reconciler.publishers.port import Article, Memory, Notebook, Preflight, PublishFailure, Remote
from reconciler.publishers.shapes import of_shape
from reconciler.publishers.wordpress import WordPressSettings
from reconciler.publishers.wordpress.api import WordPressApi
from reconciler.publishers.wordpress.failures import RefusedError
from reconciler.publishers.wordpress.media import ensure_media
from reconciler.publishers.wordpress.memory import SiteMemory
from reconciler.publishers.wordpress.post import (
    EVERYWHERE,
    FIELDS,
    Post,
    content_of,
    departures,
    fingerprint,
    mark,
    plain_text,
    read_post,
)
from reconciler.publishers.wordpress.seo import meta_of, registered_meta, why_no_canonical
from reconciler.publishers.wordpress.terms import Terms
from reconciler.publishers.wordpress.user import User, preflight, who_am_i

_POSTS = "/wp/v2/posts"
_FINDING, _WRITING, _PUBLISHING = "see drafts", "write articles", "publish articles"
_LOOK_MAX = 100
_P = ParamSpec("_P")
_T = TypeVar("_T")
_EDIT = {"context": "edit", "_fields": FIELDS}
# With the names of the post's categories and tags, in the same answer.
_EDIT_NAMED = {"context": "edit", "_fields": f"{FIELDS},_links.wp:term,_embedded.wp:term", "_embed": "wp:term"}
_ALL = {**_EDIT, "status": EVERYWHERE, "per_page": str(_LOOK_MAX)}


def build(settings: WordPressSettings, site_url: str, password: str) -> WordPressPublisher:
    """Return the publisher of a site."""
    api = WordPressApi(site_url, settings.username, password, SystemClock().now)
    return WordPressPublisher(api, settings, Terms(api))


def _answers(
    work: Callable[Concatenate[WordPressPublisher, _P], _T],
) -> Callable[Concatenate[WordPressPublisher, _P], _T | PublishFailure]:
    """Make an answer of what a request came to. What failed on what an earlier visit learnt is done again without that."""

    asked = of_shape("WordPress")(work)

    def once(self: WordPressPublisher, /, *args: _P.args, **more: _P.kwargs) -> _T | PublishFailure:
        try:
            return asked(self, *args, **more)
        except RefusedError as error:
            return error.failure

    def inner(self: WordPressPublisher, /, *args: _P.args, **more: _P.kwargs) -> _T | PublishFailure:
        end = once(self, *args, **more)
        if self.is_recalled and isinstance(end, PublishFailure) and end.scope in ("article", "site"):
            self.forget()
            return once(self, *args, **more)
        return end

    inner.__doc__ = work.__doc__
    return inner


@dataclass(slots=True)
class WordPressPublisher:
    """One site, as one user. Who that is, and what can be written, is asked once.

    `is_recalled`: some of what is known is of an earlier visit.
    """

    api: WordPressApi
    settings: WordPressSettings
    terms: Terms
    is_recalled: bool = False
    _user: User | None = None
    _meta: frozenset[str] | None = field(default=None)

    def recall(self, memory: Memory) -> None:
        """Take over what earlier visits learnt of the site."""
        known: SiteMemory = memory.setdefault("wordpress", self.api.memory)
        if known.is_large:
            known.forget()
        self.api.memory, self.is_recalled, self._user = known, not known.is_empty, known.user

    def forget(self) -> None:
        """Know nothing of the site any more."""
        self.api.memory.forget()
        self.is_recalled, self._user, self._meta = False, None, None

    @_answers
    def check(self) -> Preflight:
        """Ask who we are, what we may do, and what the site will not store."""
        self.forget()
        return preflight(self.api, who_am_i(self.api), self.settings, self._registered_meta(), self.terms)

    @_answers
    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the article, or make a draft with its images."""
        self._enter()
        found = self._find(article, known, notebook)
        if found is None:
            sent = self._fields(article, notebook) | {"slug": article.slug, "status": "draft"}
            return self._write(_POSTS, sent).as_remote()
        if found.status == "trash":
            return _trashed(found)
        if found.status == "publish":
            return self._as_we_write(found, known, article, notebook)
        sent = self._fields(article, notebook)
        is_ours = known is None or not known.fingerprint or found.fingerprint == known.fingerprint
        if not is_ours and found.fingerprint != fingerprint(article.title, sent["content"]):
            return _changed(found, "draft")
        if departures(sent, found):
            found = self._write(f"{_POSTS}/{found.post_id}", sent)
        return found.as_remote()

    @_answers
    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Make the draft public at its slot, and read it back where readers see it."""
        self._enter()
        post = self._winner(article, remote, notebook)
        if post is None:
            return PublishFailure(f"the draft {remote.remote_id} is gone from {self.api.place}", "try-again")
        if post.status == "trash":
            return _trashed(post)
        if post.status != "publish":
            if str(post.post_id) == remote.remote_id and post.fingerprint != remote.fingerprint:
                return _changed(post, "draft")
            post = self._flip(article, post, notebook)
        if self.api.status_of(post.link) in (404, 410):
            return PublishFailure(
                f"{self.api.place} says that post {post.post_id} is public, but {post.link} is not found",
                hint="save the site's permalink settings again, and look for a page with the same address",
            )
        # Whichever post it is: what `prepare` answered is of the text that the article has.
        return replace(post.as_remote(), fingerprint=remote.fingerprint or post.fingerprint)

    @_answers
    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Write the article anew under its number; slug, date and status stay."""
        self._enter()
        found = self._by_number(remote.remote_id)
        if found is None:
            return PublishFailure(
                f"post {remote.remote_id} is gone from {self.api.place}", hint="--force publishes it anew"
            )
        if found.status == "trash":
            return _trashed(found)
        sent = self._fields(article, notebook)
        # What a lost answer left behind is what we want, and nobody's change.
        is_ours = found.fingerprint in (remote.fingerprint, fingerprint(article.title, sent["content"]))
        if not (is_ours or force):
            return _changed(found, "article")
        return self._write(f"{_POSTS}/{found.post_id}", sent).as_remote()

    @_answers
    def withdraw(self, remote: Remote) -> Remote:
        """Make a public post a draft again; one that is gone, or in the trash, is out of sight already."""
        self._enter()
        found = self._by_number(remote.remote_id)
        if found is None:
            return Remote(remote.remote_id, remote.url, "missing", remote.version, remote.fingerprint)
        if found.status in ("publish", "future", "private"):
            found = read_post(self.api.post(f"{_POSTS}/{found.post_id}", _PUBLISHING, {"status": "draft"}, **_EDIT))
        return found.as_remote()

    @_answers
    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...]:
        """Return how posts stand now, by their numbers."""
        self._enter()
        found: dict[str, Remote] = {}
        for start in range(0, len(remotes), _LOOK_MAX):
            numbers = ",".join(remote.remote_id for remote in remotes[start : start + _LOOK_MAX])
            rows = self.api.get(_POSTS, _FINDING, include=numbers, **_ALL)
            found |= {str(row["id"]): read_post(row).as_remote() for row in rows}
        gone = (Remote(remote.remote_id, remote.url, "missing") for remote in remotes)
        return tuple(found.get(remote.remote_id, other) for remote, other in zip(remotes, gone, strict=True))

    def close(self) -> None:
        """Close the connection."""
        self.api.client.close()

    def _enter(self) -> None:
        """Make sure of who we are: public lists answer also to a wrong password."""
        if self._user is None:
            self._user = who_am_i(self.api)
            failure = self._user.why_not_enough(self.api.place)
            if failure is not None:
                raise RefusedError(failure)
            # Of anybody else it could not be seen that more is allowed by now.
            self.api.memory.user = self._user if self._user.names_others else None

    def _find(self, article: Article, known: Remote | None, notebook: Notebook) -> Post | None:
        """Return our post by its recorded number, else by its mark: a public one first, then the oldest.

        The mark is looked for in every text of the site, so not for an article of which nothing was sent yet: it stands
        under its slug if anywhere, and `publish` looks for the mark in any case.
        """
        if known is not None:
            post = self._by_number(known.remote_id)
            # Without the mark and under another slug it may be somebody else's: numbers begin anew with a new site.
            if post is not None and (post.carries(article.key) or post.slug == article.slug):
                return post
        marked = [] if notebook.is_blank else self._marked(article.key)
        return marked[0] if marked else self._under_slug(article)

    def _by_number(self, number: str) -> Post | None:
        try:
            return read_post(self.api.get(f"{_POSTS}/{number}", _FINDING, **_EDIT))
        except RefusedError as error:
            if error.code in ("rest_post_invalid_id", "rest_no_route"):
                return None
            raise

    def _marked(self, key: str) -> list[Post]:
        """Return the posts with a key's mark. The search is only a sieve; the mark is looked for in the raw text."""
        rows = self.api.get(_POSTS, _FINDING, search=mark(key).split()[1], **_ALL)
        posts = [read_post(row) for row in rows]
        order = {"publish": 0, "trash": 2}
        return sorted((p for p in posts if p.carries(key)), key=lambda p: (order.get(p.status, 1), p.post_id))

    def _under_slug(self, article: Article) -> Post | None:
        """Return our post under the article's slug: somebody may have made it since we looked. RefusedError for another's."""
        posts = [read_post(row) for row in self.api.get(_POSTS, _FINDING, slug=article.slug, **_ALL)]
        for post in posts:
            if not post.carries(article.key):
                link = post.link or f"post {post.post_id}"
                message = f"the slug {article.slug} belongs to somebody else's post at {self.api.place}: {link}"
                raise RefusedError(PublishFailure(message, hint="give the article another slug, or rename that post"))
        return posts[0] if posts else None

    def _winner(self, article: Article, remote: Remote, notebook: Notebook) -> Post | None:
        """Return the one post that may be public, and take back drafts that were made twice.

        One that `prepare` did not find gets the article as it is now: it may be of before an edit.
        """
        marked = self._marked(article.key)
        live = [post for post in marked if post.status != "trash"]
        if not live:
            return marked[0] if marked else self._by_number(remote.remote_id)
        winner = live[0]
        if winner.status != "publish" and str(winner.post_id) != remote.remote_id:
            sent = self._fields(article, notebook)
            if departures(sent, winner):
                winner = self._write(f"{_POSTS}/{winner.post_id}", sent)
        for twin in live[1:]:
            is_ours = str(twin.post_id) == remote.remote_id and twin.fingerprint == remote.fingerprint
            if twin.status == "draft" and (is_ours or twin.fingerprint == winner.fingerprint):
                self.api.delete(f"{_POSTS}/{twin.post_id}", "delete drafts")
        return winner

    def _flip(self, article: Article, post: Post, notebook: Notebook) -> Post:
        """Make a draft public, dated at its slot but not after the site's own clock: WordPress would hold it back."""
        clock = self.api.clock_at_site
        at = min(article.publish_at, clock) if clock else article.publish_at
        sent = {"status": "publish", "date_gmt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")}
        made = read_post(self.api.post(f"{_POSTS}/{post.post_id}", _PUBLISHING, sent, **_EDIT))
        if made.slug != post.slug == article.slug:
            made = self._reclaim_slug(article, made, notebook)
        if made.status != "publish":
            message = f"{self.api.place} made post {made.post_id} {made.status} instead of public"
            raise RefusedError(PublishFailure(message, "try-again" if made.status == "future" else "site"))
        if made.fingerprint != post.fingerprint:
            # Not to be done once more: whoever asks again finds a public post, and nothing to say.
            self.forget()
            message = f"{self.api.place} changed the text of post {made.post_id} while publishing it"
            raise RefusedError(PublishFailure(message, hint=f"look at {made.link}"))
        return made

    def _reclaim_slug(self, article: Article, post: Post, notebook: Notebook) -> Post:
        """Give a post the slug again that WordPress gave to nobody: a twin that was made meanwhile had it."""
        self._winner(article, post.as_remote(), notebook)
        return read_post(self.api.post(f"{_POSTS}/{post.post_id}", _PUBLISHING, {"slug": article.slug}, **_EDIT))

    def _fields(self, article: Article, notebook: Notebook) -> dict[str, Any]:
        """Return what the article is made of at this site, its images uploaded."""
        missing = why_no_canonical(self._registered_meta()) if article.canonical_url else ""
        if missing:
            hint = "register the SEO plugin's canonical field for the REST API, or send no copies there"
            raise RefusedError(PublishFailure(f"{self.api.place}: {missing}", "site", hint=hint))
        media = ensure_media(self.api, article.images, notebook)
        names = [*self.settings.categories, *(article.categories if self.settings.category_per_sector else ())]
        fields: dict[str, Any] = {
            "title": plain_text(article.title),
            "content": content_of(article, media),
            "excerpt": plain_text(article.excerpt or article.meta_description),
            "tags": self.terms.tags(article.tags),
        }
        if names:
            fields["categories"] = self.terms.categories(names)
        first = featured(article.images)
        if first is not None:
            fields["featured_media"] = int(media[first.sha256].remote_id)
        author = self._author(article)
        if author is not None:
            fields["author"] = author
        meta = meta_of(article)
        return fields | ({"meta": meta} if meta else {})

    def _as_we_write(self, post: Post, known: Remote | None, article: Article, notebook: Notebook) -> Remote:
        """Return a public post with the fingerprint of what we wrote, where nobody knows of what we would write.

        So a person's change, or a text from before an edit, is seen by an update and a sync.
        """
        seen = post.as_remote()
        if known is not None and known.fingerprint and known.remote_id == seen.remote_id:
            return replace(seen, fingerprint=known.fingerprint)
        content = content_of(article, ensure_media(self.api, article.images, notebook))
        return replace(seen, fingerprint=fingerprint(article.title, content))

    def _author(self, article: Article) -> int | None:
        """Return the user who is shown as the author; None, which is ourselves, also where we may name nobody else."""
        if self.settings.author is None and self._user is not None and not self._user.names_others:
            return None
        return self.terms.author(self.settings.author, article.author_name, article.author)

    def _registered_meta(self) -> frozenset[str]:
        if self._meta is None:
            self._meta = registered_meta(self.api.options(_POSTS, _WRITING))
        return self._meta

    def _write(self, route: str, sent: Mapping[str, Any]) -> Post:
        """Send an article and make sure that it was stored as it was sent."""
        answer = self.api.post(route, _WRITING, sent, **(_EDIT_NAMED if self.is_recalled else _EDIT))
        stored = read_post(answer)
        lost = departures(sent, stored)
        if lost:
            message = f"{self.api.place} stored {', '.join(lost)} of post {stored.post_id} otherwise than sent"
            hint = "a plugin changes it, or the user lacks the right unfiltered_html: the role Editor has it"
            raise RefusedError(PublishFailure(message, hint=hint))
        if self.is_recalled and self.terms.were_renamed(answer):
            message = f"{self.api.place} has other names by now for categories or tags of post {stored.post_id}"
            raise RefusedError(PublishFailure(message))
        return stored


def _trashed(post: Post) -> PublishFailure:
    message = f"post {post.post_id} was put into the trash at the site by a person"
    return PublishFailure(message, hint="restore it there to publish it, or delete it there for good")


def _changed(post: Post, what: str) -> PublishFailure:
    message = f"the {what} {post.post_id} was changed by hand at the site ({post.link})"
    return PublishFailure(message, "changed-by-hand", hint="--force overwrites the change")
