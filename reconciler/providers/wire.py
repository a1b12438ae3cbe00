"""JSON and image bytes over HTTP, for the adapters that are thin drivers of ours: one call is one request, never more.

What goes wrong is raised as WireError with a Failure in it, and the adapter makes an answer of it at its outer edge.
No message holds a secret or a signed address. Image bytes come from wherever the provider says, so they are fetched
without the key, up to a size, and from a public address only (from loopback, if the provider itself is there).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from reconciler.providers.failures import classify_status, shorten
from reconciler.providers.port import Failure

JSON_BYTES_MAX = 96 * 1024 * 1024
IMAGE_BYTES_MAX = 64 * 1024 * 1024
_REDIRECTS_MAX = 3
_FETCHES = 3
_REDIRECTS = (301, 302, 303, 307, 308)
_CONNECT_SECONDS = 10.0


class WireError(Exception):
    """A request brought no usable reply."""

    def __init__(self, failure: Failure, body: Any = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.body = body


@dataclass(frozen=True, slots=True)
class Reply:
    """A successful reply: its JSON, and its headers with names in lower case."""

    status: int
    body: Any
    headers: Mapping[str, str]


@dataclass(slots=True)
class Wire:
    """A provider's endpoint over HTTP. `headers` carry the key, `secrets` are what no message may show."""

    endpoint: str
    headers: Mapping[str, str]
    secrets: Sequence[str]
    timeout_seconds: float
    client: httpx2.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        timeout = httpx2.Timeout(self.timeout_seconds, connect=min(_CONNECT_SECONDS, self.timeout_seconds))
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=64)
        self.client = httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False)

    async def post(self, url: str, body: Any) -> Reply:
        """Send JSON. Whatever breaks once the request has gone out leaves it in doubt."""
        return await self._json("POST", url, body)

    async def get(self, url: str) -> Reply:
        """Ask for JSON; asking costs nothing and may be repeated."""
        return await self._json("GET", url, None)

    async def fetch_image(self, url: str) -> bytes:
        """Return image bytes from an address that the provider named; a few redirects are followed, each one checked."""
        for _ in range(_REDIRECTS_MAX + 1):
            self._check_address(url)
            try:
                async with self.client.stream("GET", url) as response:
                    if response.status_code in _REDIRECTS and "location" in response.headers:
                        url = str(response.url.join(response.headers["location"]))
                        continue
                    return await self._image(response)
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                # What the image shows was ordered and made before: only the way to its bytes is shut.
                lost = replace(self._lost(error, sent=True), is_in_doubt=True, is_unsent=False)
                raise WireError(lost) from error
        raise WireError(Failure("bad_answer", f"the image's address redirects more than {_REDIRECTS_MAX} times"))

    async def bring_image(self, url: str, pause_seconds: float) -> bytes:
        """Fetch image bytes that are paid for already: a transient failure is tried again before it counts."""
        import asyncio

        for _ in range(_FETCHES - 1):
            try:
                return await self.fetch_image(url)
            except WireError as error:
                if error.failure.error_class != "transient":
                    raise
                await asyncio.sleep(pause_seconds)
        return await self.fetch_image(url)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _json(self, method: str, url: str, body: Any) -> Reply:
        try:
            async with self.client.stream(
                method, url, json=body if method == "POST" else None, headers=dict(self.headers)
            ) as response:
                data = await _read(response, JSON_BYTES_MAX)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise WireError(self._lost(error, sent=method == "POST")) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        content = _decode(data)
        if response.is_success and content is not None:
            return Reply(response.status_code, content, headers)
        if response.is_success:
            text = self.hide(shorten(data[:200].decode("utf-8", "replace")))
            failure = Failure("bad_answer", f"the reply is no JSON: {text}", is_in_doubt=method == "POST")
            raise WireError(failure)
        raise WireError(self._refused(response.status_code, headers, content, data), content)

    async def _image(self, response: httpx2.Response) -> bytes:
        if not response.is_success:
            raise WireError(
                Failure("transient", f"the image cannot be fetched: HTTP {response.status_code}", is_in_doubt=True)
            )
        media_type = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type.startswith(("text/", "application/json", "application/xml")):
            raise WireError(Failure("transient", f"the image's address answers with {media_type}", is_in_doubt=True))
        return await _read(response, IMAGE_BYTES_MAX)

    def _check_address(self, url: str) -> None:
        """Refuse what no provider's image can be at: plain text over a network, a host inside ours."""
        address = httpx2.URL(url)
        if _is_inside(address.host) and not _is_inside(httpx2.URL(self.endpoint).host):
            raise WireError(Failure("bad_answer", f"the image's address is inside our network: {address.host}"))
        if address.scheme != "https" and not (address.scheme == "http" and _is_inside(address.host)):
            raise WireError(Failure("bad_answer", f"the image's address is no https address: {address.scheme}"))

    def _refused(self, status: int, headers: Mapping[str, str], content: Any, data: bytes) -> Failure:
        text, code = words_of(content)
        text = text or shorten(data[:300].decode("utf-8", "replace"))
        return classify_status(status, self.hide(text), retry_after_seconds=retry_after(headers), code=code)

    def _lost(self, error: Exception, *, sent: bool) -> Failure:
        never_sent = isinstance(
            error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.InvalidURL
        )
        kind = type(error).__name__
        return Failure(
            "transient", f"no answer: {kind}: {self.hide(shorten(str(error)))}", is_in_doubt=sent and not never_sent,
            is_unsent=sent and never_sent,
        )  # fmt: skip

    def clean(self, failure: Failure) -> Failure:
        """Return a failure whose message shows no secret, also where the provider repeats one."""
        return replace(failure, message=self.hide(failure.message))

    def hide(self, text: str) -> str:
        """Return a text without any secret."""
        for secret in self.secrets:
            text = text.replace(secret, "***") if secret else text
        return text


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a Retry-After header; a date, which would need a clock, counts as not said."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None


def words_of(content: Any) -> tuple[str, str]:
    """Return message and code of an error in any of the usual shapes; empty where there is none."""
    if isinstance(content, Mapping):
        errors = content.get("errors")
        inner = errors[0] if isinstance(errors, list) and errors else content.get("error", content)
        if isinstance(inner, str):
            return shorten(inner), ""
        if isinstance(inner, Mapping):
            said = next((inner[key] for key in ("message", "details", "detail") if isinstance(inner.get(key), str)), "")
            return shorten(said), str(inner.get("code", ""))
    return "", ""


async def _read(response: httpx2.Response, bytes_max: int) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > bytes_max:
            raise WireError(Failure("bad_answer", f"the reply is larger than {bytes_max // 1024**2} MiB"))
        parts.append(part)
    return b"".join(parts)


def _decode(data: bytes) -> Any:
    import json

    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _is_inside(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".internal", ".local")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
