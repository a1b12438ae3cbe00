"""The outbox: what has to be told outside, a message a channel, written in the transaction of the event.

Who sends a message claims it first, with a fence. A sender that was given up finds the fence moved and marks nothing.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.ids import derive_id
from reconciler.kinds.platform import Channel
from reconciler.store.saved_plans import identity_of
from reconciler.store.statements import run
from reconciler.store.tables import notification, outbox, resource

OPEN_STATES = ("pending", "sending")
_PLATFORM = sa.select(resource.c.spec).where(resource.c.kind == "platform", resource.c.name == "platform")


@dataclass(frozen=True, slots=True)
class Claim:
    """A message that somebody claimed to send; `attempts` counts this try too."""

    id: str
    channel: str
    attempts: int
    fence: int
    event: str
    text: str
    at: datetime
    account: str | None
    site: str | None
    run_id: int | None


def enqueue(connection: Connection, notification_id: int, event: str, now: datetime) -> None:
    """Write a message for each channel that takes the event, by the platform as it is in this transaction."""
    channels = [name for name, channel in declared_channels(connection).items() if channel.takes(event)]
    if not channels:
        return
    identity = identity_of(connection).id
    rows = [
        {
            "id": "msg_" + derive_id("outbox", identity, notification_id, name),
            "notification_id": notification_id,
            "channel": name,
            "state": "pending",
            "due_at": now,
            "created_at": now,
        }
        for name in channels
    ]
    connection.execute(outbox.insert(), rows)


def declared_channels(connection: Connection) -> dict[str, Channel]:
    """Return the channels of the platform by name."""
    text = run(connection, _PLATFORM, {}).scalar()
    found = (json.loads(text).get("notifications") or {}).get("channels") or {} if text is not None else {}
    return {name: Channel.model_validate(channel, strict=False) for name, channel in found.items()}


def claim_next(connection: Connection, channel: str, *, owner: str, now: datetime, lease: timedelta) -> Claim | None:
    """Claim the channel's oldest message that is due, None when there is none."""
    is_due = sa.and_(outbox.c.channel == channel, outbox.c.state.in_(OPEN_STATES), outbox.c.due_at <= now)
    oldest = sa.select(outbox.c.id).where(is_due).order_by(outbox.c.notification_id).limit(1)
    claimed = (
        outbox.update()
        .where(outbox.c.id.in_(oldest.with_for_update(skip_locked=True)), is_due)
        .values(
            state="sending", owner=owner, due_at=now + lease, fence=outbox.c.fence + 1, attempts=outbox.c.attempts + 1
        )
        .returning(outbox.c.id, outbox.c.attempts, outbox.c.fence, outbox.c.notification_id)
    )
    row = connection.execute(claimed).one_or_none()
    if row is None:
        return None
    told = connection.execute(sa.select(notification).where(notification.c.id == row.notification_id)).one()
    return Claim(
        row.id, channel, int(row.attempts), int(row.fence),
        told.event, told.text, told.at, told.account, told.site, told.run_id,
    )  # fmt: skip


def mark_delivered(connection: Connection, claim: Claim, now: datetime, note: str = "") -> None:
    """Record that the receiver took a message."""
    _end(connection, claim, state="delivered", ended_at=now, error=note)


def mark_failed(connection: Connection, claim: Claim, reason: str, *, again_at: datetime | None, now: datetime) -> None:
    """Record a try that failed: it is tried again at an instant, or is dead when there is none."""
    if again_at is None:
        _end(connection, claim, state="dead", ended_at=now, error=reason)
    else:
        _end(connection, claim, state="pending", due_at=again_at, error=reason)


def _end(connection: Connection, claim: Claim, **values: Any) -> None:
    mine = sa.and_(outbox.c.id == claim.id, outbox.c.fence == claim.fence)
    connection.execute(outbox.update().where(mine).values(owner="", **values))


def waiting_channels(connection: Connection, now: datetime) -> tuple[str, ...]:
    """Return the channels that have a message to be sent by now."""
    where = sa.and_(outbox.c.state.in_(OPEN_STATES), outbox.c.due_at <= now)
    found = sa.select(outbox.c.channel).where(where).distinct().order_by(outbox.c.channel)
    return tuple(connection.scalars(found))


def senders(connection: Connection) -> frozenset[str]:
    """Return who has claimed messages."""
    return frozenset(connection.scalars(sa.select(outbox.c.owner).where(outbox.c.state == "sending").distinct()))


def give_up_senders(connection: Connection, owners: Collection[str], now: datetime) -> None:
    """Let what these had claimed be sent by others at once: they are known to be gone."""
    where = sa.and_(outbox.c.state == "sending", outbox.c.owner.in_(owners))
    connection.execute(outbox.update().where(where).values(state="pending", owner="", due_at=now))


def revive(connection: Connection, channels: Sequence[str], now: datetime) -> int:
    """Let dead messages be tried again from the start, of these channels or of all; return how many."""
    where = [outbox.c.state == "dead", *([outbox.c.channel.in_(channels)] if channels else [])]
    values = {"state": "pending", "due_at": now, "attempts": 0, "ended_at": None}
    return int(connection.execute(outbox.update().where(*where).values(**values)).rowcount)


def list_messages(
    connection: Connection, *, states: Sequence[str] = (), channels: Sequence[str] = (), limit: int, offset: int = 0
) -> tuple[tuple[Mapping[str, Any], ...], int]:
    """Return messages with what they tell, the newest first, and how many there are in all."""
    where: list[sa.ColumnElement[bool]] = []
    if states:
        where.append(outbox.c.state.in_(states))
    if channels:
        where.append(outbox.c.channel.in_(channels))
    total = connection.scalar(sa.select(sa.func.count()).select_from(outbox).where(*where))
    told = (notification.c.event, notification.c.text, notification.c.account, notification.c.site)
    columns = [column for column in outbox.c if column.name not in ("owner", "fence")]
    rows = connection.execute(
        sa.select(*columns, *told)
        .join(notification, notification.c.id == outbox.c.notification_id)
        .where(*where)
        .order_by(outbox.c.notification_id.desc(), outbox.c.channel)
        .limit(limit)
        .offset(offset)
    )
    return tuple(row._asdict() for row in rows), int(total or 0)


def count_messages(connection: Connection) -> dict[str, int]:
    """Return how many messages are in which state."""
    rows: Any = connection.execute(sa.select(outbox.c.state, sa.func.count()).group_by(outbox.c.state))
    return {str(state): int(number) for state, number in rows}
