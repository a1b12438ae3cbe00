"""Rules of the platform: what it declares and this version does not do is said."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.diagnostics import Diagnostic


def check_notifications(draft: Draft) -> Iterable[Diagnostic]:
    """Channels that nothing is sent to are no surprise."""
    if draft.platform.notifications.channels:
        yield draft.find(
            "IG114", ("platform", "platform"), ("notifications", "channels"), "nothing is sent to these channels yet",
            key=True, hint="notifications are recorded in the database", severity="warning",
        )  # fmt: skip
