"""Rules of the platform's notification channels: they ask for events that there are, and can be spoken to."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.compilation import Draft
from reconciler.config.suggest import did_you_mean
from reconciler.diagnostics import Diagnostic
from reconciler.kinds.platform import EVENTS, Channel

_PLATFORM = ("platform", "platform")


def check_events(draft: Draft) -> Iterable[Diagnostic]:
    """A channel asks for events that there are."""
    known = [
        f"ai_{stage.key}_{end}"
        for stage in (*draft.extensions.stages, *draft.extensions.improvements)
        for end in ("success", "failed")
    ]
    known += EVENTS
    for name, channel in draft.platform.notifications.channels.items():
        for index, event in enumerate(channel.events):
            if event not in known:
                yield draft.find(
                    "IG416", _PLATFORM, ("notifications", "channels", name, "events", index),
                    f"{name}: there is no event {event!r}", hint=did_you_mean(event, known),
                )  # fmt: skip


def check_email_channels(draft: Draft) -> Iterable[Diagnostic]:
    """An email channel has a server, or an email provider that can send."""
    for name, channel in draft.platform.notifications.channels.items():
        if channel.type == "email" and channel.server is None:
            yield from _check_provider(draft, name, channel)


def _check_provider(draft: Draft, name: str, channel: Channel) -> Iterable[Diagnostic]:
    catalogue = draft.providers.providers if draft.providers else {}
    able = [key for key, provider in catalogue.items() if provider.sends_mail]
    path = ("notifications", "channels", name)
    if channel.provider is None:
        if len(able) != 1:
            what = f"several can send: {', '.join(able)}" if able else "no active email provider can send"
            yield draft.find(
                "IG420", _PLATFORM, path, f"{name}: {what}", key=True,
                hint="write `provider`" if able else "write `server: smtp://...`, or declare an email provider",
            )  # fmt: skip
    elif channel.provider not in catalogue:
        yield draft.find(
            "IG301", _PLATFORM, (*path, "provider"), f"{name}: there is no provider {channel.provider!r}",
            hint=did_you_mean(channel.provider, catalogue),
        )  # fmt: skip
    elif channel.provider not in able:
        yield draft.find(
            "IG302", _PLATFORM, (*path, "provider"), f"{name}: the provider {channel.provider} sends no e-mail",
            hint="it has to be active, and resend with an api_key or smtp with `endpoint: smtp://...`",
        )  # fmt: skip
