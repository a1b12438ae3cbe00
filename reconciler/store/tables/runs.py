"""Runs, their stages, the calls they make, and what is known of the providers that are called."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from reconciler.store.tables.columns import (
    OPEN_RUN_STATES,
    Big,
    Instant,
    count_column,
    flag_column,
    metadata,
    row_id,
    text_column,
)

run = Table(
    "run",
    metadata,
    row_id(),
    Column("site", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("scheduled_for", Instant),
    Column("state", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("available_at_start", Big, nullable=False),
    count_column("credits_used"),
    text_column("owner"),
    Column("lease_until", Instant),
    count_column("fence"),
    text_column("note"),
    flag_column("simulated"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    text_column("asked"),
    Column("only_stage", Text),
    Column("only_items", sa.JSON),
    Column("credits_max", Big),
    CheckConstraint(
        "state IN ('running', 'paused', 'interrupted', 'completed', 'failed', 'cancelled')", name="state"
    ),
)  # fmt: skip
_OPEN = sa.text(f"state IN ({', '.join(repr(state) for state in OPEN_RUN_STATES)})")
Index("uq_run_open", run.c.site, unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_run_site", run.c.site, run.c.id)
stage_run = Table(
    "stage_run",
    metadata,
    row_id(),
    Column("run_id", Big, ForeignKey("run.id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    text_column("reason"),
    Column("budget_credits", Big),
    count_column("credits_used"),
    count_column("total"),
    count_column("taken"),
    count_column("done"),
    count_column("failed"),
    Column("started_at", Instant),
    Column("finished_at", Instant),
    UniqueConstraint("run_id", "stage"),
    CheckConstraint("state IN ('running', 'completed', 'stopped', 'skipped')", name="state"),
)
attempt = Table(
    "attempt",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Big, ForeignKey("run.id"), nullable=False),
    Column("stage_run_id", Big, ForeignKey("stage_run.id"), nullable=False),
    Column("account", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("function", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("item_kind", Text, nullable=False),
    Column("item_ids", sa.JSON, nullable=False),
    Column("hold_id", Text, nullable=False),
    Column("number", Integer, nullable=False, server_default="1"),
    Column("phase", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("estimated_cost_nano", Big, nullable=False),
    count_column("estimated_tokens"),
    count_column("input_tokens"),
    count_column("cached_input_tokens"),
    count_column("output_tokens"),
    count_column("images"),
    count_column("cache_write_tokens"),
    count_column("reasoning_tokens"),
    count_column("image_input_tokens"),
    count_column("image_output_tokens"),
    count_column("cost_nano"),
    text_column("cost_basis"),
    text_column("error_class"),
    text_column("error"),
    text_column("payload_summary"),
    text_column("result_summary"),
    text_column("provider_request_id"),
    text_column("provider_task"),
    text_column("notes"),
    Column("prompt", Text),
    Column("answer", Text),
    Column("payload_until", Instant),
    flag_column("simulated"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("status IN ('pending', 'success', 'error', 'lost')", name="status"),
    CheckConstraint("phase IN ('INIT', 'CALL', 'SAVE', 'DONE')", name="phase"),
    Index("ix_attempt_run", "run_id", "status"),
    Index("ix_attempt_provider", "provider", "started_at"),
)
_PENDING = sa.text("status = 'pending'")
Index("ix_attempt_pending", attempt.c.provider, attempt.c.started_at, sqlite_where=_PENDING, postgresql_where=_PENDING)

# What is known of the providers, shared by all processes: breaker and limits of each model.
provider_gate = Table(
    "provider_gate",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    count_column("failures"),
    count_column("opened"),
    Column("open_until", Instant),
    Column("probe_until", Instant),
    text_column("reason"),
    Column("requests_left", Big),
    Column("requests_reset_at", Instant),
    Column("tokens_left", Big),
    Column("tokens_reset_at", Instant),
    Column("seen_at", Instant),
)
