"""Books to report on: rows put straight into the tables, with their parents before them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

import sqlalchemy as sa

from reconciler.money import parse_usd
from reconciler.store.engine import Database
from reconciler.store.tables import (
    attempt,
    cluster,
    content,
    credit_account,
    idea,
    publication,
    run,
    stage_run,
    task,
    usage,
)

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


@dataclass
class Books:
    """Writes the rows that reports read, with their parents before them."""

    database: Database
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    runs: dict[str, int] = field(default_factory=dict)

    def insert(self, table: sa.Table, **values: Any) -> Any:
        with self.database.write() as connection:
            key = connection.execute(table.insert().values(**values)).inserted_primary_key
        return key[0] if key else None

    def account(self, name: str, *, granted: int, spent: int = 0, held: int = 0) -> None:
        available = granted - spent - held
        self.insert(credit_account, account=name, granted=-granted, spent=spent, held=held, available=available)

    def run(self, site: str, account: str) -> int:
        if site not in self.runs:
            self.runs[site] = self.insert(
                run, site=site, account=account, trigger="manual", state="completed", generation=1,
                available_at_start=100, started_at=NOON,
            )  # fmt: skip
        return self.runs[site]

    def attempt(
        self, status: str, *, site: str, account: str, stage: str, model: str, at: datetime, **values: Any
    ) -> str:
        run_id, number = self.run(site, account), next(self.numbers)
        with self.database.read() as connection:
            known = sa.select(stage_run.c.id).where(stage_run.c.run_id == run_id, stage_run.c.stage == stage)
            stage_run_id = connection.scalar(known)
        stage_run_id = stage_run_id or self.insert(
            stage_run, run_id=run_id, stage=stage, number=1, state="completed"
        )  # fmt: skip
        return str(
            self.insert(
                attempt, id=f"attempt-{number}", run_id=run_id, stage_run_id=stage_run_id, account=account, site=site,
                stage=stage, function="call", operation="call", provider="offline", model=model, item_kind="task",
                item_ids=[number], hold_id=f"hold-{number}", phase="DONE", status=status, estimated_cost_nano=0,
                started_at=at, **values,
            )
        )  # fmt: skip

    def failure(
        self, status: str, *, cost: str, site: str = "acme", account: str = "agency", stage: str = "content",
        model: str = "gpt-5.1", at: datetime = NOON, found_at: datetime | None = None, simulated: bool = False,
    ) -> None:  # fmt: skip
        self.attempt(
            status, site=site, account=account, stage=stage, model=model, at=at, cost_nano=parse_usd(cost),
            finished_at=found_at or at, simulated=simulated, input_tokens=999,
        )  # fmt: skip

    def call(
        self, *, cost: str, credits: int, credit_value: str = "0.02", site: str = "acme", account: str = "agency",
        stage: str = "content", operation: str = "content_generation", model: str = "gpt-5.1", at: datetime = NOON,
        tokens: tuple[int, int] = (0, 0), cached: int = 0, images: int = 0, absorbed: int = 0, simulated: bool = False,
    ) -> None:  # fmt: skip
        attempt_id = self.attempt("success", site=site, account=account, stage=stage, model=model, at=at)
        value = parse_usd(credit_value)
        self.insert(
            usage, attempt_id=attempt_id, account=account, site=site, run_id=self.run(site, account), stage=stage,
            operation=operation, provider="offline", model=model, item_kind="task", item_ids=[1],
            input_tokens=tokens[0], cached_input_tokens=cached, output_tokens=tokens[1], images=images,
            cost_out_nano=parse_usd(cost), cost_nano=parse_usd(cost), cost_basis="computed", credits=credits,
            absorbed_credits=absorbed, credit_value_nano=value, revenue_nano=credits * value, rates={}, generation=1,
            simulated=simulated, at=at, day=at.astimezone(UTC).date().isoformat(),
        )  # fmt: skip

    def image(self, **values: Any) -> None:
        """A dall-e-3 image as in the domain: $0.040, sold for 5 credits at $0.02."""
        self.call(
            **{"cost": "0.040", "credits": 5, "stage": "images", "operation": "image_generation", "model": "dall-e-3",
               "images": 1, **values}
        )  # fmt: skip

    def article(
        self, state: str, *, site: str = "acme", account: str = "agency", at: datetime = NOON,
        slot_at: datetime | None = None, publication_state: str = "scheduled", simulated: bool = False,
    ) -> None:  # fmt: skip
        self.run(site, account)
        number = next(self.numbers)
        item: dict[str, Any] = {"site": site, "created_at": at}
        cluster_id = self.insert(cluster, **item, state="new", sector="s", name="c")
        idea_id = self.insert(
            idea, **item, state="queued", sector="s", cluster_id=cluster_id, title="t", keyword="k", keywords=[],
            outline=[],
        )  # fmt: skip
        task_id = self.insert(task, **item, state="completed", sector="s", idea_id=idea_id)
        content_id = self.insert(
            content, **item, state=state, sector="s", task_id=task_id, title="t", slug=f"article-{number}", tags=[],
            markdown="", html="", model="gpt-5.1", simulated=simulated,
        )  # fmt: skip
        if slot_at is not None:
            self.insert(
                publication, **item, content_id=content_id, slot_at=slot_at, key=f"key-{number}",
                state=publication_state,
            )  # fmt: skip
