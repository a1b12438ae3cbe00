"""Work: the items that the stages make of each other, from keywords to publications."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from reconciler.store.tables.columns import (
    Big,
    Instant,
    count_column,
    flag_column,
    item_table,
    metadata,
    publication_columns,
    revision_columns,
    row_id,
    state_check,
    text_column,
)

keyword = item_table(
    "keyword",
    Column("sector", Text, nullable=False),
    Column("term", Text, nullable=False),
    Column("volume", Integer),
    Column("difficulty", Integer),
    Column("intent", Text),
    Column("imported_at", Instant),
    Column("cluster_id", Big, ForeignKey("cluster.id")),
    Column("archived_at", Instant),
    UniqueConstraint("site", "term"),
    state_check("new", "clustered"),
)
cluster = item_table(
    "cluster",
    Column("sector", Text, nullable=False),
    Column("name", Text, nullable=False),
    text_column("description"),
    flag_column("simulated"),
    *revision_columns(),
    state_check("new", "ideas_generated"),
)
idea = item_table(
    "idea",
    Column("sector", Text, nullable=False),
    Column("cluster_id", Big, ForeignKey("cluster.id"), nullable=False),
    Column("title", Text, nullable=False),
    text_column("description"),
    Column("keyword", Text, nullable=False),
    Column("keywords", sa.JSON, nullable=False),
    Column("outline", sa.JSON, nullable=False),
    flag_column("is_owner"),
    flag_column("simulated"),
    *revision_columns(),
    state_check("new", "queued"),
)
_OWNS = sa.text("is_owner AND superseded_at IS NULL")
Index("uq_idea_owner", idea.c.cluster_id, unique=True, sqlite_where=_OWNS, postgresql_where=_OWNS)
task = item_table(
    "task",
    Column("sector", Text, nullable=False),
    Column("idea_id", Big, ForeignKey("idea.id"), nullable=False, unique=True),
    *revision_columns(),
    state_check("pending", "completed"),
)
content = item_table(
    "content",
    Column("sector", Text, nullable=False),
    Column("task_id", Big, ForeignKey("task.id"), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("slug", Text, nullable=False),
    text_column("excerpt"),
    text_column("meta_title"),
    text_column("meta_description"),
    Column("tags", sa.JSON, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("html", Text, nullable=False),
    count_column("words"),
    Column("model", Text, nullable=False),
    text_column("waits_for"),
    Column("approved_by", Text),
    Column("approved_at", Instant),
    Column("approved_hash", Text),
    Column("veto_until", Instant),
    Column("unscheduled_at", Instant),
    Column("archived_at", Instant),
    flag_column("prompts_written"),
    Column("checklist", sa.JSON(none_as_null=True)),
    flag_column("simulated"),
    UniqueConstraint("site", "slug"),
    *revision_columns(),
    state_check("draft", "review", "approved", "scheduled", "published", "failed"),
)
image_prompt = item_table(
    "image_prompt",
    Column("sector", Text, nullable=False),
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    text_column("caption"),
    Column("alt", Text, nullable=False),
    text_column("after_heading"),
    flag_column("simulated"),
    UniqueConstraint("content_id", "position"),
    *revision_columns(),
    state_check("pending", "done", "error"),
)
image = item_table(
    "image",
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("prompt_id", Big, ForeignKey("image_prompt.id"), nullable=False),
    Column("sha256", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("is_current", sa.Boolean, nullable=False, server_default=sa.true()),
    flag_column("simulated"),
    state_check("generated"),
)
publication = item_table(
    "publication",
    Column("content_id", Big, ForeignKey("content.id"), nullable=False, unique=True),
    Column("slot_at", Instant, nullable=False),
    flag_column("simulated"),
    *publication_columns(),
    UniqueConstraint("site", "slot_at"),
)

# What an article said before somebody, or a model, changed its text. Kept for good.
content_version = Table(
    "content_version",
    metadata,
    row_id(),
    Column("site", Text, nullable=False),
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    text_column("excerpt"),
    text_column("meta_title"),
    text_column("meta_description"),
    Column("markdown", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    text_column("change"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("content_id", "number"),
)

ITEMS: dict[str, Table] = {
    table.name: table for table in (keyword, cluster, idea, task, content, image_prompt, image, publication)
}
# Everything that a stage reads and writes: the items, and what is kept of them.
KEPT: dict[str, Table] = {**ITEMS, content_version.name: content_version}

# Items that stay on the revision that they were begun with: what it said, its parts stored once by their digest.
pinned_part = Table(
    "pinned_part",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("spec", Text, nullable=False),
)
pinned_revision = Table(
    "pinned_revision",
    metadata,
    Column("site", Text, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("parts", Text, nullable=False),
)
# Sites that take nothing new in until what they have begun is finished, so that a change can be applied.
site_drain = Table(
    "site_drain",
    metadata,
    Column("site", Text, primary_key=True),
    Column("requested_at", Instant, nullable=False),
    Column("requested_by", Text, nullable=False),
)
