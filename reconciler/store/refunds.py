"""Refunds: a new record that gives back what a call was charged, to the lots that it was taken from.

What was taken last returns first. A lot that has expired meanwhile gets its credits back, and they expire with it. The
resolution of the hold counts what was refunded, and a CHECK keeps that within the charge, whoever refunds at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.errors import BlockedError, ConflictError
from reconciler.ledger.transfers import Part, first_of, move_postings
from reconciler.store.budgets import Place
from reconciler.store.ledger import lock_account
from reconciler.store.lots import bring_up_to_date
from reconciler.store.movements import Movement, Origin, known_payload, payload_of, write
from reconciler.store.tables import attempt, credit_lot, hold, hold_resolution, posting, transfer, usage


@dataclass(frozen=True, slots=True)
class Refund:
    """What was refunded; `expired` of it came too late for its lot, `left` of the charge could still be refunded."""

    account: str
    credits: int
    expired: int
    left: int
    is_new: bool = True


def hold_of(
    connection: Connection, *, usage_id: int | None = None, attempt_id: str | None = None, hold_id: str | None = None
) -> str | None:
    """Return the hold behind a usage line, an attempt or a hold's id; None when there is none."""
    if usage_id is not None:
        attempt_id = connection.scalar(sa.select(usage.c.attempt_id).where(usage.c.id == usage_id))
    if attempt_id is not None:
        hold_id = connection.scalar(sa.select(attempt.c.hold_id).where(attempt.c.id == attempt_id))
    wanted = (f"{hold_id}:late", hold_id)
    found = set(connection.scalars(sa.select(hold.c.id).where(hold.c.id.in_(wanted))))
    return next((one for one in wanted if one in found), None)


def refund(
    connection: Connection, hold_id: str, credits: int | None, origin: Origin, reason: str, *, key: str
) -> Refund:
    """Give back so many credits of a charge, or all that are left of it; once by key.

    Raises BlockedError when the charge has not so many left, and ConflictError for a key of another refund.
    """
    row = connection.execute(sa.select(hold).where(hold.c.id == hold_id)).one()
    lock_account(connection, row.account)
    full_key = f"refund:{hold_id}:{key}"
    charge = connection.execute(sa.select(hold_resolution).where(hold_resolution.c.hold_id == hold_id)).one_or_none()
    taken = charge.credits_taken if charge is not None else 0
    left = taken - charge.credits_refunded if charge is not None else 0
    if known_payload(connection, full_key) is not None:
        return _repeated(connection, full_key, row.account, hold_id, credits, left)
    wanted = left if credits is None else credits
    if charge is None or charge.kind != "settle" or wanted > left or wanted < 1:
        raise BlockedError(
            f"of the {taken:,} credits that were charged, {left:,} are left to refund",
            hint="more than was charged is given as a grant: `igny8 credits grant`" if left else "nothing was changed",
        )
    parts = first_of(_spent_last_first(connection, hold_id), wanted)
    counted = hold_resolution.update().where(hold_resolution.c.hold_id == hold_id)
    connection.execute(counted.values(credits_refunded=hold_resolution.c.credits_refunded + wanted))
    value = connection.scalar(sa.select(transfer.c.value_nano).where(transfer.c.key == f"settle:{hold_id}")) or 0
    place = Place(row.account, row.site, row.stage, row.run_id, row.month)
    movement = Movement(
        "refund", full_key, row.account, wanted, move_postings(parts, "spent", "available"),
        payload_of("refund", row.account, hold_id, wanted), site=row.site, run_id=row.run_id, hold_id=hold_id,
        value_nano=-(value // taken) * wanted, reason=reason, windows=place.keys, spent=-wanted,
    )  # fmt: skip
    write(connection, movement, origin)
    ended = set(
        connection.scalars(
            sa.select(credit_lot.c.id).where(
                credit_lot.c.id.in_([part.lot for part in parts]), credit_lot.c.expires_at <= origin.at
            )
        )
    )
    bring_up_to_date(connection, row.account, origin)
    return Refund(row.account, wanted, sum(part.credits for part in parts if part.lot in ended), left - wanted)


def _repeated(
    connection: Connection, key: str, account: str, hold_id: str, credits: int | None, left: int
) -> Refund:  # fmt: skip
    given = int(connection.execute(sa.select(transfer.c.credits).where(transfer.c.key == key)).scalar_one())
    if credits not in (None, given):
        raise ConflictError(
            f"the key {key.rsplit(':', 1)[-1]} was used for a refund of {given:,} credits",
            hint="nothing was moved; use another key",
        )
    return Refund(account, given, 0, left, is_new=False)


def _spent_last_first(connection: Connection, hold_id: str) -> tuple[Part, ...]:
    """Return what each lot still has spent on a call, in the opposite of the order in which it was taken."""
    spent = (
        sa.select(posting.c.lot_id, sa.func.sum(posting.c.credits).label("credits"))
        .join(transfer, transfer.c.id == posting.c.transfer_id)
        .where(transfer.c.hold_id == hold_id, transfer.c.kind.in_(("settle", "refund")), posting.c.book == "spent")
        .group_by(posting.c.lot_id)
        .order_by(sa.func.min(sa.case((transfer.c.kind == "settle", -posting.c.number), else_=0)))
    )
    return tuple(Part(row.lot_id, int(row.credits)) for row in connection.execute(spent) if row.credits > 0)
