"""What all processes share about a provider: its traffic, read from the attempts, and the gate of each of its models."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam

from reconciler.pipeline.flow import WINDOW, Gate, Sent, Traffic
from reconciler.store.engine import advisory_lock
from reconciler.store.statements import run
from reconciler.store.tables import Instant, attempt, provider_gate


def lock_provider(connection: Connection, provider: str) -> None:
    """Let nobody else decide about the provider until the transaction ends."""
    advisory_lock(connection, f"igny8-provider:{provider}")


def traffic_of(
    connection: Connection, provider: str, model: str, now: datetime, *, timeout: timedelta, with_sent: bool = True
) -> Traffic:
    """Return what goes on at a provider. What has been in flight for longer than a call can last is not counted.

    Without `with_sent` only what is in flight is counted: where nothing limits them, nobody has to look at the others.
    """
    at = {"of_provider": provider, "since": now - timeout}
    in_flight = int(run(connection, _IN_FLIGHT, at).scalar_one())
    if not with_sent:
        return Traffic((), (), in_flight)
    rows = connection.execute(_SENT, at | {"since": now - WINDOW - timedelta(seconds=1)}).all()
    return Traffic(
        tuple(Sent(row.started_at, int(row.tokens)) for row in rows),
        tuple(Sent(row.started_at, int(row.tokens)) for row in rows if row.model == model),
        in_flight,
    )


def gate_of(connection: Connection, provider: str, model: str) -> Gate:
    """Return what is remembered of a provider's model; an open gate when nothing is."""
    row = connection.execute(_GATE, {"of_provider": provider, "of_model": model}).one_or_none()
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


_COLUMNS = attempt.c
_REAL = (_COLUMNS.provider == bindparam("of_provider"), sa.not_(_COLUMNS.simulated))
_IS_PENDING = _COLUMNS.status == sa.literal_column("'pending'")
_SENT = (
    sa.select(
        _COLUMNS.started_at,
        _COLUMNS.model,
        sa.case((_IS_PENDING, _COLUMNS.estimated_tokens), else_=_COLUMNS.input_tokens + _COLUMNS.output_tokens).label(
            "tokens"
        ),
    )
    .where(*_REAL, _COLUMNS.started_at > bindparam("since", type_=Instant))
    .order_by(_COLUMNS.started_at)
)
_IN_FLIGHT = (
    sa.select(sa.func.count())
    .select_from(attempt)
    .where(*_REAL, _IS_PENDING, _COLUMNS.started_at > bindparam("since", type_=Instant))
)
_GATE = sa.select(provider_gate).where(
    provider_gate.c.provider == bindparam("of_provider"), provider_gate.c.model == bindparam("of_model")
)
