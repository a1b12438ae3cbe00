"""Who is told: an HTTP server and a mail server on loopback that keep what they got; a test scripts how they answer."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult


@dataclass(frozen=True)
class Got:
    """A request as it came in."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server. `answer` says how it answers the n-th request: status and headers, or "drip", or "hang up"."""

    port: int = 0
    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got, int], Any] = lambda got, number: (200, {})
    body: bytes = b"ok"
    left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def receiver() -> Iterator[Receiver]:
    """Start a web server for the length of a block."""
    kept = Receiver()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            with lock:
                number = len(kept.got)
                kept.got.append(Got(self.path, {key.lower(): value for key, value in self.headers.items()}, body))
            answer = kept.answer(kept.got[-1], number)
            if answer == "hang up":
                self.close_connection = True
                return
            if answer == "drip":
                self._drip()
                return
            status, headers = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(kept.body)

        def _drip(self) -> None:
            """Answer a letter at a time, without end, until the other side has had enough."""
            over = threading.Event()
            with contextlib.suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\nx-drip: ")
                while not over.wait(0.01):
                    self.wfile.write(b".")
            kept.left.set()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """A mail server. `refuses` are addresses that it does not know; `logins` who came with which password."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    logins: list[tuple[str, str]] = field(default_factory=list)
    reply: str = "250 taken"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address in self.refuses:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.reply.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.mails.append(mail)
            self.recipients.append(list(envelope.rcpt_tos))
        return self.reply

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"right", handled=data.password == b"right")


@contextlib.contextmanager
def mailbox(hostname: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """Start a mail server for the length of a block."""
    kept = Mailbox()
    loop = asyncio.new_event_loop()
    ready, over = threading.Event(), asyncio.Event()

    async def serve() -> None:
        def make() -> SMTP:
            return SMTP(kept, hostname="mail.test", authenticator=kept.authenticate, auth_require_tls=False, loop=loop)

        server = await loop.create_server(make, hostname, 0, ssl=tls)
        kept.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield kept
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
