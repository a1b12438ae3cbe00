"""A stand-in for Ghost's Admin API on loopback: what publishing needs of it, in the shapes of Ghost 6.

The tests that use it also run against a real Ghost (`make test-ghost`), which keeps it honest.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = f"{'5f' * 12}:{'a1' * 32}"
_LIMITS = {"title": 255, "custom_excerpt": 300, "meta_title": 300, "meta_description": 500, "slug": 191}
_FIELDS = (
    "title", "slug", "status", "lexical", "custom_excerpt", "meta_title", "meta_description", "canonical_url",
    "feature_image", "feature_image_alt", "feature_image_caption", "published_at",
)  # fmt: skip


class RefusedError(Exception):
    """The stand-in answers with an error of Ghost's."""

    def __init__(self, status: int, error_type: str, message: str, context: str | None = None, code: str | None = None):
        self.status = status
        self.error = {"message": message, "context": context, "type": error_type, "code": code, "property": None}


@dataclass
class StandInGhost:
    """The state of the stand-in, and what a person would do to it."""

    url: str = ""
    admin_api_key: str = KEY
    role: str = ""
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    images: dict[str, bytes] = field(default_factory=dict)
    emails: list[str] = field(default_factory=list)
    staff: tuple[str, ...] = ("ann",)
    newsletters: tuple[str, ...] = ("weekly",)
    requests: list[str] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _seconds: Iterator[int] = field(default_factory=lambda: itertools.count(0))

    def posts(self) -> list[dict[str, Any]]:
        return [dict(item) for item in self.items.values() if item["kind"] == "posts"]

    def create(self, kind: str = "posts", **fields: Any) -> dict[str, Any]:
        return self._add(kind, fields)

    def change(self, post_id: str, **fields: Any) -> dict[str, Any]:
        return self._edit(post_id, fields | {"updated_at": self.items[post_id]["updated_at"]}, {})

    def delete(self, post_id: str) -> None:
        del self.items[post_id]

    def image_names(self) -> list[str]:
        return sorted(path.rsplit("/", 1)[1] for path in self.images)

    def empty(self) -> None:
        self.items.clear()
        self.images.clear()

    def handle(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers and body of the answer to a request."""
        with self._lock:
            parts = urlsplit(target)
            self.requests.append(f"{method} {parts.path.removeprefix('/ghost/api/admin/')}")
            if self.answers:
                return self.answers.pop(0)
            if parts.path.startswith("/content/images/"):
                data = self.images.get(parts.path)
                return (
                    (404, {"content-type": "text/html"}, b"")
                    if data is None
                    else (200, {"content-type": "image/png"}, data)
                )
            if not parts.path.startswith("/ghost/api/admin/"):
                return 404, {"content-type": "text/html"}, b"<h1>404</h1>"
            try:
                params = {name: values[0] for name, values in parse_qs(parts.query).items()}
                path = parts.path.removeprefix("/ghost/api/admin/").rstrip("/")
                status, answer = self._route(method, path, params, headers, body)
            except RefusedError as refused:
                status, answer = refused.status, {"errors": [refused.error]}
            data = b"" if answer is None else json.dumps(answer).encode()
            return status, {"content-type": "application/json"}, data

    def _route(self, method: str, path: str, params: dict[str, str], headers: Any, body: bytes) -> tuple[int, Any]:
        if path == "site":
            return 200, {"site": {"title": "The Ghost", "url": self.url, "version": "6.65"}}
        self._authenticate(headers.get("authorization", ""))
        if path == "users/me":
            if not self.role:
                raise RefusedError(404, "NotFoundError", "Resource not found error, cannot read user.")
            return 200, {"users": [{"name": "Ben", "roles": [{"name": self.role}]}]}
        if match := re.fullmatch(r"users/slug/([\w-]+)", path):
            if match[1] not in self.staff:
                raise RefusedError(404, "NotFoundError", "Resource not found error, cannot read user.")
            return 200, {"users": [{"slug": match[1]}]}
        if path == "newsletters":
            return 200, {
                "newsletters": [{"slug": name} for name in self.newsletters if f"'{name}'" in params["filter"]]
            }
        if path == "images/upload":
            return 201, {"images": [self._upload(headers, body)]}
        if match := re.fullmatch(r"(posts|pages)(?:/slug)?/([\w-]+)", path):
            return self._one(method, match[1], match[2], "/slug/" in path, params, body)
        if path in ("posts", "pages"):
            if method == "GET":
                return 200, {path: self._browse(path, params)}
            return 201, {path: [self._add(path, json.loads(body)[path][0])]}
        raise RefusedError(404, "NotFoundError", "Resource not found")

    def _authenticate(self, header: str) -> None:
        if not header.startswith("Ghost "):
            raise RefusedError(
                403, "NoPermissionError", "Authorization failed", "Unable to determine the authenticated user"
            )
        parts = header.removeprefix("Ghost ").split(".")
        head, claims = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in parts[:2])
        key_id, _, secret = self.admin_api_key.partition(":")
        if head["kid"] != key_id:
            raise RefusedError(401, "UnauthorizedError", "Unknown Admin API Key", code="UNKNOWN_ADMIN_API_KEY")
        expected = hmac.new(bytes.fromhex(secret), ".".join(parts[:2]).encode(), hashlib.sha256).digest()
        is_signed = hmac.compare_digest(base64.urlsafe_b64decode(parts[2] + "=="), expected)
        if head["alg"] != "HS256" or claims["aud"] != "/admin/" or not is_signed or claims["exp"] < time.time():
            raise RefusedError(401, "UnauthorizedError", "Invalid token: invalid signature", code="INVALID_JWT")

    def _upload(self, headers: Any, body: bytes) -> dict[str, str | None]:
        head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
        parts = {
            part.get_param("name", header="content-disposition"): part
            for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
        }
        file = parts["file"]
        if file.get_content_type() not in ("image/png", "image/jpeg", "image/webp"):
            raise RefusedError(415, "UnsupportedMediaTypeError", "Please select a valid image.")
        stem, _, suffix = file.get_filename().rpartition(".")
        folder = f"/content/images/{datetime.now(UTC):%Y/%m}"
        names = itertools.chain([f"{stem}.{suffix}"], (f"{stem}-{number}.{suffix}" for number in itertools.count(1)))
        path = next(f"{folder}/{name}" for name in names if f"{folder}/{name}" not in self.images)
        self.images[path] = file.get_payload(decode=True)
        return {"url": self.url + path, "ref": parts["ref"].get_content().strip() if "ref" in parts else None}

    def _one(
        self, method: str, kind: str, name: str, by_slug: bool, params: dict[str, str], body: bytes
    ) -> tuple[int, Any]:
        found = [
            item for item in self.items.values() if item["kind"] == kind and item["slug" if by_slug else "id"] == name
        ]
        if not found:
            raise RefusedError(404, "NotFoundError", "Resource not found error, cannot read post.", "Post not found.")
        if method == "DELETE":
            self.delete(found[0]["id"])
            return 204, None
        if method == "PUT":
            return 200, {kind: [self._edit(found[0]["id"], json.loads(body)[kind][0], params)]}
        return 200, {kind: [found[0]]}

    def _browse(self, kind: str, params: dict[str, str]) -> list[dict[str, Any]]:
        condition = params.get("filter", "")
        items = [item for item in self.items.values() if item["kind"] == kind]
        if match := re.fullmatch(r"tag:'([\w-]+)'", condition):
            items = [item for item in items if any(tag["slug"] == match[1] for tag in item["tags"])]
        elif match := re.fullmatch(r"id:\[([\w,]+)\]", condition):
            items = [item for item in items if item["id"] in match[1].split(",")]
        elif condition == "status:draft":
            items = [item for item in items if item["status"] == "draft"]
        elif condition:
            raise RefusedError(400, "BadRequestError", "Error parsing filter")
        return items[: int(params.get("limit", 15))]

    def _add(self, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
        if "title" not in fields:
            raise RefusedError(
                422, "ValidationError", "Validation error, cannot save post.", "Validation failed for title."
            )
        number = next(self._numbers)
        item = dict.fromkeys(_FIELDS) | {"id": f"{number:024x}", "kind": kind, "uuid": f"uuid-{number}"}
        item |= {"status": "draft", "tags": [], "published_at": None, "created_at": self._instant()}
        self.items[item["id"]] = item
        try:
            return self._write(item, fields)
        except RefusedError:
            del self.items[item["id"]]
            raise

    def _edit(self, item_id: str, fields: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        item = self.items[item_id]
        if "updated_at" not in fields:
            raise RefusedError(422, "ValidationError", "Validation error, cannot edit post.", "updated_at is required")
        changes = any(item.get(name) != fields[name] for name in _FIELDS if name in fields)
        if changes and fields["updated_at"] != item["updated_at"]:
            raise RefusedError(
                409,
                "UpdateCollisionError",
                "Saving failed! Someone else is editing this post.",
                code="UPDATE_COLLISION",
            )
        if fields.get("status") == "published" and item["status"] != "published" and "newsletter" in params:
            self.emails.append(item_id)
        return self._write(item, fields)

    def _write(self, item: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
        for name, most in _LIMITS.items():
            if len(fields.get(name) or "") > most:
                raise RefusedError(
                    422,
                    "ValidationError",
                    "Validation error, cannot save post.",
                    f"Validation (isLength) failed for {name}",
                )
        item |= {name: fields[name] for name in _FIELDS if name in fields}
        if "authors" in fields:
            # Ghost puts the owner in the place of a user that it does not know.
            item["authors"] = [author for author in fields["authors"] if author["slug"] in self.staff]
        item["authors"] = item.get("authors") or [{"slug": self.staff[0]}]
        if "tags" in fields:
            item["tags"] = [self._tag(tag) for tag in fields["tags"]]
        others = {other["slug"] for other in self.items.values() if other is not item and other["kind"] == item["kind"]}
        wanted = item["slug"] or re.sub(r"[^a-z0-9]+", "-", item["title"].lower()).strip("-")
        item["slug"] = next(
            slug
            for slug in itertools.chain([wanted], (f"{wanted}-{n}" for n in itertools.count(2)))
            if slug not in others
        )
        if item["status"] == "published" and item["published_at"] is None:
            item["published_at"] = self._instant()
        item["updated_at"] = self._instant()
        item["url"] = (
            f"{self.url}/{item['slug']}/" if item["status"] == "published" else f"{self.url}/p/{item['uuid']}/"
        )
        return dict(item)

    def _tag(self, tag: dict[str, str]) -> dict[str, str]:
        if "id" in tag:
            return next(known for item in self.items.values() for known in item["tags"] if known["id"] == tag["id"])
        name = tag["name"]
        slug = ("hash-" if name.startswith("#") else "") + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        return {"id": hashlib.sha256(slug.encode()).hexdigest()[:24], "name": name, "slug": slug}

    def _instant(self) -> str:
        at = datetime(2026, 11, 18, 10, 30, tzinfo=UTC) + timedelta(seconds=next(self._seconds))
        return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


@contextmanager
def standing_in() -> Iterator[StandInGhost]:
    """Serve a new, empty stand-in on loopback."""
    ghost = StandInGhost()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgment

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, headers, data = ghost.handle(self.command, self.path, self.headers, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    ghost.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield ghost
    finally:
        server.shutdown()
        server.server_close()
