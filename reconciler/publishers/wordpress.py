"""WordPress through its REST API: the settings of the declaration."""

from __future__ import annotations

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Text


class WordPressSettings(Spec):
    """A user with the editor role and an application password."""

    username: Text
    application_password: SecretRef
    categories: tuple[Text, ...] = ()


DECLARATION = PublisherDeclaration("wordpress", WordPressSettings)
