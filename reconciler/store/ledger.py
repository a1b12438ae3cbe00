"""Carries transfers out. Every function works inside the caller's write transaction and repeats without effect.

The idempotency key is unique for ever: the same key with the same payload returns the first result, with another
payload it is a conflict. The account's row is locked before anything is read that a transfer depends on; CHECKs stand
behind. A hold takes from certain lots, so what it holds neither expires under it nor is given to anybody else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from reconciler.errors import ConflictError
from reconciler.ledger.transfers import Part, TransferKind, move_postings, settle_postings, take_in_turn
from reconciler.store.budgets import Place, insert_if_absent, place_of
from reconciler.store.funds import Balance, Funds, balance_of, lock_account, lock_funds
from reconciler.store.ledger_laws import find_breaks
from reconciler.store.lots import PLAIN_TERMS, Terms, bring_up_to_date, open_lot
from reconciler.store.movements import Movement, Origin, is_repeated, is_same, known_payload, payload_of, write
from reconciler.store.statements import run
from reconciler.store.tables import (
    Instant,
    attempt,
    credit_account,
    credit_lot,
    hold,
    hold_resolution,
    posting,
    transfer,
    usage,
)

__all__ = [
    "Balance",
    "Funds",
    "Hold",
    "Origin",
    "OverdrawnError",
    "SuspendedError",
    "Terms",
    "accounts_due",
    "available_credits",
    "balance_of",
    "charge",
    "count_charges_since",
    "credits_used_since",
    "expire_holds",
    "find_breaks",
    "grant",
    "is_known",
    "known_keys",
    "known_payloads",
    "lock_account",
    "lock_funds",
    "mean_credits_since",
    "open_hold_credits",
    "place_hold",
    "settle",
    "suspend",
    "suspended_accounts",
    "void",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hold:
    """Credits set aside for one call."""

    id: str
    account: str
    site: str
    stage: str
    run_id: int
    credits: int
    expires_at: datetime


class OverdrawnError(Exception):
    """A hold asked for more than is available, or than a budget has left; nothing was changed."""


class SuspendedError(OverdrawnError):
    """The account is suspended and holds nothing."""


def suspend(connection: Connection, account: str, is_suspended: bool) -> None:
    """Let an account hold nothing, or again; what it holds already is settled as usual."""
    insert_if_absent(connection, credit_account, {"account": account})
    table = credit_account.c
    changed = sa.and_(table.account == account, table.suspended != is_suspended)
    connection.execute(credit_account.update().where(changed).values(suspended=is_suspended))


def suspended_accounts(connection: Connection) -> set[str]:
    """Return the accounts that hold nothing at present."""
    return set(connection.scalars(sa.select(credit_account.c.account).where(credit_account.c.suspended)))


def grant(
    connection: Connection,
    account: str,
    credits: int,
    key: str,
    reason: str,
    origin: Origin,
    terms: Terms = PLAIN_TERMS,
) -> bool:
    """Give credits once by key; False when they were given before."""
    insert_if_absent(connection, credit_account, {"account": account})
    lock_account(connection, account)
    return open_lot(connection, account, credits, key, reason, origin, terms)


def is_known(connection: Connection, key: str) -> bool:
    """Tell whether a transfer with this key was made."""
    return known_payload(connection, key) is not None


def known_keys(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Return those of the keys that a transfer was made with."""
    return set(known_payloads(connection, keys))


def known_payloads(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Return the payloads of the transfers with these keys, as far as there are any."""
    found: dict[str, str] = {}
    columns = sa.select(transfer.c.key, transfer.c.payload_digest)
    for start in range(0, len(keys), 500):
        rows = connection.execute(columns.where(transfer.c.key.in_(keys[start : start + 500])))
        found.update((row.key, row.payload_digest) for row in rows)
    return found


def accounts_due(connection: Connection, now: datetime) -> set[str]:
    """Return the accounts that have a lot to move, or a hold to release, by this time."""
    lots = sa.select(credit_account.c.account).where(credit_account.c.next_change_at <= now)
    # Most accounts hold nothing, and need no look at their holds.
    holding = sa.select(credit_account.c.account).where(credit_account.c.held > 0)
    holds = sa.select(hold.c.account).where(hold.c.account.in_(holding), _is_open(), hold.c.expires_at <= now)
    return set(connection.scalars(lots)) | set(connection.scalars(holds))


def available_credits(connection: Connection) -> dict[str, int]:
    """Return what every account has available."""
    rows = connection.execute(sa.select(credit_account.c.account, credit_account.c.available))
    return {row.account: row.available for row in rows}


def place_hold(connection: Connection, wanted: Hold, origin: Origin, funds: Funds | None = None) -> Funds:
    """Set credits aside and return what is left; OverdrawnError when they are not there, or not within a budget."""
    key = f"hold:{wanted.id}"
    payload = payload_of("hold", wanted.account, wanted.credits, wanted.site, wanted.run_id, wanted.id)
    if funds is None:
        place = place_of(wanted.account, wanted.site, wanted.stage, wanted.run_id, origin.at)
        funds = lock_funds(connection, place, origin, key=key)
        if is_same(key, funds.known_payload, payload):
            return funds
    _check_funds(wanted, funds)
    parts = take_in_turn(funds.lots, wanted.credits, origin.at)
    if parts is None:
        raise OverdrawnError(f"{wanted.account} has fewer than {wanted.credits} credits that have not expired")
    hold_row = {
        "id": wanted.id, "account": wanted.account, "site": wanted.site, "stage": wanted.stage,
        "run_id": wanted.run_id, "month": funds.place.month, "credits": wanted.credits, "created_at": origin.at,
        "expires_at": wanted.expires_at,
    }  # fmt: skip
    movement = Movement(
        "hold", key, wanted.account, wanted.credits, move_postings(parts, "available", "held"), payload,
        site=wanted.site, run_id=wanted.run_id, hold_id=wanted.id, windows=funds.place.keys, reserved=wanted.credits,
        hold_row=hold_row,
    )  # fmt: skip
    write(connection, movement, origin)
    return funds.less(parts, wanted.credits)


def _check_funds(wanted: Hold, funds: Funds) -> None:
    if funds.balance.is_suspended:
        raise SuspendedError(f"the account {wanted.account} is suspended")
    if funds.balance.available < wanted.credits:
        raise OverdrawnError(f"{wanted.account} has fewer than {wanted.credits} credits")
    for window in funds.windows.values():
        if window.left is not None and window.left < wanted.credits:
            raise OverdrawnError(f"the budget {window.key} has fewer than {wanted.credits} credits left")


def settle(
    connection: Connection, hold_id: str, taken: int, origin: Origin, reason: str = "", *,
    absorbed: int = 0, credit_value_nano: int = 0,
) -> None:  # fmt: skip
    """Take part of a hold, or all, and give the rest back; `absorbed` is what the house gives beyond the hold."""
    _resolve(
        connection, hold_id, "settle", origin, reason, taken=taken, absorbed=absorbed,
        credit_value_nano=credit_value_nano,
    )  # fmt: skip


def charge(
    connection: Connection, held: Hold, worth: int, origin: Origin, reason: str = "", *, credit_value_nano: int = 0
) -> int:
    """Settle a hold by what its call was worth, and return what is charged: at most the hold, the house gives the rest.

    When the hold was released by time meanwhile, a new one is placed and settled at once if the account can pay it;
    if not, the house gives it all.
    """
    taken = min(worth, held.credits)

    def take(hold_id: str) -> bool:
        return _resolve(
            connection, hold_id, "settle", origin, reason, taken=taken, absorbed=worth - taken,
            credit_value_nano=credit_value_nano, or_expired=True,
        )  # fmt: skip

    if take(held.id):
        return taken
    late = Hold(f"{held.id}:late", held.account, held.site, held.stage, held.run_id, taken, origin.at)
    try:
        place_hold(connection, late, origin)
    except OverdrawnError:
        _absorb(connection, held, worth, origin, reason)
        return 0
    take(late.id)
    return taken


def _absorb(connection: Connection, held: Hold, worth: int, origin: Origin, reason: str) -> None:
    """Write down that the house gives all that a call was worth: a settlement of nothing, whose hold had expired."""
    late = Hold(f"{held.id}:late", held.account, held.site, held.stage, held.run_id, 0, origin.at)
    legs = settle_postings((), 0, worth)
    payload = payload_of("settle", held.account, 0, held.site, held.run_id, late.id)
    movement = Movement(
        "settle", f"settle:{late.id}", held.account, 0, legs, payload, site=held.site, run_id=held.run_id,
        hold_id=held.id, reason=reason,
    )  # fmt: skip
    lock_account(connection, held.account)
    if not is_repeated(connection, movement.key, payload):
        write(connection, movement, origin)


def void(connection: Connection, hold_id: str, origin: Origin, reason: str = "") -> None:
    """Give a hold back whole: the call brought nothing. One that time has released is back already."""
    _resolve(connection, hold_id, "void", origin, reason)


def expire_holds(
    connection: Connection, origin: Origin, *, run_id: int | None = None, account: str | None = None
) -> tuple[str, ...]:
    """Release open holds whose time has passed, or all of a run that no call in flight needs; return their ids."""
    statement = sa.select(hold.c.id).where(_is_open())
    if run_id is None:
        statement = statement.where(hold.c.expires_at <= origin.at)
    else:
        needs = (attempt.c.run_id == run_id, attempt.c.status == "pending", attempt.c.hold_id == hold.c.id)
        statement = statement.where(hold.c.run_id == run_id, ~sa.exists().where(*needs))
    if account is not None:
        statement = statement.where(hold.c.account == account)
    # By account, so that two that do this at once take the accounts' locks in one order.
    ids = tuple(connection.scalars(statement.order_by(hold.c.account, hold.c.id)))
    for hold_id in ids:
        _resolve(connection, hold_id, "expire", origin, "released by time")
    return ids


def open_hold_credits(
    connection: Connection, *, account: str, site: str | None = None, run_id: int | None = None
) -> int:
    """Return the credits in open holds of an account, or of one of its sites, or of a run."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(hold.c.credits), 0)).where(hold.c.account == account, _is_open())
    if site is not None:
        statement = statement.where(hold.c.site == site)
    if run_id is not None:
        statement = statement.where(hold.c.run_id == run_id)
    return int(connection.scalar(statement) or 0)


def credits_used_since(connection: Connection, since: datetime, *, account: str, site: str | None = None) -> int:
    """Return the credits charged to an account, or to one of its sites, since an instant."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(usage.c.credits), 0))
    statement = statement.where(usage.c.account == account, usage.c.at >= since)
    if site is not None:
        statement = statement.where(usage.c.site == site)
    return int(connection.scalar(statement) or 0)


def mean_credits_since(
    connection: Connection, since: datetime, *, site: str, stage: str, model: str
) -> tuple[int, int] | None:
    """Return the credits that a site was charged for calls of a stage to a model, and how many; None without any."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(usage.c.credits), 0), sa.func.count())
    statement = statement.where(usage.c.site == site, usage.c.stage == stage, usage.c.model == model)
    credits, calls = connection.execute(statement.where(usage.c.at >= since)).one()
    return (int(credits), int(calls)) if calls else None


def count_charges_since(connection: Connection, since: datetime, *, account: str, stage: str) -> int:
    """Return how many calls of a stage an account was charged for since an instant."""
    statement = sa.select(sa.func.count()).select_from(usage)
    statement = statement.where(usage.c.account == account, usage.c.stage == stage, usage.c.at >= since)
    return int(connection.scalar(statement) or 0)


def _is_open() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(hold_resolution.c.hold_id == hold.c.id)


def _resolve(
    connection: Connection, hold_id: str, kind: TransferKind, origin: Origin, reason: str, *,
    taken: int = 0, absorbed: int = 0, credit_value_nano: int = 0, or_expired: bool = False,
) -> bool:  # fmt: skip
    """Resolve a hold; with `or_expired` False when time has released it."""
    # The rows of one hold: its lots in their turn. They never change; only the resolution may be there or not.
    rows = [_HeldPart(*row) for row in run(connection, _HELD, {"of_hold": hold_id, "now": origin.at}).rows]
    if not rows:
        raise ConflictError(f"there is no hold {hold_id}")
    row = rows[0]
    if row.resolved_by == "expire" and or_expired:
        return False
    if row.resolved_by is not None:
        if (row.resolved_by, row.credits_taken) == (kind, taken) or (kind, row.resolved_by) == ("void", "expire"):
            return True
        raise ConflictError(f"hold {hold_id} was resolved already, by {row.resolved_by}")
    parts = [Part(part.lot_id, part.part_credits) for part in rows if part.lot_id is not None]
    if kind == "settle":
        legs, credits = settle_postings(parts, taken, absorbed), taken
    else:
        legs, credits = move_postings(parts, "held", "available"), row.credits
    place = Place(row.account, row.site, row.stage, row.run_id, row.month)
    movement = Movement(
        kind, f"{kind}:{hold_id}", row.account, credits, legs,
        payload_of(kind, row.account, credits, row.site, row.run_id, hold_id),
        site=row.site, run_id=row.run_id, hold_id=hold_id, value_nano=credits * credit_value_nano, reason=reason,
        windows=place.keys, reserved=-row.credits, spent=taken,
        resolution_row={
            "hold_id": hold_id, "kind": kind, "credits_held": row.credits, "credits_taken": taken, "at": origin.at,
        },
    )  # fmt: skip
    write(connection, movement, origin)
    # What returns to a lot that has expired expires with it; by a clock that went back, once that comes there again.
    if any(part.must_expire for part in rows):
        bring_up_to_date(connection, row.account, origin)
    return True


class _HeldPart(NamedTuple):
    """What a hold took from one lot, beside what the hold itself says; without lots there is one with none."""

    account: str
    site: str
    stage: str
    run_id: int
    month: str
    credits: int
    resolved_by: str | None
    credits_taken: int | None
    lot_id: int | None
    part_credits: int
    must_expire: int


_OF_HOLD = sa.join(hold, credit_account, credit_account.c.account == hold.c.account)
_PARTS = (
    sa.select(transfer.c.hold_id, posting.c.number, posting.c.lot_id, posting.c.credits)
    .join(posting, posting.c.transfer_id == transfer.c.id)
    .where(transfer.c.key == sa.literal("hold:") + bindparam("of_hold"), posting.c.book == "held")
    .subquery("parts")
)
# Its lot has expired, or is not among those whose end the account waits for.
_MUST_EXPIRE = sa.or_(
    credit_lot.c.expires_at <= bindparam("now", type_=Instant),
    credit_lot.c.expires_at < credit_account.c.next_change_at,
    sa.and_(credit_lot.c.expires_at.is_not(None), credit_account.c.next_change_at.is_(None)),
)
_HELD = (
    sa.select(
        hold.c.account,
        hold.c.site,
        hold.c.stage,
        hold.c.run_id,
        hold.c.month,
        hold.c.credits,
        hold_resolution.c.kind,
        hold_resolution.c.credits_taken,
        _PARTS.c.lot_id,
        _PARTS.c.credits,
        sa.case((_MUST_EXPIRE, 1), else_=0),
    )
    .select_from(
        _OF_HOLD.outerjoin(hold_resolution, hold_resolution.c.hold_id == hold.c.id)
        .outerjoin(_PARTS, _PARTS.c.hold_id == hold.c.id)
        .outerjoin(credit_lot, credit_lot.c.id == _PARTS.c.lot_id)
    )
    .where(hold.c.id == bindparam("of_hold"))
    .order_by(_PARTS.c.number)
    .with_for_update(of=credit_account)
)
