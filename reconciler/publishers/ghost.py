"""Ghost through its Admin API: the settings of the declaration."""

from __future__ import annotations

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec


class GhostSettings(Spec):
    """An Admin API key of a custom integration."""

    admin_api_key: SecretRef


DECLARATION = PublisherDeclaration("ghost", GhostSettings)
