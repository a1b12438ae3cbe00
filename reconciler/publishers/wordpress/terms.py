"""Categories, tags and authors: names in the config, numbers at the site."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slugify import slugify

from reconciler.publishers.port import PublishFailure
from reconciler.publishers.wordpress.api import WordPressApi
from reconciler.publishers.wordpress.failures import RefusedError
from reconciler.publishers.wordpress.memory import SiteMemory

_CATEGORIES, _TAGS, _AUTHORS = "make categories", "make tags", "see the authors"


@dataclass(slots=True)
class Terms:
    """The numbers of names at one site, each asked for once. Authors are asked for at most once a visit."""

    api: WordPressApi
    _authors: list[dict[str, Any]] | None = None

    @property
    def _memory(self) -> SiteMemory:
        return self.api.memory

    def categories(self, names: Iterable[str]) -> list[int]:
        """Return the numbers of categories. They are looked for before they are made: only an editor may make one."""
        return [self._category(name) for name in dict.fromkeys(names)]

    def missing_categories(self, names: Iterable[str]) -> list[str]:
        """Return those of the categories that the site does not have; make none."""
        return [name for name in dict.fromkeys(names) if name not in self._memory.categories and not self._found(name)]

    def tags(self, names: Iterable[str]) -> list[int]:
        """Return the numbers of tags, making those that are not there."""
        wanted = list(dict.fromkeys(names))
        missing = [name for name in wanted if name not in self._memory.tags]
        if len(missing) > 1:
            self._look_up_tags(missing)
        for name in missing:
            if name not in self._memory.tags:
                self._memory.tags[name] = self._make("/wp/v2/tags", _TAGS, name)
        return list(dict.fromkeys(self._memory.tags[name] for name in wanted))

    def were_renamed(self, post: Mapping[str, Any]) -> bool:
        """Tell whether a category or tag of a post, as an answer embeds them, has lost the name that its number is known by."""
        known: dict[tuple[str, int], list[str]] = {}
        for kind, numbers in (("category", self._memory.categories), ("post_tag", self._memory.tags)):
            for name, number in numbers.items():
                known.setdefault((kind, number), []).append(name)
        for group in (post.get("_embedded") or {}).get("wp:term", ()):
            for row in group if isinstance(group, list) else ():
                names = known.get((str(row["taxonomy"]), int(row["id"])), [])
                if names and not any(_is_alike(str(row["name"]), name) for name in names):
                    return True
        return False

    def author(self, declared: str | None, name: str, display_name: str) -> int | None:
        """Return the number of the declared user, or of the one with the article's author's name; None for neither.

        A declared user who is not there is refused. `name` is "" for an article that has no author.
        """
        if not (declared or name):
            return None
        wanted = declared or name, declared or display_name
        if wanted not in self._memory.authors:
            found = self._find_author(*wanted)
            if found is None and declared is not None:
                raise self._no_author(declared)
            if found is None:
                return None
            self._memory.authors[wanted] = found
        return self._memory.authors[wanted]

    def _find_author(self, name: str, display_name: str) -> int | None:
        if self._authors is None:
            # The old word for it: `capabilities` would need a right that editors do not have.
            self._authors = list(
                self.api.get("/wp/v2/users", _AUTHORS, who="authors", per_page=100, _fields="id,slug,name")
            )
        for user in self._authors:
            if user["slug"] == name:
                return int(user["id"])
        return next((int(user["id"]) for user in self._authors if _same(user["name"], display_name)), None)

    def _no_author(self, declared: str) -> RefusedError:
        known = ", ".join(sorted(str(user["slug"]) for user in self._authors or ())[:20])
        message = f"{self.api.place} has no author {declared!r}"
        return RefusedError(PublishFailure(message, "site", hint=f"change publisher.author; there are {known}"))

    def _look_up_tags(self, names: Sequence[str]) -> None:
        """Find tags in one request, by the slugs that WordPress most likely gave them; the others are found by making them."""
        slugs = {slug for name in names if (slug := slugify(name))}
        if not slugs:
            return
        found = self.api.get("/wp/v2/tags", _TAGS, slug=",".join(sorted(slugs)), per_page=100, _fields="id,name")
        for name in names:
            for row in found:
                if _same(row["name"], name):
                    self._memory.tags[name] = int(row["id"])

    def _category(self, name: str) -> int:
        if name not in self._memory.categories:
            ids = self._found(name)
            self._memory.categories[name] = ids[0] if ids else self._make("/wp/v2/categories", _CATEGORIES, name)
        return self._memory.categories[name]

    def _found(self, name: str) -> list[int]:
        found = self.api.get("/wp/v2/categories", _CATEGORIES, search=name, per_page=100, _fields="id,name")
        return [int(row["id"]) for row in found if _same(row["name"], name)]

    def _make(self, route: str, doing: str, name: str) -> int:
        try:
            return int(self.api.post(route, doing, {"name": name}, _fields="id")["id"])
        except RefusedError as error:
            if error.code == "term_exists" and isinstance(error.data, dict) and "term_id" in error.data:
                return int(error.data["term_id"])
            raise


def _is_alike(stored: str, wanted: str) -> bool:
    """Tell whether WordPress may have answered with one term when asked for another: it passes over accents and signs."""
    return _same(stored, wanted) or slugify(html.unescape(stored)) == slugify(wanted) != ""


def _same(stored: str, wanted: str) -> bool:
    return html.unescape(stored).strip().casefold() == wanted.strip().casefold()
