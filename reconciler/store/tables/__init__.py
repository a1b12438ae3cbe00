"""All tables. Resources live in one generic table; what runs, is charged and is published has typed tables.

Instants are UTC. Money is integers: credits, or nano-USD. Constraints carry the promises: a balance is never negative,
the books of an account sum to zero, a hold is resolved once, a slot holds one article, a site has one open run.
"""

from reconciler.store.tables.claims import claim
from reconciler.store.tables.columns import OPEN_RUN_STATES, Instant, metadata
from reconciler.store.tables.history import history, history_change, quarantine, resource_version
from reconciler.store.tables.identity import former_name
from reconciler.store.tables.items import (
    ITEMS,
    KEPT,
    cluster,
    content,
    content_version,
    idea,
    image,
    image_prompt,
    keyword,
    pinned_part,
    pinned_revision,
    publication,
    site_drain,
    task,
)
from reconciler.store.tables.locks import installation, lease, used_plan
from reconciler.store.tables.money import (
    budget_alert,
    budget_window,
    credit_account,
    credit_lot,
    hold,
    hold_resolution,
    posting,
    transfer,
    usage,
)
from reconciler.store.tables.notices import notification
from reconciler.store.tables.outbox import outbox
from reconciler.store.tables.remote import publication_copy, remote_media, site_sync, sync_event
from reconciler.store.tables.resources import forecast, resource, resource_hold
from reconciler.store.tables.review import content_decision
from reconciler.store.tables.runs import attempt, provider_gate, run, stage_run

__all__ = [
    "ITEMS",
    "KEPT",
    "OPEN_RUN_STATES",
    "Instant",
    "attempt",
    "budget_alert",
    "budget_window",
    "claim",
    "cluster",
    "content",
    "content_decision",
    "content_version",
    "credit_account",
    "credit_lot",
    "forecast",
    "former_name",
    "history",
    "history_change",
    "hold",
    "hold_resolution",
    "idea",
    "image",
    "image_prompt",
    "installation",
    "keyword",
    "lease",
    "metadata",
    "notification",
    "outbox",
    "pinned_part",
    "pinned_revision",
    "posting",
    "provider_gate",
    "publication",
    "publication_copy",
    "quarantine",
    "remote_media",
    "resource",
    "resource_hold",
    "resource_version",
    "run",
    "site_drain",
    "site_sync",
    "stage_run",
    "sync_event",
    "task",
    "transfer",
    "usage",
    "used_plan",
]
