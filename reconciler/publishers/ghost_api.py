"""Ghost's Admin API over HTTP: the signed token, one request, and what its errors mean."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from reconciler.publishers.exchange import Answer, common_failure, exchange, host_of, make_client, shorten
from reconciler.publishers.port import PublishFailure

# Ghost accepts tokens of up to five minutes; one is made for each request, so a clock may be wrong by minutes.
TOKEN_SECONDS = 240
_KEY = re.compile(r"([0-9a-fA-F]+):((?:[0-9a-fA-F]{2})+)")
_KEY_HINT = "Ghost: Settings, Integrations, your custom integration, Admin API key"


@dataclass(slots=True)
class GhostApi:
    """The Admin API at one address. `now` tells the time for the tokens."""

    base_url: str
    admin_api_key: str
    now: Callable[[], datetime]
    client: httpx2.Client = field(default_factory=make_client)

    @property
    def place(self) -> str:
        """Return the host, for messages."""
        return host_of(self.base_url)

    @property
    def key_id(self) -> str:
        """Return the public half of the key."""
        return self.admin_api_key.partition(":")[0]

    def call(self, method: str, path: str, **request: Any) -> Answer | PublishFailure:
        """Send a request that only an authorised caller may send; a failure unless Ghost did it or answers 404."""
        if not _KEY.fullmatch(self.admin_api_key):
            return PublishFailure("the admin_api_key is not of the form ID:SECRET, both in hex", "site", hint=_KEY_HINT)
        headers = {"Authorization": f"Ghost {token(self.admin_api_key, self.now())}", "Accept-Version": "v5.0"}
        answer = exchange(self.client, method, self._url(path), headers=headers, **request)
        if isinstance(answer, PublishFailure) or answer.status == 404:
            return answer
        return self._failure(answer) or answer

    def ask(self, path: str, **params: str) -> Any | PublishFailure:
        """Return the JSON of a GET; None when there is no such thing."""
        answer = self.call("GET", path, params=params)
        if isinstance(answer, PublishFailure):
            return answer
        if answer.status == 404:
            return None if _is_ghosts(answer) else self._no_ghost()
        return answer.body if isinstance(answer.body, dict) else self._no_ghost()

    def send(self, method: str, path: str, body: Any, **params: str) -> dict[str, Any] | PublishFailure:
        """Return the JSON that Ghost answers to a change; a failure when what is to be changed is gone."""
        answer = self.call(method, path, json=body, params=params)
        return answer if isinstance(answer, PublishFailure) else self._body(answer)

    def upload(self, name: str, data: bytes, media_type: str, ref: str) -> dict[str, Any] | PublishFailure:
        """Return the JSON that Ghost answers to an image."""
        answer = self.call(
            "POST", "images/upload/", files={"file": (name, data, media_type)}, data={"purpose": "image", "ref": ref}
        )
        return answer if isinstance(answer, PublishFailure) else self._body(answer)

    def fetch(self, method: str, url: str) -> Answer | PublishFailure:
        """Ask for something that everybody may see, without our token."""
        return exchange(self.client, method, url)

    def _url(self, path: str) -> str:
        return f"{self.base_url.rstrip('/')}/ghost/api/admin/{path}"

    def _body(self, answer: Answer) -> dict[str, Any] | PublishFailure:
        if answer.status == 404:
            gone = PublishFailure(f"{self.place}: it is gone in Ghost", "try-again")
            return gone if _is_ghosts(answer) else self._no_ghost()
        return answer.body if isinstance(answer.body, dict) else self._no_ghost()

    def _no_ghost(self) -> PublishFailure:
        return PublishFailure(
            f"{self.place} does not answer as Ghost's Admin API does", "site",
            hint="write Ghost's own address as `publisher.admin_url`",
        )  # fmt: skip

    def _failure(self, answer: Answer) -> PublishFailure | None:
        if answer.is_ok:
            return None
        error = _error(answer)
        if answer.status != 500 or not error:
            common = common_failure(answer, self.place, self.now())
            if common is not None:
                return common
        said = shorten(" ".join(part for part in (error.get("message"), error.get("context")) if part)) or "nothing"
        if answer.status == 401:
            hint = f"make a new key ({_KEY_HINT}), and look whether the clocks of both machines agree"
            return PublishFailure(f"{self.place} refuses the admin_api_key: {said}", "site", hint=hint)
        if answer.status == 403:
            hint = "use the key of a custom integration; a staff token needs the role Editor or more"
            return PublishFailure(f"{self.place} does not allow this: {said}", "site", hint=hint)
        if answer.status == 409:
            hint = "compare both: --force overwrites the change"
            return PublishFailure(f"somebody changed the article in Ghost: {said}", "changed-by-hand", hint=hint)
        if answer.status >= 500:
            return PublishFailure(f"{self.place} fails with {answer.status}: {said}", "try-again")
        return PublishFailure(f"{self.place} refuses the article ({answer.status}): {said}", "article")


def _error(answer: Answer) -> dict[str, str]:
    """Return the first error of Ghost's answer, with text values only."""
    errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    return {str(key): value for key, value in first.items() if isinstance(value, str)}


def _is_ghosts(answer: Answer) -> bool:
    """Tell Ghost's own "no such thing" from that of a server that is no Ghost."""
    return bool(_error(answer))


def token(admin_api_key: str, now: datetime) -> str:
    """Return the JSON Web Token that Ghost asks for: HS256 with the hex-decoded secret, for the audience /admin/."""
    key_id, _, secret = admin_api_key.partition(":")
    at = int(now.timestamp())
    header = {"alg": "HS256", "typ": "JWT", "kid": key_id}
    claims = {"iat": at, "exp": at + TOKEN_SECONDS, "aud": "/admin/"}
    signed = b".".join(_encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    signature = _encode(hmac.new(bytes.fromhex(secret), signed, hashlib.sha256).digest())
    return f"{signed.decode()}.{signature.decode()}"


def _encode(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
