"""Posts a body to an address: one request, no redirect followed, over with when the time is."""

from __future__ import annotations

import functools
import http.client
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from reconciler.notifiers.cut_off import cut_off_after
from reconciler.notifiers.port import TIMEOUT_SECONDS, DeliveryFailure

_LOOPBACK = ("localhost", "127.", "::1")
_BODY_MAX = 2_000
_TOO_LONG = "no answer: it took too long"
_RETRY_AFTER_MAX = 3600
# What the receiver will not take, however often it gets it.
_PERMANENT = (400, 405, 410, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answered: its status, the beginning of its words, and when it wants to be asked again."""

    status: int
    text: str
    retry_after_seconds: int

    @property
    def is_good(self) -> bool:
        """Tell whether the receiver took it."""
        return 200 <= self.status < 300


def post(
    address: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float = TIMEOUT_SECONDS
) -> Reply | DeliveryFailure:
    """Return what the receiver answered, or why there was no answer; the address is in no message."""
    sockets: list[socket.socket] = []
    request = urllib.request.Request(address, data=body, headers=dict(headers), method="POST")
    try:
        with (
            cut_off_after(timeout_seconds, lambda: list(sockets)) as was_cut,
            _opener(address, sockets).open(request, timeout=timeout_seconds) as answer,
        ):
            # Headers that end where the connection was cut look like whole ones.
            return DeliveryFailure(_TOO_LONG) if was_cut.is_set() else _reply(answer.status, answer)
    except urllib.error.HTTPError as answer:
        with answer:
            return _reply(answer.code, answer)
    except urllib.error.URLError as error:
        return DeliveryFailure(f"no answer: {_told(error.reason)}")
    except (OSError, http.client.HTTPException, ValueError) as error:
        return DeliveryFailure(f"no answer: {_told(error)}")


def failure_of(reply: Reply, detail: str = "") -> DeliveryFailure:
    """Return the failure that an answer tells of. Its own words are not repeated: they may hold the address."""
    try:
        phrase = f" {HTTPStatus(reply.status).phrase}"
    except ValueError:
        phrase = ""
    if 300 <= reply.status < 400:
        phrase += ", and redirects are not followed"
    message = f"the receiver answered {reply.status}{phrase}{f' ({detail})' if detail else ''}"
    return DeliveryFailure(message, reply.status in _PERMANENT, reply.retry_after_seconds)


def _reply(status: int, answer: Any) -> Reply:
    text = answer.read(_BODY_MAX).decode("utf-8", "replace") if answer.fp is not None else ""
    wait = answer.headers.get("Retry-After", "")
    seconds = min(int(wait), _RETRY_AFTER_MAX) if wait.isascii() and wait.isdigit() and len(wait) < 9 else 0
    return Reply(status, text, seconds)


def _told(error: object) -> str:
    """Return what went wrong in words that hold nothing of the request."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason or 'the connection was cut'}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed"
    return type(error).__name__


def _opener(address: str, sockets: list[socket.socket]) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [_NoRedirect(), _Http(sockets), _Https(sockets)]
    if (urlsplit(address).hostname or "").startswith(_LOOPBACK):
        handlers.append(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(*handlers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        return None


class _Http(urllib.request.HTTPHandler):
    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(functools.partial(_KeptHttp, sockets=self._sockets), req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, sockets: list[socket.socket]) -> None:
        super().__init__()
        self._sockets = sockets

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        kept = functools.partial(_KeptHttps, sockets=self._sockets, context=context)
        return self.do_open(kept, req)


class _KeptHttp(http.client.HTTPConnection):
    """A connection that leaves its socket where it can be cut off."""

    def __init__(self, *args: Any, sockets: list[socket.socket], **more: Any) -> None:
        super().__init__(*args, **more)
        self._kept = sockets

    def connect(self) -> None:
        super().connect()
        self._kept.append(self.sock)


class _KeptHttps(http.client.HTTPSConnection):
    """The same over TLS."""

    def __init__(self, *args: Any, sockets: list[socket.socket], **more: Any) -> None:
        super().__init__(*args, **more)
        self._kept = sockets

    def connect(self) -> None:
        super().connect()
        self._kept.append(self.sock)
