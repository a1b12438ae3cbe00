"""Author: the voice that articles are written in."""

from __future__ import annotations

from reconciler.kinds.fields import Language, NamedSpec, Text


class Author(NamedSpec):
    """A byline with a voice."""

    display_name: Text
    bio: str = ""
    tone: str = ""
    language: Language = "en"
    expertise: tuple[Text, ...] = ()
    style_rules: tuple[Text, ...] = ()
