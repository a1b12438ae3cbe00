"""An article as WordPress keeps it: the text that we send, the mark that finds it again, and what was stored. Pure."""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.publishers.figures import place_figures
from reconciler.publishers.port import Article, ArticleImage, Remote, RemoteMedia, RemoteState

# Of texts the raw ones alone: a site that is asked for more runs each of its filters over the whole article.
FIELDS = (
    "id,status,slug,link,date_gmt,modified_gmt,title.raw,content.raw,excerpt.raw,"
    "featured_media,categories,tags,meta,author"
)
EVERYWHERE = "publish,future,draft,pending,private,trash"


@dataclass(frozen=True, slots=True)
class Post:
    """A post as the site stores it; `title`, `content` and `excerpt` are raw. `fields` is the whole answer."""

    post_id: int
    status: str
    slug: str
    link: str
    modified_gmt: str
    title: str
    content: str
    fields: Mapping[str, Any]

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of what readers get to see."""
        return fingerprint(self.title, self.content)

    def carries(self, key: str) -> bool:
        """Tell whether it has the mark of a key."""
        return mark(key) in self.content

    def as_remote(self) -> Remote:
        """Return it in the port's words."""
        state: RemoteState = {"publish": "public", "trash": "trashed"}.get(self.status, "draft")  # type: ignore[assignment]
        return Remote(str(self.post_id), self.link, state, self.modified_gmt, self.fingerprint)


def read_post(body: Mapping[str, Any]) -> Post:
    """Return the post of an answer with `context=edit`."""
    return Post(
        post_id=int(body["id"]),
        status=str(body["status"]),
        slug=str(body.get("slug") or ""),
        link=str(body.get("link") or ""),
        modified_gmt=str(body.get("modified_gmt") or ""),
        title=str(body["title"]["raw"]),
        content=str(body["content"]["raw"]),
        fields=body,
    )


def plain_text(text: str) -> str:
    """Return text for a field in which WordPress takes HTML: a tag in a title would run on the page."""
    return html.escape(text, quote=False)


def mark(key: str) -> str:
    """Return the comment that an article is found by."""
    return f"<!-- igny8:{key} -->"


def fingerprint(title: str, content: str) -> str:
    """Return the SHA-256 of a stored title and text; the title counts as what is read."""
    return hashlib.sha256(f"{html.unescape(title)}\x1f{content}".encode()).hexdigest()


def content_of(article: Article, media: Mapping[str, RemoteMedia]) -> str:
    """Return the text with its images as blocks of WordPress's own, and the mark at its end.

    An opening bracket is written as an entity: what looks like a shortcode would run.
    """

    def block(image: ArticleImage) -> str:
        return _image_block(image, media[image.sha256])

    text = place_figures(_inert(article.html).strip("\n"), article.images, block)
    return f"{text.rstrip()}\n\n{mark(article.key)}"


def _image_block(image: ArticleImage, stored: RemoteMedia) -> str:
    """Return core's image block: the class with the id is what WordPress adds srcset, size and lazy loading to."""
    caption = f'<figcaption class="wp-element-caption">{_text(image.caption)}</figcaption>' if image.caption else ""
    source = f'src="{html.escape(stored.url)}" alt="{_text(image.alt)}" class="wp-image-{stored.remote_id}"'
    return (
        f'\n<!-- wp:image {{"id":{stored.remote_id},"sizeSlug":"full","linkDestination":"none"}} -->\n'
        f'<figure class="wp-block-image size-full"><img {source} />{caption}</figure>\n'
        "<!-- /wp:image -->\n"
    )


def _text(text: str) -> str:
    return _inert(html.escape(text))


def _inert(text: str) -> str:
    return text.replace("[", "&#091;")


def departures(sent: Mapping[str, Any], stored: Post) -> list[str]:
    """Return the names of what was sent and is not stored so: WordPress drops what it does not want without a word."""
    return [name for name, value in sent.items() if not _is_kept(name, value, stored.fields.get(name))]


def _is_kept(name: str, sent: Any, stored: Any) -> bool:
    if name in ("slug", "status", "date_gmt"):
        return True  # the site has the last word, and each is looked at where it matters
    if name == "content":
        return bool(stored["raw"] == sent)
    if name in ("title", "excerpt"):
        return html.unescape(str(stored["raw"])).strip() == html.unescape(str(sent)).strip()
    if name in ("categories", "tags"):
        return set(sent) <= set(stored or ())
    if name == "meta":
        # Only what a plugin has registered is there at all; without one it is an empty list.
        return not isinstance(stored, Mapping) or all(stored.get(key, value) == value for key, value in sent.items())
    return bool(stored == sent)
