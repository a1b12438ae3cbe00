"""How a version's new words are written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

# By the kind's YAML name: where the key stands (`*` any key, `[]` any item), its old word, its new word.
Renames = Mapping[str, Sequence[tuple[str, str, str]]]
