"""Ghost through its Admin API. An internal tag, `#igny8-KEY`, finds an article again; readers never see it.

The text is one HTML card, which Ghost keeps to the byte. `updated_at` is Ghost's lock: what a person changed meanwhile is
refused there, not overwritten. Publishers that know nothing of each other can make several posts with one key: the oldest
is published, and whoever made another one deletes it. Ghost cannot look an image up, so each has its SHA-256 as its name
and is looked for at the address where Ghost would have put it. No e-mail goes out unless the config names a newsletter: it
cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.clock import SystemClock
from reconciler.publishers import ghost_post
from reconciler.publishers.ghost import GhostSettings
from reconciler.publishers.ghost_api import GhostApi
from reconciler.publishers.port import (
    Article,
    ArticleImage,
    Notebook,
    Preflight,
    PublishFailure,
    Remote,
    RemoteMedia,
)
from reconciler.publishers.shapes import of_shape

_FORMATS = "lexical"
_INCLUDE = "tags,authors"
_LOOK_MAX = 50
# A staff token stands for a person. An Author publishes their own posts only, a Contributor none.
_ROLES_THAT_PUBLISH = ("Owner", "Administrator", "Super Editor", "Editor")
_LEAST_ROLE = "a custom integration, or a staff token of an Editor"


def build(settings: GhostSettings, site_url: str, admin_api_key: str) -> GhostPublisher:
    """Return the publisher of a site on Ghost."""
    now = SystemClock().now
    return GhostPublisher(GhostApi(settings.admin_url or site_url, admin_api_key, now), settings, site_url, now)


@dataclass(frozen=True, slots=True)
class GhostPublisher:
    """Publishes articles as posts of one Ghost."""

    api: GhostApi
    settings: GhostSettings
    site_url: str
    now: Callable[[], datetime]

    @of_shape("Ghost")
    def check(self) -> Preflight | PublishFailure:
        """Ask Ghost who the key belongs to; look for the authors and the newsletter that the config names."""
        site = self.api.ask("site/")
        if isinstance(site, PublishFailure):
            return site
        facts = (site or {}).get("site", {})
        # Everybody may read `site`; only a key that Ghost knows may read drafts.
        drafts = self.api.ask("posts/", filter="status:draft", limit="1", fields="id")
        if isinstance(drafts, PublishFailure):
            return drafts
        who, missing = self._identity()
        warnings = [f"{name}: {problem}" for name, problem in self._unknown_names()]
        if self.settings.newsletter:
            warnings.append(
                f"each article is e-mailed to the newsletter {self.settings.newsletter}: declared in the config"
            )
        return Preflight(
            who=f"{who} at {facts.get('title', self.api.place)} (Ghost {facts.get('version', '?')})",
            may=() if missing else ("find and make drafts", "publish", "update", "take back to draft", "upload images"),
            missing=missing,
            warnings=tuple(warnings),
            least_role=_LEAST_ROLE,
        )

    @of_shape("Ghost")
    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the post by its id, its key, then its slug; make or renew the draft with its images."""
        problem = ghost_post.find_too_long(article)
        if problem is not None:
            return problem
        found = self._find(article, known)
        if isinstance(found, PublishFailure):
            return found
        if found is not None and found["status"] != "draft" and _is_known(found, known):
            return _as_we_wrote(found, known)
        fields = self._fields(article, notebook)
        if isinstance(fields, PublishFailure):
            return fields
        if found is not None and found["status"] != "draft":
            # Of what we would write, so that a person's change, or a text from before an edit, is seen by a sync.
            differs = ghost_post.differing(found, fields)
            text = ghost_post.fingerprint(fields if differs else found)
            return _as_we_wrote(found, Remote(str(found["id"]), "", "public", fingerprint=text))
        if found is None:
            made = self.api.send(
                "POST", "posts/", {"posts": [fields | {"status": "draft"}]}, formats=_FORMATS, include=_INCLUDE
            )
            return self._stored(made, fields)
        is_as_sent = not (ghost_post.differing(found, fields) or ghost_post.lacks_tags(found, fields))
        if is_as_sent and found["slug"] == article.slug:
            return ghost_post.remote_of(found)
        if known is not None and known.fingerprint not in ("", ghost_post.fingerprint(found)):
            return _changed("the draft")
        return self._stored(self._change(found, fields), fields)

    @of_shape("Ghost")
    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Turn the draft public by its id, under Ghost's lock, and read it back."""
        post = self._chosen(article, remote)
        if isinstance(post, PublishFailure):
            return post
        if post is None:
            return PublishFailure(f"the draft {remote.remote_id} is gone in Ghost", "try-again")
        if post["status"] != "draft":
            return _as_we_wrote(post, remote)
        if remote.fingerprint and ghost_post.fingerprint(post) != remote.fingerprint:
            return _changed("the draft")
        problem = self._wrong_author(article, post)
        if problem is not None:
            return problem
        newsletter = {"newsletter": self.settings.newsletter} if self.settings.newsletter else {}
        # Dated at its slot, also when it is late; Ghost would show a date that is still to come as it is.
        at = min(article.publish_at, self.now()).astimezone(UTC)
        public_now = {"status": "published", "published_at": f"{at:%Y-%m-%dT%H:%M:%S}.000Z", "slug": article.slug}
        told = self._change(post, public_now, **newsletter)
        # Refused because it changed: also when another publisher has just made it public.
        if isinstance(told, PublishFailure) and told.scope != "changed-by-hand":
            return told
        public = self._read(remote.remote_id)
        if isinstance(public, PublishFailure):
            return public
        if isinstance(told, PublishFailure) and (public is None or not _is_public(public, as_written=post)):
            return told
        if public is None or public["status"] not in ("published", "sent"):
            return PublishFailure("the article does not read back as public", "try-again")
        return ghost_post.remote_of(public)

    @of_shape("Ghost")
    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Write the article over what we wrote last; tags that people added stay, and so do slug, date and author."""
        problem = ghost_post.find_too_long(article)
        if problem is not None:
            return problem
        post = self._read(remote.remote_id)
        if isinstance(post, PublishFailure):
            return post
        if post is None:
            return _gone(remote)
        fields = self._fields(article, notebook)
        if isinstance(fields, PublishFailure):
            return fields
        # What equals the new text already is an earlier try of ours whose answer was lost.
        if not (ghost_post.differing(post, fields) or ghost_post.lacks_tags(post, fields)):
            return ghost_post.remote_of(post)
        if not force and ghost_post.fingerprint(post) != remote.fingerprint:
            return _changed("the article")
        kept = [{"id": tag["id"]} for tag in post.get("tags", ()) if {"name": tag["name"]} not in fields["tags"]]
        body = {name: value for name, value in fields.items() if name not in ("slug", "authors")}
        return self._stored(self._change(post, body | {"tags": [*fields["tags"], *kept]}), fields)

    @of_shape("Ghost")
    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Turn a public post into a draft."""
        post = self._read(remote.remote_id)
        if isinstance(post, PublishFailure):
            return post
        if post is None:
            return Remote(remote.remote_id, remote.url, "missing", remote.version, remote.fingerprint)
        if post["status"] == "draft":
            return ghost_post.remote_of(post)
        told = self._change(post, {"status": "draft"})
        return told if isinstance(told, PublishFailure) else ghost_post.remote_of(told["posts"][0])

    @of_shape("Ghost")
    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Return how each post stands now; Ghost has no trash, so what is deleted is missing."""
        posts: dict[str, dict[str, Any]] = {}
        ids = [remote.remote_id for remote in remotes]
        for start in range(0, len(ids), _LOOK_MAX):
            some = ",".join(ids[start : start + _LOOK_MAX])
            answer = self._posts(f"id:[{some}]", limit=_LOOK_MAX)
            if isinstance(answer, PublishFailure):
                return answer
            posts |= {str(post["id"]): post for post in answer}
        return tuple(
            ghost_post.remote_of(posts[remote.remote_id])
            if remote.remote_id in posts
            else Remote(remote.remote_id, remote.url, "missing", remote.version, remote.fingerprint)
            for remote in remotes
        )

    def close(self) -> None:
        """Release connections."""
        self.api.client.close()

    def _identity(self) -> tuple[str, tuple[str, ...]]:
        """Return whom the key belongs to and what that one may not do: only a staff token is somebody."""
        me = self.api.ask("users/me/", include="roles")
        user = (me.get("users") or [{}])[0] if isinstance(me, dict) else {}
        if not user:
            return f"integration {self.api.key_id[:8]}…", ()
        roles = [str(role.get("name")) for role in user.get("roles", ())]
        missing = () if any(role in _ROLES_THAT_PUBLISH for role in roles) else ("publish and change every post",)
        return f"{user.get('name')} ({', '.join(roles)})", missing

    def _unknown_names(self) -> list[tuple[str, str]]:
        problems = [
            (f"author {slug}", "Ghost has no such staff user; articles of this author stay drafts")
            for slug in dict.fromkeys(self.settings.authors.values())
            if not isinstance(self.api.ask(f"users/slug/{slug}/"), dict)
        ]
        if self.settings.newsletter:
            found = self.api.ask("newsletters/", filter=f"slug:{_quoted(self.settings.newsletter)}+status:active")
            if not isinstance(found, dict) or not found.get("newsletters"):
                problems.append((f"newsletter {self.settings.newsletter}", "Ghost has no such active newsletter"))
        return problems

    def _wrong_author(self, article: Article, post: Mapping[str, Any]) -> PublishFailure | None:
        """Tell when Ghost put another author's name above the article: it does so, silently, for a user it lacks."""
        wanted = self.settings.authors.get(article.author_name)
        if wanted is None or any(author.get("slug") == wanted for author in post.get("authors") or ()):
            return None
        hint = "correct publisher.authors, or invite that person in Ghost"
        return PublishFailure(f"Ghost has no staff user with the slug {wanted}", "article", hint=hint)

    def _find(self, article: Article, known: Remote | None) -> dict[str, Any] | PublishFailure | None:
        """Return the article's post, None when there is none; somebody else's at our slug is a failure."""
        if known is not None and known.remote_id:
            post = self._read(known.remote_id)
            if post is not None:
                return post
        ours = self._posts(f"tag:{_quoted(ghost_post.key_tag_slug(article.key))}", limit=10)
        if isinstance(ours, PublishFailure):
            return ours
        if ours:
            return _first(ours)
        for kind in ("posts", "pages"):
            taken = self.api.ask(f"{kind}/slug/{article.slug}/", formats=_FORMATS, include=_INCLUDE)
            if isinstance(taken, PublishFailure):
                return taken
            if taken is not None:
                other = (taken.get(kind) or [{}])[0]
                if any(tag.get("slug") == ghost_post.key_tag_slug(article.key) for tag in other.get("tags") or ()):
                    return dict(other)  # made since we looked
                title = other.get("title", "")
                return PublishFailure(
                    f"/{article.slug}/ belongs to another {kind[:-1]}, “{title}”", "article",
                    hint="give the article another slug, or delete that one in Ghost",
                )  # fmt: skip
        return None

    def _chosen(self, article: Article, remote: Remote) -> dict[str, Any] | PublishFailure | None:
        """Return the post that may be public, whoever asks; of its twins those that nobody touched are deleted.

        A failure while that is another publisher's draft: two that make it public would collide.
        """
        ours = self._posts(f"tag:{_quoted(ghost_post.key_tag_slug(article.key))}", limit=10)
        if isinstance(ours, PublishFailure):
            return ours
        if not ours:  # a person took the tag away, or the post
            return self._read(remote.remote_id)
        chosen = _first(ours)
        as_written = {remote.remote_id: remote.fingerprint}
        for twin in ours:
            written = (ghost_post.fingerprint(chosen), as_written.get(str(twin["id"])))
            if twin["id"] != chosen["id"] and twin["status"] == "draft" and ghost_post.fingerprint(twin) in written:
                gone = self.api.call("DELETE", f"posts/{twin['id']}/")
                if isinstance(gone, PublishFailure):
                    return gone
        if str(chosen["id"]) != remote.remote_id and chosen["status"] == "draft":
            message = f"another publisher brings this article out in Ghost, as post {chosen['id']}"
            return PublishFailure(message, "try-again", hint="let one igny8 publish to a site")
        return chosen

    def _posts(self, condition: str, *, limit: int) -> list[dict[str, Any]] | PublishFailure:
        answer = self.api.ask("posts/", filter=condition, limit=str(limit), formats=_FORMATS, include=_INCLUDE)
        return answer if isinstance(answer, PublishFailure) else list((answer or {}).get("posts") or ())

    def _read(self, remote_id: str) -> dict[str, Any] | PublishFailure | None:
        answer = self.api.ask(f"posts/{remote_id}/", formats=_FORMATS, include=_INCLUDE)
        if answer is None or isinstance(answer, PublishFailure):
            return answer
        (post,) = answer["posts"]
        return dict(post)

    def _change(
        self, post: Mapping[str, Any], fields: Mapping[str, Any], **params: str
    ) -> dict[str, Any] | PublishFailure:
        body = {"posts": [dict(fields) | {"updated_at": post["updated_at"]}]}
        return self.api.send("PUT", f"posts/{post['id']}/", body, formats=_FORMATS, include=_INCLUDE, **params)

    def _stored(self, answer: dict[str, Any] | PublishFailure, fields: Mapping[str, Any]) -> Remote | PublishFailure:
        """Return what was written, once Ghost's own answer shows that it is stored as it was sent."""
        if isinstance(answer, PublishFailure):
            return answer
        (post,) = answer["posts"]
        wrong = ghost_post.differing(post, fields)
        if wrong:
            return PublishFailure(f"Ghost stores {', '.join(wrong)} otherwise than sent", "article")
        return ghost_post.remote_of(post)

    def _fields(self, article: Article, notebook: Notebook) -> dict[str, Any] | PublishFailure:
        urls: dict[str, str] = {}
        for image in article.images:
            media = self._media(image, notebook)
            if isinstance(media, PublishFailure):
                return media
            urls[image.sha256] = media.url
        author = self.settings.authors.get(article.author_name)
        return ghost_post.article_fields(article, urls, tags=self.settings.tags, author=author)

    def _media(self, image: ArticleImage, notebook: Notebook) -> RemoteMedia | PublishFailure:
        """Return the image at Ghost: the one we know of, the one an earlier try left there, else a new one."""
        known = notebook.media(image.sha256)
        if known is not None and not self._is_gone(known.url):
            return known
        name = f"igny8-{image.sha256}{Path(image.path).suffix}"
        url = self._left_behind(name) or self._upload(image, name)
        if isinstance(url, PublishFailure):
            return url
        media = RemoteMedia(image.sha256, url, url)
        notebook.keep_media(media)
        return media

    def _left_behind(self, name: str) -> str | None:
        """Return the address of an image that was sent but whose answer was lost: Ghost files images by month."""
        now = self.now()
        for month in dict.fromkeys(f"{at:%Y/%m}" for at in (now, now + timedelta(days=1), now - timedelta(days=1))):
            url = f"{self.site_url.rstrip('/')}/content/images/{month}/{name}"
            answer = self.api.fetch("HEAD", url)
            if isinstance(answer, PublishFailure):
                return None
            if answer.is_ok and answer.headers.get("content-type", "").startswith("image/"):
                return url
        return None

    def _is_gone(self, url: str) -> bool:
        answer = self.api.fetch("HEAD", url)
        return not isinstance(answer, PublishFailure) and answer.status in (404, 410)

    def _upload(self, image: ArticleImage, name: str) -> str | PublishFailure:
        try:
            data = Path(image.path).read_bytes()
        except OSError as error:
            return PublishFailure(f"cannot read {image.path}: {error.strerror}", "article")
        answer = self.api.upload(name, data, image.media_type, image.sha256)
        return answer if isinstance(answer, PublishFailure) else str(answer["images"][0]["url"])


def _quoted(text: str) -> str:
    """Return a value for Ghost's filters as a quoted string, so that nothing in it is read as an operator."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _as_we_wrote(post: Mapping[str, Any], known: Remote | None) -> Remote | PublishFailure:
    """Return a public post with the fingerprint of what we wrote: a person's change has to be seen by an update."""
    if post["status"] == "scheduled":
        hint = "take it back to draft in Ghost: igny8 keeps the schedule"
        return PublishFailure("somebody scheduled the article in Ghost", "changed-by-hand", hint=hint)
    seen = ghost_post.remote_of(post)
    return replace(seen, fingerprint=known.fingerprint) if known is not None and _is_known(post, known) else seen


def _is_known(post: Mapping[str, Any], known: Remote | None) -> bool:
    """Tell whether it was recorded what we wrote into a post."""
    return known is not None and bool(known.fingerprint) and known.remote_id == str(post["id"])


def _first(posts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the one that is public, else the oldest."""
    return min(posts, key=lambda post: (post["status"] == "draft", str(post["created_at"]), str(post["id"])))


def _is_public(post: Mapping[str, Any], *, as_written: Mapping[str, Any]) -> bool:
    is_same = ghost_post.fingerprint(post) == ghost_post.fingerprint(as_written)
    return is_same and post["status"] in ("published", "sent")


def _changed(what: str) -> PublishFailure:
    hint = "compare both: --force overwrites the change"
    return PublishFailure(f"somebody changed {what} in Ghost", "changed-by-hand", hint=hint)


def _gone(remote: Remote) -> PublishFailure:
    where = remote.url or remote.remote_id
    return PublishFailure(f"the article is gone in Ghost ({where})", "article", hint="--force publishes it anew")
