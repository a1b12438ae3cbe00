"""Stage 3: each new idea becomes a task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reconciler.kinds.extensions import StageDeclaration
from reconciler.pipeline.port import Insert, ItemReader, LocalStage, Outcome, Row, SiteContext, Update


class Tasks(LocalStage):
    """Ideas to tasks, one each."""

    declaration = StageDeclaration(
        "tasks", 3, "Tasks", "ideas", "ideas", "planner", None, 20, 0, sentence="Queued {done}", noun="idea"
    )
    item_kind = "idea"
    pending: Row = {"state": "new"}

    def work(self, context: SiteContext, items: Sequence[Row], reader: ItemReader, now: datetime) -> Outcome:
        writes: list[Insert | Update] = []
        for item in items:
            writes.append(Insert("task", {"idea_id": item["id"], "sector": item["sector"], "state": "pending"}))
            writes.append(Update("idea", int(item["id"]), {"state": "queued"}))
        return Outcome(tuple(writes), tuple(int(item["id"]) for item in items), summary=f"{len(items)} tasks")
