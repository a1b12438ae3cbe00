"""Runs migrations on the connection that `engine.upgrade_schema` hands over; nothing else calls it."""

from __future__ import annotations

from alembic import context

from reconciler.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
