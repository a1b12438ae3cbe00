"""What all processes share about a provider: its traffic, read from the attempts, and the gate of each of its models."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from reconciler.pipeline.flow import WINDOW, Gate, Sent, Traffic
from reconciler.store.engine import advisory_lock
from reconciler.store.tables import attempt, provider_gate


def lock_provider(connection: Connection, provider: str) -> None:
    """Let nobody else decide about the provider until the transaction ends."""
    advisory_lock(connection, f"igny8-provider:{provider}")


def traffic_of(connection: Connection, provider: str, model: str, now: datetime, *, timeout: timedelta) -> Traffic:
    """Return what goes on at a provider. What has been in flight for longer than a call can last is not counted."""
    columns = attempt.c
    real = sa.and_(columns.provider == provider, sa.not_(columns.simulated))
    tokens = sa.case(
        (columns.status == "pending", columns.estimated_tokens), else_=columns.input_tokens + columns.output_tokens
    )
    recent = sa.select(columns.started_at, columns.model, tokens.label("tokens"))
    recent = recent.where(real, columns.started_at > now - WINDOW - timedelta(seconds=1)).order_by(columns.started_at)
    rows = connection.execute(recent).all()
    flying = sa.select(sa.func.count()).select_from(attempt)
    flying = flying.where(real, columns.status == "pending", columns.started_at > now - timeout)
    return Traffic(
        tuple(Sent(row.started_at, int(row.tokens)) for row in rows),
        tuple(Sent(row.started_at, int(row.tokens)) for row in rows if row.model == model),
        int(connection.scalar(flying) or 0),
    )


def gate_of(connection: Connection, provider: str, model: str) -> Gate:
    """Return what is remembered of a provider's model; an open gate when nothing is."""
    where = (provider_gate.c.provider == provider, provider_gate.c.model == model)
    row = connection.execute(sa.select(provider_gate).where(*where)).one_or_none()
    if row is None:
        return Gate()
    return Gate(**{key: value for key, value in row._mapping.items() if key not in ("provider", "model")})


def keep_gate(connection: Connection, provider: str, model: str, gate: Gate) -> None:
    """Remember a gate; call it with the provider locked."""
    values = asdict(gate)
    where = (provider_gate.c.provider == provider, provider_gate.c.model == model)
    done = connection.execute(provider_gate.update().where(*where).values(**values))
    if done.rowcount == 0:
        connection.execute(provider_gate.insert().values(provider=provider, model=model, **values))
