"""Rules of syndication: a further place gets copies only if these can say where the article itself stands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from pydantic import JsonValue

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.site import place_of


def check_first_place(draft: Draft) -> Iterable[Diagnostic]:
    """A site with further places has a first one, whose address the copies name."""
    for name, site in draft.sites.items():
        if site.syndication and site.publisher is None:
            yield draft.find(
                "IG421", ("site", name), ("syndication",), "copies need an article to name, but there is no publisher",
                hint="add a `publisher` block: the place that search engines shall find the articles at",
            )  # fmt: skip


def check_canonical(draft: Draft) -> Iterable[Diagnostic]:
    """A further place can carry a canonical address."""
    carrying = {entry.name for entry in draft.extensions.publishers if entry.carries_canonical}
    for name, site in draft.sites.items():
        for index, item in enumerate(site.syndication or ()):
            kind = item.publisher.get("type")
            if kind not in carrying:
                yield draft.find(
                    "IG421", ("site", name), ("syndication", index, "publisher", "type"),
                    f"{kind} cannot carry a canonical address: search engines would take the copy for the article",
                    hint=f"these can: {', '.join(sorted(carrying))}; or make it the site's own publisher",
                )  # fmt: skip


def check_places(draft: Draft) -> Iterable[Diagnostic]:
    """The places of a site differ, and so do the names of the further ones."""
    for name, site in draft.sites.items():
        names: set[str] = set()
        taken = {_place(site.publisher, site.url): "the site's own publisher"} if site.publisher else {}
        for index, item in enumerate(site.syndication or ()):
            if item.name in names:
                yield draft.find(
                    "IG109", ("site", name), ("syndication", index, "name"), f"the place {item.name} stands twice",
                    hint="give each a name of its own",
                )  # fmt: skip
            names.add(item.name)
            place = _place(item.publisher, item.url)
            if place in taken:
                path = ("syndication", index, "publisher", _KEYS.get(place[0], "type"))
                yield draft.find(
                    "IG422", ("site", name), path, f"{taken[place]} publishes to {place[1]} already",
                    hint="give each place a folder, an endpoint or a url of its own",
                )  # fmt: skip
            taken.setdefault(place, f"the place {item.name}")


_KEYS = {"static": "path", "webhook": "endpoint"}


def _place(publisher: dict[str, JsonValue], url: str) -> tuple[str, str]:
    """Return the type and the place of a publisher, however the place is written."""
    kind, _, place = place_of(publisher, url).partition(" ")
    if kind == "static":
        return kind, PurePosixPath(place).as_posix()
    scheme, sign, rest = place.partition("://")
    host, _, path = rest.partition("/")
    return kind, f"{scheme.lower()}{sign}{host.lower()}/{path}".rstrip("/") if sign else place
