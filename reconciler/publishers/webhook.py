"""A signed webhook: the settings of the declaration."""

from __future__ import annotations

from reconciler.kinds.extensions import PublisherDeclaration
from reconciler.kinds.fields import SecretRef, Spec, Url


class WebhookSettings(Spec):
    """Where to send, and the secret to sign with."""

    endpoint: Url
    secret: SecretRef


DECLARATION = PublisherDeclaration("webhook", WebhookSettings)
