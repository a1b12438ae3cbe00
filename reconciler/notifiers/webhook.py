"""A webhook: the event as JSON, signed as Standard Webhooks 1.0 says where a secret is declared."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.errors import UnreachableError
from reconciler.ids import canonical_bytes
from reconciler.kinds.platform import Channel
from reconciler.notifiers.port import Delivery, DeliveryFailure, Message, Reach
from reconciler.notifiers.post import failure_of, post

_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # what the standard asks for


@dataclass(frozen=True, slots=True)
class Webhook:
    """Posts messages to an address; without a key they are not signed."""

    address: str = field(repr=False)
    key: bytes = field(default=b"", repr=False)

    def send(self, message: Message, now: datetime) -> Delivery | DeliveryFailure:
        """Post the message; a receiver knows a repetition by its `webhook-id`."""
        body = body_of(message)
        reply = post(self.address, body, _headers(self.key, message.id, body, now))
        if isinstance(reply, DeliveryFailure):
            return reply
        return Delivery() if reply.is_good else failure_of(reply)


def make(channel: Channel, reach: Reach) -> Webhook:
    """Return the webhook of a channel; UnreachableError when its secret is no key."""
    return Webhook(reach.address, _key(reach.secret) if channel.secret is not None else b"")


def body_of(message: Message) -> bytes:
    """Return what is posted: the event as `type`, when it was, and the rest as `data`."""
    data = {"id": message.id, "text": message.text, "account": message.account, "site": message.site,
            "run": message.run_id}  # fmt: skip
    return canonical_bytes({"type": message.event, "timestamp": message.at.isoformat(), "data": data})


def _headers(key: bytes, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "user-agent": "igny8",
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
    }
    if key:
        signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) not in _KEY_BYTES:
        raise UnreachableError(
            "the secret is no key of Standard Webhooks: 24 to 64 bytes in base64, after whsec_",
            hint="make one: echo whsec_$(openssl rand -base64 32)",
        )
    return key
