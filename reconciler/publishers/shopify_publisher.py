"""Shopify blog articles through the GraphQL Admin API. A metafield, igny8.key, tells ours from other people's.

Written after Shopify's documentation and tested against a stand-in that follows it, never against a shop. Articles cannot
be searched by metafield there: one is found by the id that was recorded, else by its handle in the blog, and is ours only
if it carries the key. Images go through a staged upload into the shop's files, named by their SHA-256, where they are found
again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.clock import SystemClock
from reconciler.ids import digest
from reconciler.publishers import shopify_operations as operations
from reconciler.publishers.figures import featured, place_figures, plain_figure
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
from reconciler.publishers.shopify import ShopifySettings
from reconciler.publishers.shopify_api import ShopifyApi

_POLLS_MAX = 10
_POLL_SECONDS = 1.0
_LOOK_MAX = 50
# Each needs one of its scopes.
_NEEDED = {
    "find, make and publish articles": ("write_content", "write_online_store_pages"),
    "upload images": ("write_files", "write_images"),
}


def build(settings: ShopifySettings, site_url: str, access_token: str) -> ShopifyPublisher:
    """Return the publisher of a shop's blog."""
    api = ShopifyApi(settings.shop, access_token, SystemClock().now, threading.Event().wait)
    return ShopifyPublisher(api, settings.blog, site_url)


@dataclass(frozen=True, slots=True)
class ShopifyPublisher:
    """Publishes articles into one blog of one shop."""

    api: ShopifyApi
    blog: str
    site_url: str

    @of_shape("Shopify")
    def check(self) -> Preflight | PublishFailure:
        """Ask the shop which app the token belongs to, what it may do, and whether the blog is there."""
        data = self.api.run(operations.SHOP, {"blog": f"handle:{_quoted(self.blog)}"})
        if isinstance(data, PublishFailure):
            return data
        if self._blog_id(data) is None:
            return self._no_blog()
        installation = data.get("currentAppInstallation") or {}
        scopes = {scope["handle"] for scope in installation.get("accessScopes") or ()}
        missing = tuple(f"{what} (scope {any_of[0]})" for what, any_of in _NEEDED.items() if not scopes & set(any_of))
        app, shop = (installation.get("app") or {}).get("title", "?"), data.get("shop") or {}
        return Preflight(
            who=f"the app {app} at {shop.get('name', self.api.place)}",
            may=tuple(what for what, any_of in _NEEDED.items() if scopes & set(any_of)),
            missing=missing,
            warnings=("Shopify has no canonical URL of an article: it is left out",),
            least_role="a custom app with the scopes write_content and write_files",
            no_canonical="Shopify has no canonical URL of an article",
        )

    @of_shape("Shopify")
    def prepare(self, article: Article, notebook: Notebook, known: Remote | None) -> Remote | PublishFailure:
        """Find the article by its id or handle; make or renew it with its images, not published."""
        if article.canonical_url:
            return PublishFailure("Shopify cannot carry a canonical URL", "site", hint="publish only elsewhere")
        blog = self._find_blog()
        if isinstance(blog, PublishFailure):
            return blog
        found = self._find(article, blog, known)
        if isinstance(found, PublishFailure):
            return found
        if found is not None and found["isPublished"] and known is not None and known.fingerprint:
            return self._as_we_wrote(found, known)
        fields = self._fields(article, notebook)
        if isinstance(fields, PublishFailure):
            return fields
        if found is not None and found["isPublished"]:
            # Of what we would write, so that a person's change, or a text from before an edit, is seen by a sync.
            return replace(self._remote(found), fingerprint=_fingerprint(fields))
        if found is None:
            made = {"blogId": blog, "handle": article.slug, "isPublished": False}
            return self._told("articleCreate", operations.CREATE, {"article": fields | made})
        is_as_we_left_it = known is None or known.fingerprint in ("", _fingerprint(found))
        if not is_as_we_left_it and _fingerprint(found) != _fingerprint(fields):
            return _changed("the draft")
        return self._told("articleUpdate", operations.UPDATE, {"id": found["id"], "article": fields})

    @of_shape("Shopify")
    def publish(self, article: Article, remote: Remote, notebook: Notebook) -> Remote | PublishFailure:
        """Make it visible by its id, and read it back."""
        found = self._read([remote.remote_id])
        if isinstance(found, PublishFailure):
            return found
        standing = found.get(remote.remote_id)
        if standing is None:
            return PublishFailure(f"the draft {remote.remote_id} is gone at Shopify", "try-again")
        if standing["isPublished"]:
            return self._as_we_wrote(standing, remote)
        if remote.fingerprint and _fingerprint(standing) != remote.fingerprint:
            return _changed("the draft")
        told = self._told("articleUpdate", operations.UPDATE, {"id": standing["id"], "article": {"isPublished": True}})
        if isinstance(told, PublishFailure):
            return told
        again = self._read([remote.remote_id])
        if isinstance(again, PublishFailure):
            return again
        if remote.remote_id not in again or not again[remote.remote_id]["isPublished"]:
            return PublishFailure("the article does not read back as public", "try-again")
        return self._remote(again[remote.remote_id])

    @of_shape("Shopify")
    def update(self, article: Article, remote: Remote, notebook: Notebook, *, force: bool) -> Remote | PublishFailure:
        """Write the article over what we wrote last; handle and date stay."""
        found = self._read([remote.remote_id])
        if isinstance(found, PublishFailure):
            return found
        standing = found.get(remote.remote_id)
        if standing is None:
            return PublishFailure(
                f"the article is gone at Shopify ({remote.url})", "article", hint="--force publishes it anew"
            )
        fields = self._fields(article, notebook)
        if isinstance(fields, PublishFailure):
            return fields
        # Shopify has no lock. What equals the new text is an earlier try of ours whose answer was lost.
        ours = (remote.fingerprint, _fingerprint(fields))
        if not force and _fingerprint(standing) not in ours:
            return _changed("the article")
        return self._told("articleUpdate", operations.UPDATE, {"id": standing["id"], "article": fields})

    @of_shape("Shopify")
    def withdraw(self, remote: Remote) -> Remote | PublishFailure:
        """Hide the article."""
        found = self._read([remote.remote_id])
        if isinstance(found, PublishFailure):
            return found
        standing = found.get(remote.remote_id)
        if standing is None:
            return Remote(remote.remote_id, remote.url, "missing", remote.version, remote.fingerprint)
        if not standing["isPublished"]:
            return self._remote(standing)
        return self._told("articleUpdate", operations.UPDATE, {"id": standing["id"], "article": {"isPublished": False}})

    @of_shape("Shopify")
    def look(self, remotes: Sequence[Remote]) -> tuple[Remote, ...] | PublishFailure:
        """Return how each article stands now; Shopify has no trash, so what is deleted is missing."""
        found: dict[str, dict[str, Any]] = {}
        ids = [remote.remote_id for remote in remotes]
        for start in range(0, len(ids), _LOOK_MAX):
            some = self._read(ids[start : start + _LOOK_MAX])
            if isinstance(some, PublishFailure):
                return some
            found |= some
        return tuple(
            self._remote(found[remote.remote_id])
            if remote.remote_id in found
            else Remote(remote.remote_id, remote.url, "missing", remote.version, remote.fingerprint)
            for remote in remotes
        )

    def close(self) -> None:
        """Release connections."""
        self.api.client.close()

    def _find_blog(self) -> str | PublishFailure:
        data = self.api.run(operations.FIND_BLOG, {"blog": f"handle:{_quoted(self.blog)}"})
        return data if isinstance(data, PublishFailure) else self._blog_id(data) or self._no_blog()

    def _blog_id(self, data: Mapping[str, Any]) -> str | None:
        return next((str(blog["id"]) for blog in data["blogs"]["nodes"] if blog["handle"] == self.blog), None)

    def _no_blog(self) -> PublishFailure:
        hint = "publisher.blog is the handle of the blog, as in /blogs/HANDLE"
        return PublishFailure(f"{self.api.place} has no blog with the handle {self.blog}", "site", hint=hint)

    def _find(self, article: Article, blog: str, known: Remote | None) -> dict[str, Any] | PublishFailure | None:
        if known is not None and known.remote_id:
            standing = self._read([known.remote_id])
            if isinstance(standing, PublishFailure):
                return standing
            if known.remote_id in standing:
                return standing[known.remote_id]
        number = blog.rsplit("/", 1)[-1]
        data = self.api.run(operations.FIND_BY_HANDLE, {"query": f"handle:{_quoted(article.slug)} blog_id:{number}"})
        if isinstance(data, PublishFailure):
            return data
        # A search may match more than it was asked for.
        for standing in data["articles"]["nodes"]:
            if standing["handle"] == article.slug and standing["blog"]["id"] == blog:
                if (standing.get("key") or {}).get("value") == article.key:
                    return dict(standing)
                return PublishFailure(
                    f"/blogs/{self.blog}/{article.slug} belongs to another article, “{standing['title']}”", "article",
                    hint="give the article another slug, or delete that one in Shopify",
                )  # fmt: skip
        return None

    def _read(self, ids: Sequence[str]) -> dict[str, dict[str, Any]] | PublishFailure:
        data = self.api.run(operations.READ, {"ids": list(ids)})
        if isinstance(data, PublishFailure):
            return data
        return {str(node["id"]): node for node in data["nodes"] if node and "id" in node}

    def _told(self, name: str, operation: str, variables: Mapping[str, Any]) -> Remote | PublishFailure:
        payload = self.api.change(name, operation, variables)
        return payload if isinstance(payload, PublishFailure) else self._remote(payload["article"])

    def _as_we_wrote(self, standing: Mapping[str, Any], known: Remote | None) -> Remote:
        """Return a public article with the fingerprint of what we wrote: an update has to see a person's change."""
        seen = self._remote(standing)
        return replace(seen, fingerprint=known.fingerprint) if known is not None and known.fingerprint else seen

    def _remote(self, standing: Mapping[str, Any]) -> Remote:
        return Remote(
            remote_id=str(standing["id"]),
            url=f"{self.site_url.rstrip('/')}/blogs/{standing['blog']['handle']}/{standing['handle']}",
            state="public" if standing["isPublished"] else "draft",
            version=str(standing.get("updatedAt") or ""),
            fingerprint=_fingerprint(standing),
        )

    def _fields(self, article: Article, notebook: Notebook) -> dict[str, Any] | PublishFailure:
        urls: dict[str, str] = {}
        for image in article.images:
            media = self._media(image, notebook)
            if isinstance(media, PublishFailure):
                return media
            urls[image.sha256] = media.url
        metafields = {("igny8", "key"): article.key, ("global", "title_tag"): article.meta_title}
        metafields[("global", "description_tag")] = article.meta_description
        fields: dict[str, Any] = {
            "title": article.title,
            "body": place_figures(article.html, article.images, lambda image: plain_figure(urls[image.sha256], image)),
            "summary": article.excerpt,
            "author": {"name": article.author},
            "tags": list(article.tags),
            "metafields": [
                {"namespace": namespace, "key": key, "type": "single_line_text_field", "value": " ".join(value.split())}
                for (namespace, key), value in metafields.items()
                if value
            ],
        }
        picture = featured(article.images)
        if picture is not None:
            fields["image"] = {"url": urls[picture.sha256], "altText": picture.alt}
        return fields

    def _media(self, image: ArticleImage, notebook: Notebook) -> RemoteMedia | PublishFailure:
        known = notebook.media(image.sha256)
        if known is not None:
            there = self.api.run(operations.READ_FILE, {"id": known.remote_id})
            if isinstance(there, PublishFailure):
                return there
            if there.get("node"):
                return known
        name = f"igny8-{image.sha256}{Path(image.path).suffix}"
        data = self.api.run(operations.FIND_FILE, {"query": f"filename:{_quoted(name)}"})
        if isinstance(data, PublishFailure):
            return data
        nodes = [node for node in data["files"]["nodes"] if node.get("fileStatus") != "FAILED"]
        file = nodes[0] if nodes else self._upload(image, name)
        ready = file if isinstance(file, PublishFailure) else self._await(file)
        if isinstance(ready, PublishFailure):
            return ready
        media = RemoteMedia(image.sha256, str(ready["id"]), str(ready["image"]["url"]))
        notebook.keep_media(media)
        return media

    def _upload(self, image: ArticleImage, name: str) -> dict[str, Any] | PublishFailure:
        try:
            data = Path(image.path).read_bytes()
        except OSError as error:
            return PublishFailure(f"cannot read {image.path}: {error.strerror}", "article")
        wanted = {"resource": "IMAGE", "filename": name, "mimeType": image.media_type, "httpMethod": "POST"}
        staged = self.api.change(
            "stagedUploadsCreate", operations.STAGE, {"input": [wanted | {"fileSize": str(len(data))}]}
        )
        if isinstance(staged, PublishFailure):
            return staged
        (target,) = staged["stagedTargets"]
        parameters = {item["name"]: item["value"] for item in target["parameters"]}
        problem = self.api.upload(target["url"], parameters, name, data, image.media_type)
        if problem is not None:
            return problem
        source = {"originalSource": target["resourceUrl"], "filename": name, "alt": image.alt, "contentType": "IMAGE"}
        made = self.api.change("fileCreate", operations.CREATE_FILE, {"files": [source]})
        return made if isinstance(made, PublishFailure) else dict(made["files"][0])

    def _await(self, file: dict[str, Any]) -> dict[str, Any] | PublishFailure:
        """Return the file once Shopify has worked on it: before that it has no address."""
        for _ in range(_POLLS_MAX):
            if file.get("fileStatus") == "READY" and (file.get("image") or {}).get("url"):
                return file
            if file.get("fileStatus") == "FAILED":
                return PublishFailure("Shopify cannot read the image", "article")
            self.api.pause(_POLL_SECONDS)
            data = self.api.run(operations.READ_FILE, {"id": file["id"]})
            if isinstance(data, PublishFailure):
                return data
            file = data.get("node") or file
        return PublishFailure("Shopify is still working on an image", "try-again", 30.0)


def _fingerprint(standing: Mapping[str, Any]) -> str:
    return digest([standing.get("title") or "", standing.get("body") or "", standing.get("summary") or ""])


def _quoted(text: str) -> str:
    """Return a value for Shopify's search as a quoted phrase."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _changed(what: str) -> PublishFailure:
    hint = "compare both: --force overwrites the change"
    return PublishFailure(f"somebody changed {what} in Shopify", "changed-by-hand", hint=hint)
