"""What the static publisher asks of a generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.publishers.port import Article


@dataclass(frozen=True, slots=True)
class Generator:
    """A static site generator. Pure: it names places and texts, the publisher writes them.

    `folder` gives an article's folder from the site's root, by slug; its page is `page_name` in that folder. `page`
    gives the page's text, `starter` the files of a site that does not exist yet, by path.
    """

    name: str
    folder: Callable[[str], str]
    page_name: str
    page: Callable[[Article], str]
    url: Callable[[str, str], str]
    starter: Callable[[str, str, str], Mapping[str, str]]
    config_names: tuple[str, ...]
