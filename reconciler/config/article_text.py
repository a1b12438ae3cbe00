"""Articles as people edit them: Markdown below front matter, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.config.documents import front_matter
from reconciler.config.plain_text import block_text
from reconciler.config.suggest import did_you_mean
from reconciler.config.yaml_reader import read_yaml

TEXT_FIELDS = ("title", "slug", "excerpt", "meta_title", "meta_description")
FIELDS = (*TEXT_FIELDS, "tags")


def write_article_text(article: Mapping[str, Any]) -> str:
    """Return the file of an article: its fields as front matter, its Markdown below."""
    fields = {name: article[name] for name in TEXT_FIELDS} | {"tags": list(article["tags"])}
    return f"---\n{block_text(fields)}---\n\n{str(article['markdown']).rstrip()}\n"


def read_article_text(text: str) -> dict[str, Any] | str:
    """Return the fields that such a file sets, `markdown` among them, or what is wrong with it and where."""
    if "\0" in text:
        return f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: there is a NUL in it, which no database keeps"
    parts = front_matter(text)
    if parts is None:
        return "line 1: begin the file with --- and end the front matter with ---"
    _, head, rest = parts
    document, findings = read_yaml(head, "", first_line=2)
    if document is None:
        first = findings[0]
        return f"line {first.mark.line}: {first.message}"
    value = document.value if document.value is not None else {}
    if not isinstance(value, dict):
        return "line 2: the front matter is no mapping"
    for name, item in value.items():
        problem = wrong_value(str(name), item)
        if problem:
            mark = document.keys.get((name,))
            return f"line {mark.line if mark else 2}: {problem}"
    body = rest.partition("\n")[2].strip("\n")
    if not body.strip():
        return "the article has no text"
    return {**value, "markdown": body + "\n"}


def wrong_value(name: str, value: Any) -> str:
    """Return what is wrong with a field of an article, "" when nothing is."""
    if name not in FIELDS:
        return f"there is no field {name!r}; {did_you_mean(name, FIELDS) or 'there are ' + ', '.join(FIELDS)}"
    if name == "tags":
        is_fine = isinstance(value, list) and all(isinstance(item, str) and item for item in value)
        return "" if is_fine else "tags is a list of texts"
    if not isinstance(value, str):
        return f"{name} is text"
    if "\n" in value.strip():
        return f"{name} is one line"
    if any(character < " " for character in value.strip()):
        return f"{name} holds control characters"
    return "" if value.strip() or name not in ("title", "slug") else f"{name} is empty"
