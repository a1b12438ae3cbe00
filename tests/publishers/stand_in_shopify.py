"""A stand-in for Shopify's GraphQL Admin API on loopback, after its documentation of version 2026-10.

It knows the operations that publishing sends by their names, checks their variables against the documented input fields, and
answers in the documented shapes. It never met a shop.
"""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "offline-token-of-the-stand-in"
_INPUT = {
    "author", "blogId", "body", "handle", "image", "isPublished", "metafields", "publishDate", "summary", "tags",
    "templateSuffix", "title",
}  # fmt: skip
_METAFIELD = {"namespace", "key", "type", "value"}


@dataclass
class StandInShopify:
    """A shop with one blog."""

    url: str = ""
    scopes: tuple[str, ...] = ("read_content", "write_content", "write_files")
    articles: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    staged: dict[str, bytes] = field(default_factory=dict)
    operations: list[str] = field(default_factory=list)
    answers: list[tuple[int, Any]] = field(default_factory=list)
    polls_until_ready: int = 1
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1001))

    blog = {"id": "gid://shopify/Blog/7", "handle": "news", "title": "News"}

    def handle(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """Return status and body of the answer to a POST."""
        with self._lock:
            if path.startswith("/staged/"):
                self.staged[f"{self.url}{path}"] = body
                return 201, b""
            if path != "/admin/api/2026-10/graphql.json":
                return 404, b'{"errors": "Not Found"}'
            request = json.loads(body)
            operation = re.search(r"(?:query|mutation) (\w+)", request["query"])
            assert operation is not None
            self.operations.append(operation[1])
            if self.answers:
                status, answer = self.answers.pop(0)
                return status, json.dumps(answer).encode()
            if headers["x-shopify-access-token"] != TOKEN:
                return (
                    401,
                    b'{"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}',
                )
            data = getattr(self, f"_{operation[1]}")(request["variables"])
            cost = {"requestedQueryCost": 12, "actualQueryCost": 11, "throttleStatus": {"maximumAvailable": 2000.0}}
            return 200, json.dumps({"data": data, "extensions": {"cost": cost}}).encode()

    def _blogs(self, query: str) -> dict[str, Any]:
        return {"nodes": [self.blog] if query == f'handle:"{self.blog["handle"]}"' else []}

    def _Igny8Shop(self, variables: dict[str, Any]) -> Any:
        app = {"app": {"title": "igny8"}, "accessScopes": [{"handle": scope} for scope in self.scopes]}
        shop = {"name": "The Shop", "myshopifyDomain": "the-shop.myshopify.com"}
        return {"shop": shop, "currentAppInstallation": app, "blogs": self._blogs(variables["blog"])}

    def _Igny8Blog(self, variables: dict[str, Any]) -> Any:
        return {"blogs": self._blogs(variables["blog"])}

    def _Igny8Find(self, variables: dict[str, Any]) -> Any:
        match = re.fullmatch(r'handle:"([\w-]+)" blog_id:7', variables["query"])
        assert match is not None
        # Shopify's search is no comparison: it also finds what begins alike.
        return {"articles": {"nodes": [item for item in self.articles.values() if item["handle"].startswith(match[1])]}}

    def _Igny8Read(self, variables: dict[str, Any]) -> Any:
        return {"nodes": [self.articles.get(gid) for gid in variables["ids"]]}

    def _Igny8Create(self, variables: dict[str, Any]) -> Any:
        gid = f"gid://shopify/Article/{next(self._numbers)}"
        handles = {item["handle"] for item in self.articles.values()}
        fields = variables["article"]
        if fields["handle"] in handles:
            error = {"code": "TAKEN", "field": ["article", "handle"], "message": "Handle has already been taken"}
            return {"articleCreate": {"article": None, "userErrors": [error]}}
        self.articles[gid] = {"id": gid, "blog": self.blog, "key": None, "publishedAt": None, "isPublished": True}
        return {"articleCreate": {"article": self._write(gid, fields), "userErrors": []}}

    def _Igny8Update(self, variables: dict[str, Any]) -> Any:
        if variables["id"] not in self.articles:
            error = {"code": "NOT_FOUND", "field": ["id"], "message": "Article does not exist"}
            return {"articleUpdate": {"article": None, "userErrors": [error]}}
        return {"articleUpdate": {"article": self._write(variables["id"], variables["article"]), "userErrors": []}}

    def _write(self, gid: str, fields: dict[str, Any]) -> dict[str, Any]:
        assert set(fields) <= _INPUT, set(fields) - _INPUT
        assert all(set(item) == _METAFIELD for item in fields.get("metafields", ()))
        item = self.articles[gid]
        metafields = {f"{field['namespace']}.{field['key']}": field["value"] for field in fields.get("metafields", ())}
        item.update({name: value for name, value in fields.items() if name != "metafields"})
        item.setdefault("metafields", {}).update(metafields)
        item["key"] = {"value": item["metafields"]["igny8.key"]} if "igny8.key" in item["metafields"] else None
        item["updatedAt"] = f"2026-11-18T10:30:{next(self._numbers) % 60:02}Z"
        if item["isPublished"] and item["publishedAt"] is None:
            item["publishedAt"] = item["updatedAt"]
        return item

    def _Igny8File(self, variables: dict[str, Any]) -> Any:
        match = re.fullmatch(r'filename:"([\w.-]+)"', variables["query"])
        assert match is not None
        return {"files": {"nodes": [self._file(item) for item in self.files.values() if item["filename"] == match[1]]}}

    def _Igny8FileState(self, variables: dict[str, Any]) -> Any:
        if variables["id"] not in self.files:
            return {"node": None}
        item = self.files[variables["id"]]
        item["polls"] += 1
        return {"node": self._file(item)}

    def _file(self, item: dict[str, Any]) -> dict[str, Any]:
        is_ready = item["polls"] >= self.polls_until_ready
        image = {"url": f"https://cdn.shopify.com/s/files/1/{item['filename']}?v=1"} if is_ready else None
        return {"id": item["id"], "fileStatus": "READY" if is_ready else "UPLOADED", "image": image}

    def _Igny8Stage(self, variables: dict[str, Any]) -> Any:
        (wanted,) = variables["input"]
        assert set(wanted) == {"resource", "filename", "mimeType", "httpMethod", "fileSize"}
        url = f"{self.url}/staged/{next(self._numbers)}"
        target = {"url": url, "resourceUrl": url, "parameters": [{"name": "key", "value": "tmp/1"}]}
        return {"stagedUploadsCreate": {"stagedTargets": [target], "userErrors": []}}

    def _Igny8CreateFile(self, variables: dict[str, Any]) -> Any:
        (wanted,) = variables["files"]
        assert wanted["contentType"] == "IMAGE" and b'name="key"' in self.staged[wanted["originalSource"]]
        gid = f"gid://shopify/MediaImage/{next(self._numbers)}"
        self.files[gid] = {"id": gid, "filename": wanted["filename"], "alt": wanted["alt"], "polls": 0}
        return {"fileCreate": {"files": [self._file(self.files[gid])], "userErrors": []}}


@contextmanager
def standing_in() -> Iterator[StandInShopify]:
    """Serve a new shop on loopback."""
    shop = StandInShopify()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgment

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status, data = shop.handle(self.path, self.headers, body)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    shop.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
