"""One AI call from hold to settlement: two short transactions with the call between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from reconciler.clock import Clock
from reconciler.ids import derive_id
from reconciler.kinds.extensions import FunctionDeclaration
from reconciler.ledger.estimate import Admitted, Limits, Refused, admit_images, admit_text
from reconciler.ledger.pricing import Cost, Rates, UnknownPriceError, cost_of, credits_of, rates_of, revenue_of
from reconciler.money import NanoUsd, parse_usd
from reconciler.operations.limits import month_of
from reconciler.operations.providers import ProviderPool
from reconciler.pipeline.decisions import ChosenModel, choose_model
from reconciler.pipeline.port import ImageStage, MadeBy, Outcome, Picture, Row, SiteContext, Stage, TextStage
from reconciler.pipeline.rendering import render_prompt
from reconciler.providers.port import Completion, ImageAnswer, ImageRequest, Provider, TextRequest
from reconciler.providers.tokens import count_tokens_upper
from reconciler.store.engine import Connection, Database
from reconciler.store.items import SiteItems, carry_out, clear_failures, record_failure
from reconciler.store.ledger import (
    Hold,
    Origin,
    OverdrawnError,
    credits_used_since,
    lock_account,
    open_hold_credits,
    place_hold,
    settle,
    void,
)
from reconciler.store.media import inspect_picture, store_picture
from reconciler.store.runs import (
    RunLease,
    count_in_stage,
    finish_attempt,
    hold_lease,
    save_usage,
    stage_runs_of,
    start_attempt,
)
from reconciler.usage import Usage

_HOLD_SLACK = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Call:
    """What a call is about: items of a stage, in a run that this worker holds."""

    database: Database
    clock: Clock
    pool: ProviderPool
    media: Path
    context: SiteContext
    lease: RunLease
    stage: Stage
    stage_run_id: int
    items: Sequence[Row]

    @property
    def function(self) -> FunctionDeclaration:
        """Return the stage's AI function."""
        assert self.stage.declaration.function is not None
        return self.stage.declaration.function


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended: items done and failed, credits charged, why it failed, or why it did not go out."""

    done: int = 0
    failed: int = 0
    credits: int = 0
    reason: str = ""
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A call that was admitted: everything the request needs, and the hold behind it."""

    attempt_id: str
    hold: Hold
    chosen: ChosenModel
    rates: Rates
    prompt: str
    inputs: Mapping[str, Any]
    max_tokens: int


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back, the same for text and images."""

    raw: Completion | ImageAnswer
    picture: Picture | None
    problem: str


async def call_model(call: Call, *, lease_seconds: float) -> CallEnd:
    """Make one call for the items and carry out what it brings; a call that does not fit the credits is refused."""
    chosen = choose_model(call.context, call.stage.declaration)
    if isinstance(chosen, str):
        return CallEnd(refusal=chosen)
    adapter = call.pool.adapter_for(call.context, chosen)
    # Lease and hold outlive the longest call, so that nobody takes over or releases what is still in flight.
    lease_seconds += call.context.providers.providers[chosen.model.provider].limits.timeout_seconds
    prepared = _prepare(call, chosen, lease_seconds)
    if isinstance(prepared, CallEnd):
        return prepared
    answer = await _ask(call, prepared, adapter)
    return _settle(call, prepared, answer, lease_seconds)


def _prepare(call: Call, chosen: ChosenModel, lease_seconds: float) -> _Prepared | CallEnd:
    """Render the prompt, then hold the worst case and record the attempt in one transaction."""
    context = call.context
    with call.database.read() as connection:
        stage = cast(TextStage, call.stage)
        inputs = stage.inputs(context, call.items, SiteItems(connection, context.site.name))
    try:
        prompt = render_prompt(context.prompts[call.function.name], inputs)
        rates = rates_of(
            chosen.name, chosen.model, size=context.site.ai.image_size, quality=context.site.ai.image_quality
        )  # fmt: skip
    except KeyError:
        return CallEnd(refusal=f"there is no prompt for {call.function.name}")
    except (ValueError, UnknownPriceError) as error:
        return CallEnd(refusal=str(error))
    now = call.clock.now()
    with call.database.write() as connection:
        hold_lease(connection, call.lease, now + timedelta(seconds=lease_seconds))
        admitted = _admit(call, connection, chosen, rates, prompt, now)
        if isinstance(admitted, Refused):
            return CallEnd(refusal=admitted.reason)
        expires_at = now + timedelta(seconds=lease_seconds) + _HOLD_SLACK
        return _place(call, connection, chosen, rates, prompt, inputs, admitted, now, expires_at)


def _admit(
    call: Call, connection: Connection, chosen: ChosenModel, rates: Rates, prompt: str, now: datetime
) -> Admitted | Refused:
    limits = _limits(call, connection, now)
    if call.function.model_type == "image":
        return admit_images(rates, 1, limits)
    max_tokens = min(call.context.site.ai.max_tokens, chosen.model.max_output_tokens or call.context.site.ai.max_tokens)
    return admit_text(rates, count_tokens_upper(prompt), max_tokens, limits)


def _limits(call: Call, connection: Connection, now: datetime) -> Limits:
    """Return what is left before each limit, with the account locked so that nobody else takes it meanwhile."""
    account, site = call.context.account, call.context.site
    available = 0 if account.status == "suspended" else lock_account(connection, account.name).available
    record = stage_runs_of(connection, call.lease.run_id)[call.stage.declaration.key]
    month = month_of(now)

    def left(maximum: int | None, site_name: str | None) -> int | None:
        if maximum is None:
            return None
        used = credits_used_since(connection, month, account=account.name, site=site_name)
        return maximum - used - open_hold_credits(connection, account=account.name, site=site_name)

    return Limits(
        stage=None if record.budget_credits is None else record.budget_credits - record.credits_used,
        site_month=left(site.credits.monthly_max, site.name),
        account_month=left(account.credits.monthly_max, None),
        available=available,
    )


def _place(
    call: Call, connection: Connection, chosen: ChosenModel, rates: Rates, prompt: str, inputs: Mapping[str, Any],
    admitted: Admitted, now: datetime, expires_at: datetime,
) -> _Prepared | CallEnd:  # fmt: skip
    ids = [int(item["id"]) for item in call.items]
    # A new fence or another try of the item is another attempt; the same attempt never gets a second hold.
    tries = max(int(item["attempts"]) for item in call.items)
    attempt_id = derive_id(call.lease.run_id, call.lease.fence, call.stage.declaration.key, ids, tries)
    context = call.context
    hold = Hold(
        derive_id("hold", attempt_id), context.account.name, context.site.name, call.stage.declaration.key,
        call.lease.run_id, admitted.credits, expires_at,
    )  # fmt: skip
    try:
        place_hold(connection, hold, _origin(call, now))
    except OverdrawnError as error:
        return CallEnd(refusal=str(error))
    prepared = _Prepared(attempt_id, hold, chosen, rates, prompt, inputs, admitted.max_tokens)
    worst = Usage(count_tokens_upper(prompt), 0, admitted.max_tokens) if admitted.max_tokens else Usage(images=1)
    start_attempt(
        connection,
        {
            "id": attempt_id,
            "run_id": call.lease.run_id,
            "stage_run_id": call.stage_run_id,
            "account": context.account.name,
            "site": context.site.name,
            "stage": call.stage.declaration.key,
            "function": call.function.name,
            "operation": call.function.operation,
            "provider": chosen.model.provider,
            "model": chosen.name,
            "item_kind": call.stage.item_kind,
            "item_ids": ids,
            "hold_id": hold.id,
            "estimated_cost_nano": cost_of(worst, rates).total_nano,
            "payload_summary": f"{len(prompt)} characters, max_tokens {admitted.max_tokens}",
            "simulated": call.pool.offline,
            "started_at": now,
        },
    )
    return prepared


async def _ask(call: Call, prepared: _Prepared, adapter: Provider) -> _Answer:
    """Make the request, and check and store image bytes before the database hears of them."""
    ai = call.context.site.ai
    if call.function.model_type == "text":
        completion = await adapter.complete(
            TextRequest(
                prepared.attempt_id, prepared.chosen.name, call.function.name, call.function.output, prepared.prompt,
                prepared.max_tokens, ai.temperature, prepared.inputs,
            )
        )  # fmt: skip
        return _Answer(completion, None, completion.failure.message if completion.failure else "")
    drawn = await adapter.draw(
        ImageRequest(
            prepared.attempt_id, prepared.chosen.name, call.function.name, prepared.prompt, ai.image_size,
            ai.image_quality, ai.image_style, prepared.inputs,
        )
    )  # fmt: skip
    if drawn.failure:
        return _Answer(drawn, None, drawn.failure.message)
    picture = inspect_picture(drawn.data)
    if isinstance(picture, str):
        return _Answer(drawn, None, picture)
    store_picture(call.media, picture, drawn.data)
    return _Answer(drawn, picture, "")


def _settle(call: Call, prepared: _Prepared, answer: _Answer, lease_seconds: float) -> CallEnd:
    """Carry everything that the call brought into the database, in one transaction."""
    now = call.clock.now()
    with call.database.write() as connection:
        outcome = answer.problem or _outcome(call, connection, prepared, answer)
        cost = _cost(prepared, answer)
        if isinstance(outcome, str):
            end = _record_failed_call(call, connection, prepared, answer, cost, outcome, now)
        else:
            end = _record_charged_call(call, connection, prepared, answer, cost, outcome, now)
        hold_lease(connection, call.lease, now + timedelta(seconds=lease_seconds), credits_used=end.credits)
        count_in_stage(
            connection, call.stage_run_id, taken=len(call.items), done=end.done, failed=end.failed, credits=end.credits
        )
    return end


def _outcome(call: Call, connection: Connection, prepared: _Prepared, answer: _Answer) -> Outcome | str:
    reader = SiteItems(connection, call.context.site.name)
    made_by = MadeBy(prepared.chosen.name, answer.raw.simulated, prepared.prompt)
    if answer.picture is not None:
        stage = cast(ImageStage, call.stage)
        return stage.read_picture(call.context, call.items[0], answer.picture, reader, made_by)
    text = cast(Completion, answer.raw).text
    return cast(TextStage, call.stage).read(call.context, call.items, text, reader, made_by)


def _cost(prepared: _Prepared, answer: _Answer) -> Cost:
    """Return what the call cost us, also when it brought nothing: a provider bills what it has answered."""
    usage = answer.raw.usage
    if answer.raw.reported_cost is None and not usage.total_tokens and not usage.images:
        return Cost(NanoUsd(0), NanoUsd(0), "zero")
    return cost_of(usage, prepared.rates, answer.raw.reported_cost)


def _record_failed_call(
    call: Call, connection: Connection, prepared: _Prepared, answer: _Answer, cost: Cost, reason: str, now: datetime
) -> CallEnd:
    """Give the hold back, keep the cost, and count the failure of each item."""
    void(connection, prepared.hold.id, _origin(call, now), reason)
    failure = answer.raw.failure
    values = _attempt_end(answer, cost, now) | {"status": "error", "error": reason[:500]}
    finish_attempt(
        connection, prepared.attempt_id, values | {"error_class": failure.error_class if failure else "bad_answer"}
    )
    for item in call.items:
        _fail_item(call, connection, item, reason, now)
    return CallEnd(failed=len(call.items), reason=reason)


def _record_charged_call(
    call: Call, connection: Connection, prepared: _Prepared, answer: _Answer, cost: Cost, outcome: Outcome,
    now: datetime,
) -> CallEnd:  # fmt: skip
    """Save the output, take what it is worth out of the hold, and write the usage line."""
    carry_out(connection, call.context.site.name, outcome.writes, now)
    clear_failures(connection, call.stage.item_kind, outcome.done)
    by_id = {int(item["id"]): item for item in call.items}
    for item_id, reason in outcome.failed.items():
        _fail_item(call, connection, by_id[item_id], reason, now)
    worth = credits_of(answer.raw.usage, prepared.rates)
    charged = min(worth, prepared.hold.credits)
    settle(connection, prepared.hold.id, charged, _origin(call, now), outcome.summary)
    finish_attempt(
        connection,
        prepared.attempt_id,
        _attempt_end(answer, cost, now) | {"status": "success", "result_summary": outcome.summary},
    )
    save_usage(connection, _usage_line(call, prepared, answer, cost, charged, worth - charged, now))
    return CallEnd(done=len(outcome.done), failed=len(outcome.failed), credits=charged, reason=outcome.summary)


def _fail_item(call: Call, connection: Connection, item: Row, reason: str, now: datetime) -> None:
    if record_failure(connection, call.stage.item_kind, int(item["id"]), reason, now):
        writes = call.stage.give_up(item, SiteItems(connection, call.context.site.name))
        carry_out(connection, call.context.site.name, writes, now)


def _attempt_end(answer: _Answer, cost: Cost, now: datetime) -> dict[str, Any]:
    usage = answer.raw.usage
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "images": usage.images,
        "cost_nano": cost.total_nano,
        "cost_basis": cost.basis,
        "provider_request_id": answer.raw.provider_request_id,
        "simulated": answer.raw.simulated,
        "finished_at": now,
    }


def _usage_line(
    call: Call, prepared: _Prepared, answer: _Answer, cost: Cost, credits: int, absorbed: int, now: datetime
) -> dict[str, Any]:
    usage, context = answer.raw.usage, call.context
    credit_value = parse_usd(context.platform.credit_value_usd)
    return {
        "attempt_id": prepared.attempt_id,
        "account": context.account.name,
        "site": context.site.name,
        "run_id": call.lease.run_id,
        "stage": call.stage.declaration.key,
        "operation": call.function.operation,
        "provider": prepared.chosen.model.provider,
        "model": prepared.chosen.name,
        "item_kind": call.stage.item_kind,
        "item_ids": [int(item["id"]) for item in call.items],
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "images": usage.images,
        "cost_in_nano": cost.input_nano,
        "cost_out_nano": cost.output_nano,
        "cost_nano": cost.total_nano,
        "cost_basis": cost.basis,
        "credits": credits,
        "absorbed_credits": absorbed,
        "credit_value_nano": credit_value,
        "revenue_nano": revenue_of(credits, credit_value),
        "rates": prepared.rates.to_json(),
        "generation": context.generation,
        "simulated": answer.raw.simulated,
        "at": now,
        "day": now.astimezone(UTC).date().isoformat(),
    }


def _origin(call: Call, now: datetime) -> Origin:
    return Origin(f"run {call.lease.run_id}", now, call.context.generation)
