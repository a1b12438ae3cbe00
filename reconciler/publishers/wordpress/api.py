"""The REST API of one WordPress: where it is, and one request to it. Nothing is sent twice, no redirect is followed."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from reconciler.publishers.exchange import Answer, common_failure, exchange, host_of, make_client
from reconciler.publishers.port import PublishFailure
from reconciler.publishers.wordpress.failures import RefusedError, refusal
from reconciler.publishers.wordpress.memory import SiteMemory

_LINK = re.compile(r'<([^>]*)>\s*;\s*rel="https://api\.w\.org/"')
Parameters = Mapping[str, str | int]


@dataclass(slots=True)
class WordPressApi:
    """Requests to one site as one user. `clock_at_site` is what the site's last answer said of the time.

    `memory` is what is known of the site, also from earlier visits.
    """

    site_url: str
    username: str
    password: str = field(repr=False)
    now: Callable[[], datetime]
    client: httpx2.Client = field(default_factory=make_client)
    clock_at_site: datetime | None = None
    memory: SiteMemory = field(default_factory=SiteMemory)

    @property
    def _credentials(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def place(self) -> str:
        """Return the site as messages name it."""
        return host_of(self.site_url)

    def get(self, route: str, doing: str, **parameters: str | int) -> Any:
        """Return the JSON of a route; RefusedError when there is none."""
        return self._send("GET", route, doing, parameters)

    def post(self, route: str, doing: str, body: Mapping[str, Any], **parameters: str | int) -> Any:
        """Send JSON to a route and return the JSON that it answers."""
        return self._send("POST", route, doing, parameters, json=dict(body))

    def upload(self, route: str, doing: str, data: bytes, headers: Mapping[str, str], parameters: Parameters) -> Any:
        """Send bytes to a route and return the JSON that it answers."""
        return self._send("POST", route, doing, parameters, content=data, headers=headers)

    def delete(self, route: str, doing: str) -> None:
        """Delete what is at a route for good. What somebody else deletes at the same moment is gone as well.

        WordPress then answers 404, or 500 when it had found the row just before.
        """
        try:
            self._send("DELETE", route, doing, {"force": "true"})
        except RefusedError:
            if not self._is_gone(route, doing):
                raise

    def options(self, route: str, doing: str) -> Any:
        """Return the description of a route."""
        return self._send("OPTIONS", route, doing, {})

    def status_of(self, url: str) -> int:
        """Return with which status a reader is answered at an address of the site; 0 when there is no answer."""
        answer = self._page(url)
        return 0 if isinstance(answer, PublishFailure) else answer.status

    def _page(self, url: str) -> Answer | PublishFailure:
        """Return what a reader is answered, if possible without the page: WordPress makes none for a HEAD.

        What stands in front may not take a HEAD: a reader's own question decides.
        """
        answer = exchange(self.client, "HEAD", url)
        if isinstance(answer, PublishFailure) or answer.status < 400:
            return answer
        return exchange(self.client, "GET", url)

    def _is_gone(self, route: str, doing: str) -> bool:
        try:
            self._send("GET", route, doing, {"context": "edit", "_fields": "id"})
        except RefusedError as error:
            return error.code == "rest_post_invalid_id"
        return False

    def _send(
        self, method: str, route: str, doing: str, parameters: Parameters, *,
        headers: Mapping[str, str] | None = None, **body: Any,
    ) -> Any:  # fmt: skip
        url, more = self._address(route)
        sent = {"Authorization": self._credentials, **(headers or {})}
        answer = exchange(self.client, method, url, params={**more, **parameters}, headers=sent, **body)
        if isinstance(answer, PublishFailure):
            raise RefusedError(answer)
        self._note_time(answer)
        if not answer.is_ok or answer.body is None:
            raise refusal(answer, self.place, self.username, doing, self.now())
        return answer.body

    def _address(self, route: str) -> tuple[str, dict[str, str]]:
        """Return a route's URL and parameters, for pretty and for plain permalinks."""
        if self.memory.root is None:
            self.memory.root = self._discover()
        base, rest_route = self.memory.root
        if rest_route:
            return base, {"rest_route": rest_route.rstrip("/") + route}
        return base.rstrip("/") + route, {}

    def _discover(self) -> tuple[str, str]:
        """Ask the front page where the API is. What it names counts as a path only: nothing goes to another host."""
        answer = self._page(self.site_url.rstrip("/") + "/")
        if isinstance(answer, PublishFailure):
            raise RefusedError(answer)
        self._note_time(answer)
        home = urlsplit(self.site_url)
        origin = f"{home.scheme}://{home.netloc}"
        found = _LINK.search(answer.headers.get("link", ""))
        if found is None:
            # No answer of WordPress's: what stands in front may still let the API through, unless it says what is wrong.
            failure = common_failure(answer, self.place, self.now())
            if failure is not None and answer.status not in (501, 505):
                raise RefusedError(failure)
            return f"{origin}{home.path.rstrip('/')}/", "/"
        root = urlsplit(found[1])
        if root.hostname != home.hostname:
            message = f"{self.place} has its REST API at {root.netloc}"
            raise RefusedError(PublishFailure(message, "site", hint="write that address as the site's url"))
        rest_route = parse_qs(root.query).get("rest_route", [""])[0]
        return f"{origin}{root.path or '/'}", rest_route

    def _note_time(self, answer: Answer) -> None:
        try:
            at = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        self.clock_at_site = at if at.tzinfo else at.replace(tzinfo=UTC)
