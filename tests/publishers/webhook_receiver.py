"""A site that takes articles by webhook: an HTTP server that verifies with the library of Standard Webhooks."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass
class Receiver:
    """A site that takes articles: it does a message once, whatever its number of tries, and answers it each time."""

    url: str = ""
    answer: dict[str, Any] | None = None
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    tries: list[str] = field(default_factory=list)
    done: dict[str, dict[str, Any]] = field(default_factory=dict)

    def receive(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.tries.append(headers["webhook-id"])
        if self.answers:
            return self.answers.pop(0)
        try:
            message = Webhook(SECRET).verify(body, headers)
        except WebhookVerificationError as error:
            return 401, {}, str(error).encode()
        self.done.setdefault(headers["webhook-id"], message)
        return 200, {"content-type": "application/json"}, json.dumps(self.answer).encode()

    def events(self) -> list[str]:
        return [message["type"] for message in self.done.values()]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Serve a new receiver on loopback."""
    opened = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, data = opened.receive(headers, body)
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    opened.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield opened
    finally:
        server.shutdown()
        server.server_close()
