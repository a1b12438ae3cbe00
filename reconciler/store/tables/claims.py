"""Claims: the calls that a stage of a run has left to make, and which process makes which of them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from reconciler.store.tables.columns import Big, Instant, metadata, text_column

# A unit is what one call is made for. It is laid out when its batch begins and goes in the transaction that settles it.
claim = Table(
    "claim",
    metadata,
    Column("stage_run_id", Big, ForeignKey("stage_run.id"), primary_key=True, autoincrement=False),
    Column("unit", Integer, primary_key=True, autoincrement=False),
    Column("run_id", Big, ForeignKey("run.id"), nullable=False, index=True),
    Column("item_ids", sa.JSON, nullable=False),
    text_column("owner"),
    Column("lease_until", Instant),
    Column("fence", Big, nullable=False),
    Column("attempt_id", Text),
)
