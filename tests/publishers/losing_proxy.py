"""An HTTP proxy on loopback that cuts the line: after the server has answered, or before it has heard anything."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

_NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding", "content-encoding", "host", "accept-encoding"}


@dataclass
class LosingProxy:
    """Passes requests on to `target`. The request with the number `lose_at`, from 1, gets no answer.

    With `before` it does not even reach the server. `on_loss` is called once the server has done what was asked.
    """

    target: str
    url: str = ""
    lose_at: int = 0
    before: bool = False
    on_loss: Callable[[], None] | None = None
    seen: list[str] = field(default_factory=list)

    def again(self, lose_at: int = 0, *, before: bool = False) -> None:
        """Count from the beginning."""
        self.lose_at, self.before = lose_at, before
        self.seen.clear()


@contextmanager
def proxied(target: str) -> Iterator[LosingProxy]:
    """Serve a proxy to a server."""
    proxy = LosingProxy(target)
    client = httpx2.Client(timeout=60, follow_redirects=False)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgment

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            proxy.seen.append(f"{self.command} {self.path.partition('?')[0]}")
            is_lost = len(proxy.seen) == proxy.lose_at
            if is_lost and proxy.before:
                self.close_connection = True
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_PASSED_ON}
            answer = client.request(self.command, proxy.target + self.path, content=body, headers=headers)
            if is_lost:
                self.close_connection = True
                if proxy.on_loss is not None:
                    proxy.on_loss()
                return
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in _NOT_PASSED_ON:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _pass_on

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        client.close()
