"""Stage 7: articles in review are approved by machine where the site allows it, at once or after a hold, and take slots."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.approval import MACHINE, approve, hash_of, hold_for_veto, hold_of, taken_slots, told_of_hold
from reconciler.pipeline.port import Insert, ItemReader, LocalStage, Notice, Outcome, Row, SiteContext, Update


class Review(LocalStage):
    """Review to approved. Without auto_approval, or with something missing, an article waits and says for what."""

    declaration = StageDeclaration(
        "review", 7, "Review", "contents", "content", "writer", None, None, 10,
        sentence="Approved {done}", noun="article",
    )  # fmt: skip
    item_kind = "content"
    pending: Row = {"state": "review", "waits_for": ""}

    def why_idle(self, context: SiteContext) -> str:
        return "" if context.site.publishing.auto_approval else "auto_approval is off: a person approves"

    def work(self, context: SiteContext, items: Sequence[Row], reader: ItemReader, now: datetime) -> Outcome:
        writes: list[Insert | Update] = []
        done = tuple(int(item["id"]) for item in items)
        hold = hold_of(context)
        if hold is not None:
            until = now + hold
            held = tuple(hold_for_veto(item, until) for item in items)
            notice = Notice("approvals_held", told_of_hold(items, until))
            return Outcome(held, done, summary=f"{len(items)} held for a veto", notices=(notice,))
        taken = taken_slots(reader)
        for item in items:
            updates, _ = approve(context, item, of=hash_of(item, reader), by=MACHINE, now=now, taken=taken)
            writes += updates
        return Outcome(tuple(writes), done, summary=f"{len(items)} approved")
