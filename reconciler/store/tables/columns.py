"""What all tables are made of: types, naming, and columns that many have."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, Integer, MetaData, Table, Text
from sqlalchemy.engine import Dialect


class Instant(sa.TypeDecorator[datetime]):
    """An aware UTC instant; refuses a naive one."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a timezone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite autoincrements only a plain INTEGER; PostgreSQL gets 64 bits for what can grow large.
Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")
OPEN_RUN_STATES = ("running", "paused", "interrupted")


def row_id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


def count_column(name: str) -> Column[int]:
    return Column(name, Big, nullable=False, server_default="0")


def flag_column(name: str) -> Column[bool]:
    return Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def text_column(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def revision_columns() -> tuple[Column[Any], ...]:
    """Return what an item in flight says of its revision: which it stays on, and when another took its place."""
    return Column("pinned_generation", Integer), Column("superseded_at", Instant)


def state_check(*states: str) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(repr(state) for state in states)})", name="state")


def publication_columns() -> tuple[Column[Any] | CheckConstraint, ...]:
    """Return what is known of an article at one place: how far it got, and how it stands there."""
    return (
        state_check("scheduled", "publishing", "published", "withdrawn", "failed"),
        Column("key", Text, nullable=False, unique=True),
        text_column("remote_id"),
        text_column("url"),
        Column("published_at", Instant),
        text_column("target"),
        text_column("remote_state"),
        text_column("remote_version"),
        text_column("remote_fingerprint"),
        text_column("sent_digest"),
        text_column("sync_finding"),
        Column("next_attempt_at", Instant),
    )


def item_table(name: str, *columns: Any) -> Table:
    """Return a table of pipeline items: each belongs to a site, has a state, and remembers its failures."""
    return Table(
        name,
        metadata,
        row_id(),
        Column("site", Text, nullable=False),
        Column("state", Text, nullable=False),
        *columns,
        count_column("attempts"),
        text_column("error"),
        Column("set_aside_at", Instant),
        Column("created_at", Instant, nullable=False),
        Index(f"ix_{name}_pending", "site", "state", "id"),
    )
