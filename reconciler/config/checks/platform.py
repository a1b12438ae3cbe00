"""Rules of the platform: what it declares and this version does not do is said."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic


def check_notifications(draft: Draft) -> Iterable[Diagnostic]:
    """Channels that nothing is sent to are no surprise."""
    if draft.platform.notifications.channels:
        yield draft.find(
            "IG114", ("platform", "platform"), ("notifications", "channels"), "nothing is sent to these channels yet",
            key=True, hint="notifications are recorded in the database", severity="warning",
        )  # fmt: skip


def check_events(draft: Draft) -> Iterable[Diagnostic]:
    """A channel asks for events that there are."""
    known = [f"ai_{stage.key}_{end}" for stage in draft.extensions.stages for end in ("success", "failed")]
    known += ["publish_success", "publish_failed", "apply_failed", "drift_found", "credits_low"]
    for name, channel in draft.platform.notifications.channels.items():
        for index, event in enumerate(channel.events):
            if event not in known:
                yield draft.find(
                    "IG416", ("platform", "platform"), ("notifications", "channels", name, "events", index),
                    f"{name}: there is no event {event!r}", hint=did_you_mean(event, known),
                )  # fmt: skip
