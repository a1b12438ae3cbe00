"""Front matter that every generator reads alike: a JSON string is a quoted YAML string, a JSON list a YAML list."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# What YAML takes for a line break or refuses in a file, although JSON lets it stand.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def front_matter(fields: Mapping[str, Any]) -> str:
    """Return a page's front matter with its fences; a mapping among the values is written as a block."""
    lines: list[str] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            lines.append(f"{name}:")
            lines += [f"  {inner}: {quoted(item)}" for inner, item in value.items()]
        else:
            lines.append(f"{name}: {quoted(value)}")
    return "\n".join(("---", *lines, "---", ""))


def quoted(value: Any) -> str:
    """Return a value as YAML on one line, in which a string stays a string whatever it looks like."""
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def instant(at: datetime) -> str:
    """Return an instant as RFC 3339 in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
