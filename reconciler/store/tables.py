"""All tables. Resources live in one generic table; what runs, is charged and is published has typed tables.

Instants are UTC. Money is integers: credits, or nano-USD. Constraints carry the promises: a balance is never negative,
the books of an account sum to zero, a hold is resolved once, a slot holds one article, a site has one open run.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, Text, UniqueConstraint
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


def _id() -> Column[int]:
    return Column("id", Big, primary_key=True, autoincrement=True)


def _count(name: str) -> Column[int]:
    return Column(name, Big, nullable=False, server_default="0")


def _flag(name: str) -> Column[bool]:
    return Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _state_check(*states: str) -> CheckConstraint:
    return CheckConstraint(f"state IN ({', '.join(repr(state) for state in states)})", name="state")


def _item(name: str, *columns: Any) -> Table:
    """Return a table of pipeline items: each belongs to a site, has a state, and remembers its failures."""
    return Table(
        name,
        metadata,
        _id(),
        Column("site", Text, nullable=False),
        Column("state", Text, nullable=False),
        *columns,
        _count("attempts"),
        _text("error"),
        Column("set_aside_at", Instant),
        Column("created_at", Instant, nullable=False),
        Index(f"ix_{name}_pending", "site", "state", "id"),
    )


# What is declared, and how it came to be.
resource = Table(
    "resource",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("generation", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("applied_spec", Text, nullable=False),
    Column("applied_digest", Text, nullable=False),
    Column("applied_at", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    _flag("protected"),
)
history = Table(
    "history",
    metadata,
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    _text("revision"),
    Column("config_digest", Text, nullable=False),
    _text("reason"),
    Column("plan", Text, nullable=False),
)

# Work.
keyword = _item(
    "keyword",
    Column("sector", Text, nullable=False),
    Column("term", Text, nullable=False),
    Column("volume", Integer),
    Column("intent", Text),
    Column("cluster_id", Big, ForeignKey("cluster.id")),
    Column("archived_at", Instant),
    UniqueConstraint("site", "term"),
    _state_check("new", "clustered"),
)
cluster = _item(
    "cluster",
    Column("sector", Text, nullable=False),
    Column("name", Text, nullable=False),
    _text("description"),
    _flag("simulated"),
    _state_check("new", "ideas_generated"),
)
idea = _item(
    "idea",
    Column("sector", Text, nullable=False),
    Column("cluster_id", Big, ForeignKey("cluster.id"), nullable=False),
    Column("title", Text, nullable=False),
    _text("description"),
    Column("keyword", Text, nullable=False),
    Column("keywords", sa.JSON, nullable=False),
    Column("outline", sa.JSON, nullable=False),
    _flag("simulated"),
    _state_check("new", "queued"),
)
task = _item(
    "task",
    Column("sector", Text, nullable=False),
    Column("idea_id", Big, ForeignKey("idea.id"), nullable=False, unique=True),
    _state_check("pending", "completed"),
)
content = _item(
    "content",
    Column("sector", Text, nullable=False),
    Column("task_id", Big, ForeignKey("task.id"), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("slug", Text, nullable=False),
    _text("excerpt"),
    _text("meta_title"),
    _text("meta_description"),
    Column("tags", sa.JSON, nullable=False),
    Column("markdown", Text, nullable=False),
    Column("html", Text, nullable=False),
    _count("words"),
    Column("model", Text, nullable=False),
    _text("waits_for"),
    Column("approved_by", Text),
    Column("approved_at", Instant),
    _flag("prompts_written"),
    _flag("simulated"),
    UniqueConstraint("site", "slug"),
    _state_check("draft", "review", "approved", "scheduled", "published", "failed"),
)
image_prompt = _item(
    "image_prompt",
    Column("sector", Text, nullable=False),
    Column("content_id", Big, ForeignKey("content.id"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    _text("caption"),
    Column("alt", Text, nullable=False),
    _text("after_heading"),
    _flag("simulated"),
    UniqueConstraint("content_id", "position"),
    _state_check("pending", "done", "error"),
)
image = _item(
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
    _flag("simulated"),
    _state_check("generated"),
)
publication = _item(
    "publication",
    Column("content_id", Big, ForeignKey("content.id"), nullable=False, unique=True),
    Column("slot_at", Instant, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    _text("remote_id"),
    _text("url"),
    Column("published_at", Instant),
    _flag("simulated"),
    UniqueConstraint("site", "slot_at"),
    _state_check("scheduled", "publishing", "published", "failed"),
)

# Runs.
run = Table(
    "run",
    metadata,
    _id(),
    Column("site", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("scheduled_for", Instant),
    Column("state", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("available_at_start", Big, nullable=False),
    _count("credits_used"),
    _text("owner"),
    Column("lease_until", Instant),
    _count("fence"),
    _text("note"),
    _flag("simulated"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
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
    _id(),
    Column("run_id", Big, ForeignKey("run.id"), nullable=False),
    Column("stage", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("state", Text, nullable=False),
    _text("reason"),
    Column("budget_credits", Big),
    _count("credits_used"),
    _count("total"),
    _count("taken"),
    _count("done"),
    _count("failed"),
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
    _count("estimated_tokens"),
    _count("input_tokens"),
    _count("cached_input_tokens"),
    _count("output_tokens"),
    _count("images"),
    _count("cache_write_tokens"),
    _count("reasoning_tokens"),
    _count("image_input_tokens"),
    _count("image_output_tokens"),
    _count("cost_nano"),
    _text("cost_basis"),
    _text("error_class"),
    _text("error"),
    _text("payload_summary"),
    _text("result_summary"),
    _text("provider_request_id"),
    _text("provider_task"),
    _text("notes"),
    Column("prompt", Text),
    Column("answer", Text),
    Column("payload_until", Instant),
    _flag("simulated"),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    CheckConstraint("status IN ('pending', 'success', 'error', 'lost')", name="status"),
    CheckConstraint("phase IN ('INIT', 'CALL', 'SAVE', 'DONE')", name="phase"),
    Index("ix_attempt_run", "run_id", "status"),
    Index("ix_attempt_provider", "provider", "started_at"),
)

# Money. Four books an account; a transfer moves credits between two of them.
credit_account = Table(
    "credit_account",
    metadata,
    Column("account", Text, primary_key=True),
    _count("available"),
    _count("held"),
    _count("spent"),
    _count("granted"),
    CheckConstraint("available >= 0", name="available"),
    CheckConstraint("held >= 0", name="held"),
    CheckConstraint("spent >= 0", name="spent"),
    CheckConstraint("available + held + spent + granted = 0", name="balanced"),
)
transfer = Table(
    "transfer",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),
    Column("payload_digest", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("account", Text, ForeignKey("credit_account.account"), nullable=False),
    Column("site", Text),
    Column("run_id", Big),
    Column("hold_id", Text),
    Column("credits", Big, nullable=False),
    Column("available_after", Big, nullable=False),
    _text("reason"),
    Column("actor", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('grant', 'hold', 'settle', 'void', 'expire')", name="kind"),
    CheckConstraint("credits >= 0", name="credits"),
    Index("ix_transfer_account", "account", "id"),
)
posting = Table(
    "posting",
    metadata,
    Column("transfer_id", Big, ForeignKey("transfer.id"), primary_key=True),
    Column("book", Text, primary_key=True),
    Column("credits", Big, nullable=False),
    CheckConstraint("book IN ('available', 'held', 'spent', 'granted')", name="book"),
)
hold = Table(
    "hold",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("credit_account.account"), nullable=False),
    Column("site", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("run_id", Big, ForeignKey("run.id"), nullable=False),
    Column("credits", Big, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Index("ix_hold_account", "account"),
    Index("ix_hold_run", "run_id"),
)
hold_resolution = Table(
    "hold_resolution",
    metadata,
    Column("hold_id", Text, ForeignKey("hold.id"), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("credits_taken", Big, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("kind IN ('settle', 'void', 'expire')", name="kind"),
)
usage = Table(
    "usage",
    metadata,
    _id(),
    Column("attempt_id", Text, ForeignKey("attempt.id"), nullable=False, unique=True),
    Column("account", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("run_id", Big, nullable=False),
    Column("stage", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("item_kind", Text, nullable=False),
    Column("item_ids", sa.JSON, nullable=False),
    _count("input_tokens"),
    _count("cached_input_tokens"),
    _count("output_tokens"),
    _count("images"),
    _count("cache_write_tokens"),
    _count("reasoning_tokens"),
    _count("image_input_tokens"),
    _count("image_output_tokens"),
    _count("cost_in_nano"),
    _count("cost_out_nano"),
    _count("cost_nano"),
    Column("cost_basis", Text, nullable=False),
    _count("credits"),
    _count("absorbed_credits"),
    Column("credit_value_nano", Big, nullable=False),
    _count("revenue_nano"),
    Column("rates", sa.JSON, nullable=False),
    Column("generation", Integer, nullable=False),
    _flag("simulated"),
    Column("at", Instant, nullable=False),
    Column("day", Text, nullable=False),
    Index("ix_usage_site", "site", "at"),
    Index("ix_usage_account", "account", "at"),
)

# What is known of the providers, shared by all processes: breaker and limits of each model.
provider_gate = Table(
    "provider_gate",
    metadata,
    Column("provider", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    _count("failures"),
    _count("opened"),
    Column("open_until", Instant),
    Column("probe_until", Instant),
    _text("reason"),
    Column("requests_left", Big),
    Column("requests_reset_at", Instant),
    Column("tokens_left", Big),
    Column("tokens_reset_at", Instant),
    Column("seen_at", Instant),
)

# What people are told.
notification = Table(
    "notification",
    metadata,
    _id(),
    Column("event", Text, nullable=False),
    Column("account", Text),
    Column("site", Text),
    Column("run_id", Big),
    Column("text", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Instant, nullable=False),
    Column("fence", Big, nullable=False),
)

ITEMS: dict[str, Table] = {
    table.name: table for table in (keyword, cluster, idea, task, content, image_prompt, image, publication)
}
