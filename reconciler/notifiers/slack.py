"""Slack, and what takes the same messages (Mattermost, Rocket.Chat, Discord's /slack addresses)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.ids import canonical_bytes
from reconciler.kinds.platform import Channel
from reconciler.notifiers.port import Delivery, DeliveryFailure, Message, Reach
from reconciler.notifiers.post import failure_of, post

_TEXT_MAX = 3_000
# Slack says why in one word, such as `no_service`; more than that may be anything.
_WORD = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class Slack:
    """Posts messages to an incoming webhook."""

    address: str = field(repr=False)

    def send(self, message: Message, now: datetime) -> Delivery | DeliveryFailure:
        """Post the message."""
        headers = {"content-type": "application/json", "user-agent": "igny8", "webhook-id": message.id}
        reply = post(self.address, canonical_bytes({"text": text_of(message)}), headers)
        if isinstance(reply, DeliveryFailure):
            return reply
        if reply.is_good:
            return Delivery()
        return failure_of(reply, reply.text if _WORD.fullmatch(reply.text) else "")


def make(channel: Channel, reach: Reach) -> Slack:
    """Return the notifier of a Slack-compatible channel."""
    return Slack(reach.address)


def text_of(message: Message) -> str:
    """Return the event and where it was in bold, and the text; nothing in it is taken for a mention or a link."""
    where = message.site or message.account
    text = f"*{_plain(message.event)}*{f' {_plain(where)}' if where else ''}: {_plain(message.text)}"
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 1] + "…"


def _plain(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
