"""What a run would take and cost, stage by stage, without a write and without a call."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from reconciler.kinds.site import StageSettings
from reconciler.kinds.strategy import WordCount
from reconciler.ledger.estimate import stage_budget
from reconciler.ledger.pricing import credits_of
from reconciler.operations.admission import Request, draft_request
from reconciler.operations.attempt import Call, CallEnd, Try
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.engine import Engine
from reconciler.operations.executor import units_of
from reconciler.operations.limits import tier_quota_left
from reconciler.operations.run import Scope, Wanted
from reconciler.pipeline.decisions import batches, choose_model
from reconciler.pipeline.port import Row, SiteContext, Stage
from reconciler.pipeline.stages import STAGES
from reconciler.plan.forecast import (
    OUTPUT_TOKENS_PER_CLUSTERING,
    OUTPUT_TOKENS_PER_IDEAS,
    OUTPUT_TOKENS_PER_IMAGE_PROMPTS,
    OUTPUT_TOKENS_PER_WORD_TENTHS,
)
from reconciler.store.engine import Connection
from reconciler.store.items import SiteItems
from reconciler.store.keywords import keywords_to_come
from reconciler.store.ledger import balance_of, mean_credits_since
from reconciler.store.runs import HELPER, RunLease
from reconciler.usage import Usage

# What calls cost lately is told by the last 30 days.
_LATELY = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class StageForecast:
    """A stage of a run that is not made. `basis` says what the expected credits come from: history or typical answers.

    `worst_credits` is the sum of what the calls would hold; the budget may stop the stage before.
    """

    stage: str
    title: str
    skipped: str = ""
    model: str = ""
    items: int = 0
    calls: int = 0
    item_ids: tuple[int, ...] = ()
    worst_credits: int = 0
    expected_credits: int = 0
    basis: str = ""
    budget_credits: int | None = None
    refusal: str = ""

    @property
    def note(self) -> str:
        """Return what keeps the stage, or a part of it, from being made."""
        if self.skipped or self.refusal:
            return self.skipped or self.refusal
        if self.budget_credits is not None and self.worst_credits > self.budget_credits:
            return "the budget may stop it"
        return ""


@dataclass(frozen=True, slots=True)
class RunForecast:
    """A run that is not made."""

    site: str
    account: str
    available_credits: int
    credits_max: int | None
    stages: tuple[StageForecast, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        stages = [asdict(stage) | {"note": stage.note} for stage in self.stages]
        return asdict(self) | {
            "stages": stages,
            "worst_credits": sum(stage.worst_credits for stage in self.stages),
            "expected_credits": sum(stage.expected_credits for stage in self.stages),
        }


def forecast_runs(engine: Engine, wanted: Sequence[Wanted]) -> tuple[RunForecast, ...]:
    """Return what runs would take of what is pending now; what their earlier stages make comes on top."""
    with engine.database.read() as connection:
        contexts = load_contexts(connection)
        return tuple(_forecast(engine, connection, context_of(contexts, item.site), item.scope) for item in wanted)


def _forecast(engine: Engine, connection: Connection, context: SiteContext, scope: Scope) -> RunForecast:
    available = balance_of(connection, context.account.name).available
    stages = tuple(
        _forecast_stage(engine, connection, context, stage, scope, available)
        for stage in STAGES
        if scope.stage in (None, stage.declaration.key)
    )
    return RunForecast(context.site.name, context.account.name, available, scope.credits_max, stages)


def _forecast_stage(
    engine: Engine, connection: Connection, context: SiteContext, stage: Stage, scope: Scope, available: int
) -> StageForecast:
    declaration, settings = stage.declaration, context.settings(stage.declaration)
    name = (declaration.key, declaration.title)
    idle = context.why_off(declaration) or stage.why_idle(context)
    if idle:
        return StageForecast(*name, skipped=idle)
    items = _items(engine, connection, context, stage, scope, settings)
    ids = tuple(int(item["id"]) for item in items if item["id"])
    if declaration.function is None:
        return StageForecast(*name, items=len(items), item_ids=ids)
    chosen = choose_model(context, declaration)
    if isinstance(chosen, str):
        return StageForecast(*name, items=len(items), item_ids=ids, refusal=chosen)
    budget = None if settings.budget_pct is None else stage_budget(available, settings.budget_pct)
    worst = expected = calls = 0
    since = engine.clock.now() - _LATELY
    mean = mean_credits_since(connection, since, site=context.site.name, stage=declaration.key, model=chosen.name)
    for group in _groups(stage, items, settings):
        request = draft_request(_call(engine, context, stage, group), chosen, Try())
        if isinstance(request, CallEnd):
            return StageForecast(*name, model=chosen.name, items=len(items), item_ids=ids, refusal=request.refusal)
        calls += 1
        worst += _worst(request)
        expected += credits_of(_typical(context, stage, request), request.rates)
    if mean is not None:
        expected = min(worst, -(-mean[0] * calls // mean[1]))
    return StageForecast(
        *name, model=chosen.name, items=len(items), calls=calls, item_ids=ids, worst_credits=worst,
        expected_credits=expected, basis="history" if mean else "typical", budget_credits=budget,
    )  # fmt: skip


def _items(
    engine: Engine, connection: Connection, context: SiteContext, stage: Stage, scope: Scope, settings: StageSettings
) -> Sequence[Row]:
    reader = SiteItems(connection, context.site.name)
    if scope.items is not None:
        return reader.among(stage.item_kind, scope.items, stage.pending)
    items = list(reader.pending(stage.item_kind, stage.pending))
    if stage.item_kind == "keyword":
        # A run takes in what was declared since the last one.
        items += keywords_to_come(connection, context.site)
    items = items[: settings.per_run_limit or None]
    quota = tier_quota_left(connection, context, stage, engine.clock.now())
    return items if quota is None else items[:quota]


def _groups(stage: Stage, items: Sequence[Row], settings: StageSettings) -> Iterator[list[Row]]:
    """Yield the items of each call."""
    for batch in batches(stage.declaration, items, settings.batch_size):
        start = 0
        for unit in units_of(stage, batch):
            yield batch[start : start + len(unit)]
            start += len(unit)


def _call(engine: Engine, context: SiteContext, stage: Stage, items: Sequence[Row]) -> Call:
    lease = RunLease(0, context.site.name, context.account.name, "", HELPER, 0)
    return Call(engine.database, engine.clock, engine.pool, engine.media, context, lease, stage, 0, items, engine.stop,
                rng=random.Random(0))  # fmt: skip


def _worst(request: Request) -> int:
    if request.chosen.model.type == "image":
        return credits_of(Usage(images=1), request.rates)
    return credits_of(Usage(request.input_tokens, 0, request.max_tokens), request.rates)


def _typical(context: SiteContext, stage: Stage, request: Request) -> Usage:
    """Return the usage of a call whose answer is as long as the plan's forecast takes such answers to be."""
    if request.chosen.model.type == "image":
        return Usage(images=1)
    words = (context.strategy.word_count if context.strategy else WordCount()).max
    answers = {
        "clusters": OUTPUT_TOKENS_PER_CLUSTERING,
        "ideas": OUTPUT_TOKENS_PER_IDEAS,
        "content": words * OUTPUT_TOKENS_PER_WORD_TENTHS // 10,
        "prompts": OUTPUT_TOKENS_PER_IMAGE_PROMPTS,
    }
    answer = answers.get(stage.declaration.key, request.max_tokens)
    return Usage(request.input_tokens, 0, min(answer, request.max_tokens))
