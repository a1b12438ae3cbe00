"""Carries transfers out. Every function works inside the caller's write transaction and repeats without effect.

The idempotency key is unique for ever: the same key with the same payload returns the first result, with another
payload it is a conflict. Balances change by conditional updates with CHECKs behind them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.errors import ConflictError
from reconciler.ids import digest
from reconciler.ledger.transfers import (
    Posting,
    TransferKind,
    grant_postings,
    hold_postings,
    release_postings,
    settle_postings,
)
from reconciler.store.tables import credit_account, hold, hold_resolution, posting, transfer, usage


@dataclass(frozen=True, slots=True)
class Balance:
    """An account's books in credits; `granted` is what it has been given in all."""

    available: int = 0
    held: int = 0
    spent: int = 0
    granted: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Who moves credits, when, and under which generation of the config."""

    actor: str
    at: datetime
    generation: int


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
    """A hold asked for more than is available; nothing was changed."""


def balance_of(connection: Connection, account: str) -> Balance:
    """Return an account's balance, zeros when it never moved."""
    row = connection.execute(sa.select(credit_account).where(credit_account.c.account == account)).one_or_none()
    return Balance() if row is None else Balance(row.available, row.held, row.spent, -row.granted)


def lock_account(connection: Connection, account: str) -> Balance:
    """Return an account's balance with its row locked until the transaction ends."""
    statement = sa.select(credit_account).where(credit_account.c.account == account).with_for_update()
    row = connection.execute(statement).one_or_none()
    return Balance() if row is None else Balance(row.available, row.held, row.spent, -row.granted)


def grant(connection: Connection, account: str, credits: int, key: str, reason: str, origin: Origin) -> bool:
    """Give credits once by key; False when they were given before."""
    _open_account(connection, account)
    return _move(connection, "grant", key, account, credits, grant_postings(credits), origin, reason=reason)


def is_known(connection: Connection, key: str) -> bool:
    """Tell whether a transfer with this key was made."""
    return connection.scalar(sa.select(transfer.c.id).where(transfer.c.key == key)) is not None


def place_hold(connection: Connection, wanted: Hold, origin: Origin) -> None:
    """Set credits aside; OverdrawnError when they are not there."""
    _open_account(connection, wanted.account)
    if lock_account(connection, wanted.account).available < wanted.credits:
        raise OverdrawnError(f"{wanted.account} has fewer than {wanted.credits} credits")
    connection.execute(
        hold.insert().values(
            id=wanted.id, account=wanted.account, site=wanted.site, stage=wanted.stage, run_id=wanted.run_id,
            credits=wanted.credits, created_at=origin.at, expires_at=wanted.expires_at,
        )
    )  # fmt: skip
    _move(
        connection, "hold", f"hold:{wanted.id}", wanted.account, wanted.credits, hold_postings(wanted.credits), origin,
        site=wanted.site, run_id=wanted.run_id, hold_id=wanted.id,
    )  # fmt: skip


def settle(connection: Connection, hold_id: str, taken: int, origin: Origin, reason: str = "") -> None:
    """Take part of a hold, or all, and give the rest back."""
    _resolve(connection, hold_id, "settle", taken, origin, reason)


def void(connection: Connection, hold_id: str, origin: Origin, reason: str = "") -> None:
    """Give a hold back whole: the call brought nothing."""
    _resolve(connection, hold_id, "void", 0, origin, reason)


def expire_holds(connection: Connection, origin: Origin, *, run_id: int | None = None) -> tuple[str, ...]:
    """Release open holds whose time has passed, or all of a run whose worker is gone; return their ids."""
    statement = sa.select(hold.c.id).where(_is_open())
    statement = statement.where(hold.c.run_id == run_id if run_id is not None else hold.c.expires_at <= origin.at)
    ids = tuple(connection.scalars(statement.order_by(hold.c.id)))
    for hold_id in ids:
        _resolve(connection, hold_id, "expire", 0, origin, "released by time")
    return ids


def open_hold_credits(connection: Connection, *, account: str, site: str | None = None) -> int:
    """Return the credits in open holds of an account, or of one of its sites."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(hold.c.credits), 0)).where(hold.c.account == account, _is_open())
    if site is not None:
        statement = statement.where(hold.c.site == site)
    return int(connection.scalar(statement) or 0)


def credits_used_since(connection: Connection, since: datetime, *, account: str, site: str | None = None) -> int:
    """Return the credits charged to an account, or to one of its sites, since an instant."""
    statement = sa.select(sa.func.coalesce(sa.func.sum(usage.c.credits), 0))
    statement = statement.where(usage.c.account == account, usage.c.at >= since)
    if site is not None:
        statement = statement.where(usage.c.site == site)
    return int(connection.scalar(statement) or 0)


def count_charges_since(connection: Connection, since: datetime, *, account: str, stage: str) -> int:
    """Return how many calls of a stage an account was charged for since an instant."""
    statement = sa.select(sa.func.count()).select_from(usage)
    statement = statement.where(usage.c.account == account, usage.c.stage == stage, usage.c.at >= since)
    return int(connection.scalar(statement) or 0)


def _is_open() -> sa.ColumnElement[bool]:
    return ~sa.exists().where(hold_resolution.c.hold_id == hold.c.id)


def _open_account(connection: Connection, account: str) -> None:
    """Make the account's row when it is missing; two that try at once end with one row."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        connection.execute(pg_insert(credit_account).values(account=account).on_conflict_do_nothing())
    else:
        connection.execute(credit_account.insert().prefix_with("OR IGNORE").values(account=account))


def _resolve(connection: Connection, hold_id: str, kind: TransferKind, taken: int, origin: Origin, reason: str) -> None:
    row = connection.execute(sa.select(hold).where(hold.c.id == hold_id)).one()
    lock_account(connection, row.account)
    first = connection.execute(sa.select(hold_resolution).where(hold_resolution.c.hold_id == hold_id)).one_or_none()
    if first is not None:
        if (first.kind, first.credits_taken) == (kind, taken):
            return
        raise ConflictError(f"hold {hold_id} was resolved already, by {first.kind}")
    legs = settle_postings(row.credits, taken) if kind == "settle" else release_postings(row.credits)
    connection.execute(hold_resolution.insert().values(hold_id=hold_id, kind=kind, credits_taken=taken, at=origin.at))
    credits = taken if kind == "settle" else row.credits
    _move(
        connection, kind, f"{kind}:{hold_id}", row.account, credits, legs, origin,
        site=row.site, run_id=row.run_id, hold_id=hold_id, reason=reason,
    )  # fmt: skip


def _move(
    connection: Connection, kind: TransferKind, key: str, account: str, credits: int, legs: Iterable[Posting],
    origin: Origin, *, site: str | None = None, run_id: int | None = None, hold_id: str | None = None, reason: str = "",
) -> bool:  # fmt: skip
    payload = digest([kind, account, credits, site, run_id, hold_id])
    known = connection.execute(sa.select(transfer.c.payload_digest).where(transfer.c.key == key)).scalar_one_or_none()
    if known is not None:
        if known != payload:
            raise ConflictError(f"the transfer {key} was made before, with another content")
        return False
    changes = {leg.book: leg.credits for leg in legs}
    updated = connection.execute(
        credit_account.update()
        .where(credit_account.c.account == account)
        .values({book: credit_account.c[book] + change for book, change in changes.items()})
        .returning(credit_account.c.available)
    )
    available_after = updated.scalar_one()
    transfer_id = connection.execute(
        transfer.insert()
        .values(
            key=key, payload_digest=payload, kind=kind, account=account, site=site, run_id=run_id, hold_id=hold_id,
            credits=credits, available_after=available_after, reason=reason, actor=origin.actor,
            generation=origin.generation, at=origin.at,
        )
        .returning(transfer.c.id)
    ).scalar_one()  # fmt: skip
    connection.execute(
        posting.insert(), [{"transfer_id": transfer_id, "book": book, "credits": c} for book, c in changes.items()]
    )
    return True


def find_breaks(connection: Connection) -> tuple[str, ...]:
    """Return every law of the ledger that does not hold, recomputed from the postings; () when all hold."""
    breaks: list[str] = []
    sums = sa.select(posting.c.transfer_id).group_by(posting.c.transfer_id).having(sa.func.sum(posting.c.credits) != 0)
    breaks += [f"transfer {row} does not sum to zero" for row in connection.scalars(sums)]
    books = sa.select(transfer.c.account, posting.c.book, sa.func.sum(posting.c.credits).label("credits"))
    books = books.join(transfer, transfer.c.id == posting.c.transfer_id).group_by(transfer.c.account, posting.c.book)
    posted = {(row.account, row.book): int(row.credits) for row in connection.execute(books)}
    for row in connection.execute(sa.select(credit_account)):
        for book in ("available", "held", "spent", "granted"):
            if getattr(row, book) != posted.get((row.account, book), 0):
                breaks.append(f"{row.account}: {book} is {getattr(row, book)}, its postings say otherwise")
        if row.held != open_hold_credits(connection, account=row.account):
            breaks.append(f"{row.account}: held differs from the open holds")
        used = credits_used_since(connection, datetime.fromisoformat("1970-01-01T00:00:00+00:00"), account=row.account)
        if row.spent != used:
            breaks.append(f"{row.account}: spent is {row.spent}, the usage lines say {used}")
    return tuple(breaks)
