"""Notifiers: how people and programs outside are told, one file each, behind one port. NOTIFIERS is the registry.

They know nothing of the database, of retries, or of what is to be told to whom: a notifier sends one message, once.
"""

from __future__ import annotations

from reconciler.notifiers import email, slack, webhook
from reconciler.notifiers.port import NotifierType

NOTIFIERS: tuple[NotifierType, ...] = (
    NotifierType("webhook", webhook.make),
    NotifierType("slack", slack.make),
    NotifierType("email", email.make),
)


def find_notifier(name: str) -> NotifierType:
    """Return the notifier of a channel's type."""
    return next(entry for entry in NOTIFIERS if entry.name == name)
