"""WordPress through its REST API. A comment at the end of the text, `<!-- igny8:KEY -->`, finds an article again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Text
from reconciler.publishers.port import Publisher


class WordPressSettings(Spec):
    """A user with the editor role and an application password.

    `categories` are given to each article, and the name of its sector with `category_per_sector`; those that the site
    lacks are made. `author` is the WordPress user who is shown as the author; without it that is the one with the
    name of the article's author, else `username`.
    """

    username: Text
    application_password: SecretRef
    categories: tuple[Text, ...] = ()
    category_per_sector: bool = False
    author: Text | None = None


DECLARATION = PublisherDeclaration("wordpress", WordPressSettings, carries_canonical=True)


def make(settings: Mapping[str, Any], site_url: str, root: Path, secrets: Mapping[str, str]) -> Publisher:
    """Return the publisher of a site on WordPress."""
    # Imported here: only what is about to publish pays for an HTTP client.
    from reconciler.publishers.wordpress.publisher import build

    # As JSON: what is a list there is a tuple here.
    spec = WordPressSettings.model_validate_json(orjson.dumps(dict(settings)))
    return build(spec, site_url, secrets["application_password"])
