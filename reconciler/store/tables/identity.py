"""The names that resources had before."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table, Text

from reconciler.store.tables.columns import Instant, metadata

# A rename is told by the generation that made it: until then the resource with this uid had this name.
former_name = Table(
    "former_name",
    metadata,
    Column("uid", Text, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("renamed_to", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
