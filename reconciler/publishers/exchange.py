"""One request to a site, and what its failure means: nobody's mistake for long, the site's, or the article's.

A request is sent once: publishing is repeated from its beginning, which looks before it makes. Redirects are not followed
(a POST would arrive as a GET), and no message holds a secret.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlencode

import httpx2

from reconciler.clock import ticks
from reconciler.publishers.port import PublishFailure

ANSWER_BYTES_MAX = 32 * 1024 * 1024
_CONNECT_SECONDS = 10.0
_PATIENCE = 5  # an answer may take so many times what its next part may take
_TOLD_CHARACTERS = 300
_NO_TEXT = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0)), " ")
_PLAIN = ",/:"  # may stand in a query as they are


@dataclass(frozen=True, slots=True)
class Answer:
    """What a site answered: the status, headers with names in lower case, the text, and its JSON if it is JSON."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any

    @property
    def is_ok(self) -> bool:
        """Tell whether the site did what was asked."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Tell whether this is a page for people, where a program should have answered."""
        return "html" in self.headers.get("content-type", "")


def make_client(timeout_seconds: float = 60.0) -> httpx2.Client:
    """Return a client of one site: it follows no redirect and waits no longer than this for an answer."""
    timeout = httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds))
    return httpx2.Client(timeout=timeout, follow_redirects=False, verify=_trusted())


@cache
def _trusted() -> ssl.SSLContext:
    """Return whom we trust. Reading that takes longer than all else that a visit to a site costs us, so it is read once."""
    return httpx2.create_ssl_context()


def exchange(
    client: httpx2.Client, method: str, url: str, *, params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None, **body: Any,
) -> Answer | PublishFailure:  # fmt: skip
    """Send one request and return whatever the site answered; a failure when nothing usable came back.

    `body` is what httpx calls `content`, `json`, `data` or `files`.
    """
    place = host_of(url)
    unsendable = next((name for name, value in (headers or {}).items() if not _is_sendable(value)), None)
    if unsendable is not None:
        return PublishFailure(
            f"{place} cannot be asked: {unsendable} would hold a character that no header can", "site",
            hint="write the secret anew: it has a line break, or a letter beyond ASCII",
        )  # fmt: skip
    try:
        request = _request(client, method, url, params or {}, headers or {}, body)
        begun = ticks()
        with contextlib.closing(client.send(request, stream=True)) as response:
            data = bytearray()
            for part in response.iter_bytes():
                data += part
                if len(data) > ANSWER_BYTES_MAX:
                    return PublishFailure(f"{place} answers with more than 32 MiB", "site")
                # Each part comes in time, and the last one never: others have their articles to get.
                if ticks() - begun > _PATIENCE * (client.timeout.read or 0.0):
                    return PublishFailure(f"{place} does not come to the end of its answer", "try-again")
            told = {name.lower(): value for name, value in response.headers.items()}
            return _answer(response.status_code, told, bytes(data))
    except httpx2.InvalidURL as error:
        return PublishFailure(f"{place} is no address: {error}", "site")
    except httpx2.TimeoutException:
        return PublishFailure(f"{place} does not answer in time", "try-again")
    except httpx2.HTTPError as error:
        return PublishFailure(f"{place} cannot be reached: {str(error) or type(error).__name__}", "try-again")


def _is_sendable(value: str) -> bool:
    """Tell whether a header can have this value. What sends it would repeat the value, a secret, in its complaint."""
    return value.isascii() and value.isprintable() and value == value.strip()


def _request(
    client: httpx2.Client, method: str, url: str, params: Mapping[str, str | int], headers: Mapping[str, str],
    body: Mapping[str, Any],
) -> httpx2.Request:  # fmt: skip
    """Return a request with the client's headers and cookies.

    The client's own way to make one reads the address twice and escapes what needs no escape: half of what a small
    request costs us before it is sent.
    """
    if params:
        url += ("&" if "?" in url else "?") + urlencode(params, safe=_PLAIN)
    sent = httpx2.Headers(client.headers)
    sent.update(headers)
    return httpx2.Request(method, url, headers=sent, cookies=client.cookies, **body)


def _answer(status: int, headers: Mapping[str, str], data: bytes) -> Answer:
    import orjson

    text = data.decode("utf-8", errors="replace")
    body: Any = None
    if text.lstrip()[:1] in ("{", "["):
        try:
            body = orjson.loads(data)
        except orjson.JSONDecodeError:
            body = None
    return Answer(status, headers, text, body)


def host_of(url: str) -> str:
    """Return the host and port of a URL, for messages: a path may hold a token."""
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1]


def common_failure(answer: Answer, place: str, now: datetime) -> PublishFailure | None:
    """Return what a status means at any site; None when it is for the site's own adapter to say."""
    status = answer.status
    if 300 <= status < 400:
        to = answer.headers.get("location", "another address")
        return PublishFailure(
            f"{place} sends us on to {to}", "site", hint="write the address that answers into the site's config"
        )
    if status == 429 or status == 408 or status >= 500:
        why = "asks us to slow down" if status == 429 else f"fails with {status}"
        return PublishFailure(f"{place} {why}", "try-again", retry_after(answer, now))
    if status in (401, 403) and answer.is_page:
        return PublishFailure(
            f"{place} answers {status} with a page for people: something in front of the site keeps programs out",
            "site", hint="allow this machine in the firewall, the plugin or the proxy that sent the page",
        )  # fmt: skip
    return None


def retry_after(answer: Answer, now: datetime) -> float | None:
    """Return the seconds that the site asks us to wait, None when it does not say."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if at is None:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def shorten(text: str) -> str:
    """Return the beginning of what a site says, on one line, without what no database and no terminal takes as text."""
    line = " ".join(text.translate(_NO_TEXT).split())
    return line if len(line) <= _TOLD_CHARACTERS else line[: _TOLD_CHARACTERS - 1] + "…"
