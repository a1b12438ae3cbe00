"""IndexNow: tells search engines that pages are new or have changed. They hear of it; what they do then is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from reconciler.publishers.port import PublishFailure

URLS_MAX = 10_000
_TIMEOUT_SECONDS = 15.0
_MEANING = {
    403: "the key file is not at the site, or holds another key",
    422: "the pages are not of the site, or the key does not fit the protocol",
    429: "too many announcements",
}


def by_host(urls: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the pages that may be announced together: of one host, at most so many; what has no host is left out."""
    hosts: dict[str, list[str]] = {}
    for url in dict.fromkeys(urls):
        host = _host_of(url)
        if host:
            hosts.setdefault(host, []).append(url)
    return tuple(
        tuple(pages[start : start + URLS_MAX]) for pages in hosts.values() for start in range(0, len(pages), URLS_MAX)
    )


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""  # a site may say anything of where its page stands


def announce(endpoint: str, key: str, urls: Sequence[str], *, key_location: str = "") -> PublishFailure | None:
    """Announce pages of one host; None when they were received, which is all that IndexNow ever says."""
    # Imported here: only what is about to announce something pays for an HTTP client.
    from reconciler.publishers.exchange import exchange, host_of, make_client, shorten

    body: dict[str, object] = {"host": urlsplit(urls[0]).netloc, "key": key, "urlList": list(urls)}
    if key_location:
        body["keyLocation"] = key_location
    with make_client(_TIMEOUT_SECONDS) as client:
        answer = exchange(client, "POST", endpoint, json=body)
    if isinstance(answer, PublishFailure):
        return answer
    # 202: received; the key is looked at later.
    if answer.status in (200, 202):
        return None
    why = _MEANING.get(answer.status) or shorten(answer.text) or "no reason given"
    return PublishFailure(f"{host_of(endpoint)} answers {answer.status}: {why}", "article")
