"""Shopify's GraphQL Admin API over HTTP: one operation, the throttle, and what its errors mean.

Shopify answers 200 to nearly everything. What went wrong stands in `errors`, or in `userErrors` of the mutation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx2

from reconciler.publishers.exchange import Answer, common_failure, exchange, host_of, make_client, shorten
from reconciler.publishers.port import PublishFailure

API_VERSION = "2026-10"
# The bucket refills within seconds: shorter waits are spent here, longer ones are for the caller to plan.
_WAIT_SECONDS_MAX = 10.0
_THROTTLES_MAX = 3
_SCOPE_HINT = "give the app the scopes write_content and write_files, install it again, and use its new token"


@dataclass(slots=True)
class ShopifyApi:
    """The Admin API of one shop. `pause` waits for so many seconds."""

    shop: str
    access_token: str
    now: Callable[[], datetime]
    pause: Callable[[float], object]
    client: httpx2.Client = field(default_factory=make_client)

    @property
    def place(self) -> str:
        """Return the shop's host, for messages."""
        return host_of(self.shop)

    @property
    def url(self) -> str:
        """Return the address of the API; `shop` is a host, or an address on loopback."""
        base = self.shop if "://" in self.shop else f"https://{self.shop}"
        return f"{base.rstrip('/')}/admin/api/{API_VERSION}/graphql.json"

    def run(self, operation: str, variables: Mapping[str, Any]) -> dict[str, Any] | PublishFailure:
        """Return the `data` of an operation."""
        headers = {"X-Shopify-Access-Token": self.access_token}
        body = {"query": operation, "variables": dict(variables)}
        for attempt in range(_THROTTLES_MAX + 1):
            answer = exchange(self.client, "POST", self.url, json=body, headers=headers)
            if isinstance(answer, PublishFailure):
                return answer
            seconds = throttled_seconds(answer.body)
            if seconds is None:
                return self._data(answer)
            if seconds > _WAIT_SECONDS_MAX or attempt == _THROTTLES_MAX:
                break
            # A throttled operation was not begun: sending it again makes nothing twice.
            self.pause(seconds)
        return PublishFailure(f"{self.place} asks us to slow down", "try-again", seconds)

    def change(self, name: str, operation: str, variables: Mapping[str, Any]) -> dict[str, Any] | PublishFailure:
        """Return the payload of a mutation; its userErrors are a failure of the article."""
        data = self.run(operation, variables)
        if isinstance(data, PublishFailure):
            return data
        payload = data.get(name) or {}
        errors = payload.get("userErrors") or ()
        if errors:
            said = "; ".join(
                f"{'.'.join(error.get('field') or ()) or name}: {error.get('message')}" for error in errors
            )
            return PublishFailure(f"{self.place} refuses: {shorten(said)}", "article")
        return dict(payload)

    def upload(
        self, url: str, parameters: Mapping[str, str], name: str, data: bytes, media_type: str
    ) -> PublishFailure | None:
        """Send a file to where Shopify staged it: the parameters first, without our token."""
        answer = exchange(self.client, "POST", url, data=dict(parameters), files={"file": (name, data, media_type)})
        if isinstance(answer, PublishFailure) or answer.is_ok:
            return answer if isinstance(answer, PublishFailure) else None
        place = host_of(url)
        common = common_failure(answer, place, self.now())
        return common or PublishFailure(
            f"{place} refuses the image ({answer.status}): {shorten(answer.text)}", "article"
        )

    def _data(self, answer: Answer) -> dict[str, Any] | PublishFailure:
        errors = answer.body.get("errors") if isinstance(answer.body, dict) else None
        said = shorten(_said(errors) or answer.text)
        if answer.status in (401, 402, 403, 404, 423) and not answer.is_page:
            return PublishFailure(f"{self.place} answers {answer.status}: {said}", "site", hint=_SCOPE_HINT)
        common = common_failure(answer, self.place, self.now())
        if common is not None:
            return common
        if not answer.is_ok or not isinstance(answer.body, dict):
            return PublishFailure(f"{self.place} does not answer as Shopify's API does ({answer.status})", "site")
        if errors:
            if "ACCESS_DENIED" in _codes(errors):
                return PublishFailure(f"{self.place} does not allow this: {said}", "site", hint=_SCOPE_HINT)
            passing = bool({"INTERNAL_SERVER_ERROR", "TIMEOUT"} & _codes(errors))
            return PublishFailure(f"{self.place} refuses: {said}", "try-again" if passing else "article")
        return dict(answer.body.get("data") or {})


def throttled_seconds(body: Any) -> float | None:
    """Return how long until the bucket holds what the operation costs, None when it was not throttled."""
    if not isinstance(body, dict) or "THROTTLED" not in _codes(body.get("errors")):
        return None
    cost = (body.get("extensions") or {}).get("cost") or {}
    status = cost.get("throttleStatus") or {}
    missing = float(cost.get("requestedQueryCost") or 0) - float(status.get("currentlyAvailable") or 0)
    return max(1.0, missing / max(1.0, float(status.get("restoreRate") or 50)))


def _codes(errors: Any) -> set[str]:
    if not isinstance(errors, list):
        return set()
    return {str((error.get("extensions") or {}).get("code")) for error in errors if isinstance(error, dict)}


def _said(errors: Any) -> str:
    if isinstance(errors, list):
        return "; ".join(str(error.get("message")) for error in errors if isinstance(error, dict))
    return errors if isinstance(errors, str) else ""
