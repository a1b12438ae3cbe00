"""Functions on an article that is there, asked for by a person: what one would cost, and making it.

Each is a run of its own with one stage, through the same calls, holds and records as every other run. It has the site
to itself while it lasts; one whose worker was lost is closed by whoever comes next, and is not gone on with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.errors import BlockedError, ConflictError, LockedError, UsageError
from reconciler.ledger.pricing import Rates, UnknownPriceError, credits_of, rates_of
from reconciler.operations.attempt import Call, CallEnd
from reconciler.operations.calls import call_model
from reconciler.operations.context import context_of, load_contexts
from reconciler.operations.engine import LEASE, Engine
from reconciler.operations.funding import fund
from reconciler.operations.limits import warn_when_low
from reconciler.operations.worker import is_gone, worker_name
from reconciler.pipeline.acceptance import current_checklist
from reconciler.pipeline.decisions import ChosenModel, choose_model
from reconciler.pipeline.improvements import IMPROVEMENTS, find_improvement
from reconciler.pipeline.improvements.port import Improvement
from reconciler.pipeline.port import Row, SiteContext
from reconciler.pipeline.rendering import render_prompt
from reconciler.providers.tokens import count_tokens, count_tokens_upper
from reconciler.store.engine import AlreadyThereError, Connection, Database
from reconciler.store.items import SiteItems, find_content
from reconciler.store.ledger import Origin, available_credits, balance_of, expire_holds
from reconciler.store.runs import (
    RunLease,
    end_run,
    end_stage,
    find_open_run,
    lose_attempts,
    notify,
    open_stage,
    start_run,
    take_over_run,
)
from reconciler.usage import Usage

TRIGGERS = tuple(item.declaration.key for item in IMPROVEMENTS)


@dataclass(frozen=True, slots=True)
class Offer:
    """What an improvement of an article would take: the model, and credits as a rule and at most."""

    content_id: int
    title: str
    site: str
    account: str
    model: str
    credits_expected: int
    credits_max: int
    available: int
    score: int
    is_approved: bool
    is_published: bool

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "id": self.content_id, "title": self.title, "site": self.site, "model": self.model, "score": self.score,
            "credits_expected": self.credits_expected, "credits_max": self.credits_max, "available": self.available,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Improved:
    """What became of an article. `reason` says why nothing did, "" when something did."""

    content_id: int
    run_id: int
    credits: int
    summary: str
    reason: str
    score: int
    state: str

    def to_json(self) -> dict[str, Any]:
        """Return the machine-readable form."""
        return {
            "id": self.content_id, "run": self.run_id, "credits": self.credits, "done": not self.reason,
            "summary": self.summary, "reason": self.reason, "score": self.score, "state": self.state,
        }  # fmt: skip


def offer(database: Database, content_id: int, key: str) -> Offer:
    """Return what an improvement would take, before anything is held.

    Raises UsageError when there is no such article or no prompt, ConflictError for an article that is still being made,
    BlockedError when a module is off or there is nothing to do.
    """
    with database.read() as connection:
        context, article, chosen = _ready(connection, content_id, key)
        stage = find_improvement(key)
        reader = SiteItems(connection, context.site.name)
        assert stage.declaration.function is not None
        prompt = render_prompt(
            context.prompts[stage.declaration.function.name], stage.inputs(context, [article], reader)
        )
        rates, most = _rates(chosen), context.site.ai.max_tokens
        most = min(most, chosen.model.max_output_tokens or most)
        likely = Usage(count_tokens(prompt), 0, min(most, stage.answer_tokens(article)))
        return Offer(
            content_id, str(article["title"]), context.site.name, context.account.name, chosen.name,
            credits_of(likely, rates), credits_of(Usage(count_tokens_upper(prompt), 0, most), rates),
            available_credits(connection).get(context.account.name, 0),
            current_checklist(context, article, reader).score,
            article["state"] in ("approved", "scheduled"), article["state"] == "published",
        )  # fmt: skip


def _rates(chosen: ChosenModel) -> Rates:
    try:
        return rates_of(chosen.name, chosen.model)
    except UnknownPriceError as error:
        raise BlockedError(str(error), hint="declare the price in models.yaml") from error


def _ready(connection: Connection, content_id: int, key: str) -> tuple[SiteContext, Row, ChosenModel]:
    """Return what the improvement needs, or raise why it cannot be."""
    stage = find_improvement(key)
    article = find_content(connection, content_id)
    if article is None or article["superseded_at"] is not None:
        raise UsageError(f"there is no content {content_id}", hint="`igny8 content list` shows the numbers")
    context = context_of(load_contexts(connection), str(article["site"]))
    reader = SiteItems(connection, context.site.name)
    function = stage.declaration.function
    assert function is not None
    why_off = context.why_off(stage.declaration)
    if why_off:
        raise BlockedError(f"{key} is not possible on {context.site.name}: {why_off}")
    if article["state"] == "draft":
        raise ConflictError(f"content {content_id} is still being made", hint="let the run finish it first")
    if reader.select("publication", ("id",), {"content_id": content_id, "state": "publishing"}):
        raise LockedError(f"content {content_id} is being published", hint="try again when it is public")
    if function.name not in context.prompts:
        raise UsageError(
            f"there is no prompt for {function.name}",
            hint=f"write prompts/{function.name.replace('_', '-')}.md with `function: {function.name}`, and apply",
        )
    nothing = stage.why_nothing(context, article, reader)
    if nothing:
        raise BlockedError(f"there is nothing to do on content {content_id}: {nothing}")
    chosen = choose_model(context, stage.declaration)
    if isinstance(chosen, str):
        raise BlockedError(chosen)
    return context, article, chosen


async def improve(engine: Engine, content_id: int, key: str) -> Improved:
    """Improve one article, in a run of its own; LockedError while the site is at work."""
    stage = find_improvement(key)
    with engine.database.read() as connection:
        context, _, chosen = _ready(connection, content_id, key)
    engine.pool.adapter_for(context, chosen)
    context, article, lease, stage_run_id = _begin(engine, content_id, stage)
    call = Call(
        engine.database, engine.clock, engine.pool, engine.media, context, lease, stage, stage_run_id, [article],
        engine.stop, engine.progress, engine.rng, engine.traces,
    )  # fmt: skip
    try:
        end = await call_model(call, lease_seconds=LEASE.total_seconds())
    except BaseException as error:
        _end(engine, context, lease, stage, stage_run_id, CallEnd(refusal=f"{type(error).__name__}: {error}"))
        raise
    _end(engine, context, lease, stage, stage_run_id, end)
    with engine.database.read() as connection:
        after = find_content(connection, content_id)
        assert after is not None
        score = current_checklist(context, after, SiteItems(connection, context.site.name)).score
    reason = "stopped by request" if end.was_stopped else end.refusal or ("" if end.done else end.reason)
    summary = end.reason if end.done else ""
    return Improved(content_id, lease.run_id, end.credits, summary, reason, score, str(after["state"]))


def _begin(engine: Engine, content_id: int, stage: Improvement) -> tuple[SiteContext, Row, RunLease, int]:
    """Open the run and its stage; what was asked is asked once more, now that nobody else can change the site's items."""
    now, key = engine.clock.now(), stage.declaration.key
    try:
        with engine.database.write() as connection:
            context, article, _ = _ready(connection, content_id, key)
            site, origin = context.site.name, Origin("run", now, context.generation)
            open_run = find_open_run(connection, site, lock=True)
            if open_run is not None and not close_if_left(connection, open_run, origin):
                raise LockedError(
                    f"run {open_run.id} of {site} is {open_run.state}",
                    hint="let it finish first: `igny8 runs list` shows it",
                )
            fund(connection, context.account, context.tier, origin)
            lease = start_run(
                connection,
                {
                    "site": site, "account": context.account.name, "trigger": key, "scheduled_for": None,
                    "generation": context.generation, "owner": worker_name(), "lease_until": now + LEASE,
                    "available_at_start": balance_of(connection, context.account.name).available,
                    "simulated": engine.pool.offline, "started_at": now,
                },
            )  # fmt: skip
            values = {"stage": key, "number": stage.declaration.number, "state": "running", "total": 1}
            record = open_stage(connection, lease.run_id, values | {"budget_credits": None, "started_at": now})
    except AlreadyThereError as error:
        raise LockedError(
            "another worker has just begun a run of the site", hint="try again when it has ended"
        ) from error
    return context, article, lease, int(record.id)


def _end(
    engine: Engine, context: SiteContext, lease: RunLease, stage: Improvement, stage_run_id: int, end: CallEnd
) -> None:
    now, declaration = engine.clock.now(), stage.declaration
    problem = end.refusal or ("stopped by request" if end.was_stopped else "") or ("" if end.done else end.reason)
    text = declaration.told(end.done, end.credits)
    with engine.database.write() as connection:
        end_stage(connection, stage_run_id, "stopped" if problem else "completed", reason=problem, now=now)
        warn_when_low(connection, context, now)
        notify(
            connection, f"ai_{declaration.key}_{'failed' if problem else 'success'}",
            f"{text}; {problem}" if problem else text, now,
            account=context.account.name, site=context.site.name, run_id=lease.run_id,
        )  # fmt: skip
        state = "cancelled" if end.was_stopped else "failed" if problem else "completed"
        end_run(connection, lease, state, now=now, note=problem[:500])


def is_improvement(open_run: Any) -> bool:
    """Tell whether a run is one of an improvement: nobody goes on with such a run."""
    return open_run.trigger in TRIGGERS


def close_if_left(connection: Connection, open_run: Any, origin: Origin) -> bool:
    """Close the run of an improvement whose worker is gone: its call is lost, its hold goes back. Tell whether it did."""
    is_left = open_run.lease_until is None or open_run.lease_until <= origin.at or is_gone(open_run.owner)
    if not is_improvement(open_run) or not is_left:
        return False
    lose_attempts(connection, open_run.id, origin.at)
    expire_holds(connection, origin, run_id=open_run.id)
    lease = take_over_run(
        connection, open_run.id, owner=worker_name(), lease_until=origin.at, generation=open_run.generation
    )
    end_run(connection, lease, "failed", now=origin.at, note="its worker stopped while it was at work")
    return True
