"""What WordPress, or what stands in front of it, means by an error. Pure."""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

from reconciler.publishers.exchange import Answer, common_failure, shorten
from reconciler.publishers.port import PublishFailure

ROLES_HINT = "give the user the role Editor: the least that does all of this"
_TAG = re.compile(r"<[^>]+>")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL | re.IGNORECASE)
# The site cannot do anything with these bytes, today or tomorrow, although it says so with a 500.
_BAD_UPLOADS = ("rest_upload_sideload_error", "rest_upload_unknown_error", "rest_upload_file_too_big")


class RefusedError(Exception):
    """A request brought no usable answer; the failure says why, `code` is WordPress's own name for it."""

    def __init__(self, failure: PublishFailure, code: str = "", status: int = 0, data: Any = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.code = code
        self.status = status
        self.data = data


def refusal(answer: Answer, place: str, user: str, doing: str, now: datetime) -> RefusedError:
    """Return what an answer that is no success means; `doing` completes "the user may not ..."."""
    body = answer.body if isinstance(answer.body, dict) else {}
    code, data = str(body.get("code") or ""), body.get("data")
    failure = _failure(answer, code, _said(body), place, user, doing, now)
    return RefusedError(failure, code, answer.status, data)


def _failure(answer: Answer, code: str, said: str, place: str, user: str, doing: str, now: datetime) -> PublishFailure:
    status = answer.status
    if code in _BAD_UPLOADS and "/uploads" in said:  # whatever the language, it names the folder that it cannot write
        return PublishFailure(
            f"{place} cannot store the image: {said}", "try-again", hint="let the web server write there"
        )
    if code in _BAD_UPLOADS:
        return PublishFailure(f"{place} does not take the image: {said}", hint="raise the site's upload limit")
    common = common_failure(answer, place, now)
    if common is not None:
        return common
    if not code:
        return _page(answer, place)
    if "application_password" in code:
        return PublishFailure(
            f"{place}: application passwords are off ({said})", "site",
            hint="a security plugin switches them off; allow them for this user",
        )  # fmt: skip
    if status == 401:
        return PublishFailure(
            f"{place} does not accept the user name {user} with this application password ({code})", "site",
            hint="make a new application password in the user's profile; if it is right, the server strips the "
            "Authorization header",
        )  # fmt: skip
    if status == 403:
        return PublishFailure(f"{place}: the user {user} may not {doing} ({code})", "site", hint=ROLES_HINT)
    if code == "rest_no_route":
        return PublishFailure(f"{place} has its REST API for articles switched off ({code})", "site")
    if status == 412:
        return PublishFailure(f"{place} received other bytes than were sent", "try-again")
    return PublishFailure(f"{place} refuses to {doing}: {said} ({code})")


def _page(answer: Answer, place: str) -> PublishFailure:
    """Return the failure for an answer that is not WordPress's own."""
    if answer.status == 413:
        return PublishFailure(
            f"{place} takes nothing this large: something in front of WordPress answers 413",
            hint="raise its limit on uploads (nginx: client_max_body_size)",
        )
    title = _TITLE.search(answer.text)
    what = f"a page “{plain(title[1])}”" if title else "something that is not JSON"
    return PublishFailure(
        f"{place} answers {answer.status} with {what} instead of its REST API", "site",
        hint="a firewall, a security plugin or a maintenance page keeps programs out, or this is no WordPress",
    )  # fmt: skip


def _said(body: dict[str, Any]) -> str:
    """Return WordPress's own message, with what it says of each parameter."""
    data = body.get("data")
    details = data.get("params") if isinstance(data, dict) else None
    more = "; ".join(str(text) for text in details.values()) if isinstance(details, dict) else ""
    return plain(f"{body.get('message') or 'no reason given'} {more}")


def plain(text: str) -> str:
    """Return text without tags and entities, on one line, not too long."""
    return shorten(html.unescape(_TAG.sub(" ", text)))
