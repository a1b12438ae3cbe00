"""After a call: everything it brought, or why it brought nothing, goes into the database in one transaction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from reconciler.ledger.pricing import Cost, cost_of, credits_of, revenue_of
from reconciler.money import NanoUsd, parse_usd
from reconciler.operations.attempt import Answer, Call, CallEnd, Prepared, Repair
from reconciler.operations.limits import month_of
from reconciler.pipeline.flow import Gate, after_answer, after_headers, after_outage, after_pause
from reconciler.pipeline.port import ImageStage, MadeBy, Outcome, Row, TextStage
from reconciler.providers.port import Completion, ImageAnswer
from reconciler.store.claims import end_unit, is_laid_out, keep_unit
from reconciler.store.engine import Connection
from reconciler.store.gates import gate_of, keep_gate, lock_provider
from reconciler.store.in_flight import pin_of
from reconciler.store.items import SiteItems, carry_out, clear_failures, record_failure
from reconciler.store.ledger import charge, void
from reconciler.store.runs import (
    attempt_end,
    charged_credits,
    close_charged_call,
    count_in_run,
    count_in_stage,
    finish_attempt,
    hold_lease,
    notify,
    recover_attempt,
    was_notified_since,
)
from reconciler.usage import Usage


def settle(connection: Connection, call: Call, prepared: Prepared, answer: Answer, lease_seconds: float) -> CallEnd:
    """Carry everything that the call brought into the database; a call that brought nothing fails its items.

    A text that cannot be used is sent back once: then the items are left as they are, and `repair` says what to mend.
    """
    now = call.clock.now()
    until = now + timedelta(seconds=lease_seconds)
    expected = 0 if answer.problem else min(credits_of(answer.raw.usage, prepared.rates), prepared.hold.credits)
    # First of all: who lost the lease lost the hold with it. And who settles for a site does so alone.
    _hold(call, connection, until, credits=expected)
    outcome = answer.problem or _outcome(call, connection, prepared, answer)
    repair = _repair(prepared, answer, outcome) if isinstance(outcome, str) else None
    _leave_unit(call, connection, None if repair is None else until)
    end = _close(call, connection, prepared, answer, outcome, repair, now)
    if end.credits != expected:
        count_in_run(connection, call.lease, until, credits=end.credits - expected)
    _keep_gate(call, connection, prepared, answer, now)
    return end


def _leave_unit(call: Call, connection: Connection, until: datetime | None) -> None:
    """Take the call's unit off, or keep it until then for one more attempt."""
    if call.unit is None:
        return
    if until is None:
        end_unit(connection, call.unit)
    else:
        keep_unit(connection, call.unit, until, None)


def _close(
    call: Call, connection: Connection, prepared: Prepared, answer: Answer, outcome: Outcome | str,
    repair: Repair | None, now: datetime,
) -> CallEnd:  # fmt: skip
    """Charge for what can be used; close what cannot, and fail its items unless it is to be mended."""
    cost = _cost(prepared, answer)
    if not isinstance(outcome, str):
        return _record_charged_call(call, connection, prepared, answer, cost, outcome, now)
    _close_missed(call, connection, prepared, answer, cost, outcome, now)
    if repair is not None:
        return CallEnd(reason=outcome, repair=repair)
    for item in call.items:
        _fail_item(call, connection, item, outcome, now)
    count_in_stage(connection, call.stage_run_id, taken=len(call.items), failed=len(call.items))
    return CallEnd(failed=len(call.items), reason=outcome)


def _repair(prepared: Prepared, answer: Answer, problem: str) -> Repair | None:
    """Return what the model is told when it is asked once more, or None when that would not help or was done already.

    It helps when the answer came, and was not refused, cut short by us, or lost.
    """
    is_text = isinstance(answer.raw, Completion)
    if not is_text or prepared.is_repair or not (answer.failure is None or answer.failure.error_class == "bad_answer"):
        return None
    return Repair(cast(Completion, answer.raw).text, problem)


def fail_call(connection: Connection, call: Call, reason: str, lease_seconds: float) -> CallEnd:
    """Fail the items of a call that is given up between two attempts."""
    now = call.clock.now()
    _hold(call, connection, now + timedelta(seconds=lease_seconds))
    _leave_unit(call, connection, None)
    for item in call.items:
        _fail_item(call, connection, item, reason, now)
    count_in_stage(connection, call.stage_run_id, taken=len(call.items), failed=len(call.items))
    return CallEnd(failed=len(call.items), reason=reason)


def failed_before(call: Call, reason: str) -> CallEnd | None:
    """Return how the call ended if it was failed already: a commit may arrive though its answer was lost."""
    with call.database.read() as connection:
        if call.unit is None or is_laid_out(connection, call.unit):
            return None
    return CallEnd(failed=len(call.items), reason=reason)


def settled_before(call: Call, prepared: Prepared, answer: Answer) -> CallEnd | None:
    """Return how the call ended if it was settled already: a commit may arrive though its answer was lost."""
    with call.database.read() as connection:
        status, error = attempt_end(connection, prepared.attempt_id)
        if status in ("pending", "lost"):  # a late answer is still worth writing
            return None
        repair = _repair(prepared, answer, error) if status == "error" else None
        if repair is not None:
            return CallEnd(reason=error, repair=repair)
        left = len(call.items)
        if status == "success":
            reader = SiteItems(connection, call.context.site.name)
            left = len(reader.among(call.stage.item_kind, call.item_ids, call.stage.pending))
        credits = charged_credits(connection, prepared.attempt_id) or 0
    return CallEnd(done=len(call.items) - left, failed=left, credits=credits, reason=error)


def _hold(call: Call, connection: Connection, until: datetime, *, credits: int = 0) -> None:
    """Renew the lease and count credits; LeaseLostError when another worker has what this call is about."""
    if call.unit is None:
        hold_lease(connection, call.lease, until)
    count_in_run(connection, call.lease, until, credits=credits)


def record_miss(
    connection: Connection, call: Call, prepared: Prepared, answer: Answer, lease_seconds: float
) -> None:  # fmt: skip
    """Close an attempt that will be made again, or elsewhere: hold back, cost kept, the items untouched."""
    now = call.clock.now()
    until = now + timedelta(seconds=lease_seconds)
    _hold(call, connection, until)
    if call.unit is not None:
        keep_unit(connection, call.unit, until, None)
    _close_missed(call, connection, prepared, answer, _cost(prepared, answer), answer.problem, now)
    _keep_gate(call, connection, prepared, answer, now)


def withdraw(connection: Connection, call: Call, prepared: Prepared, lease_seconds: float) -> CallEnd:
    """Close an attempt that was not sent: hold back, no cost, nothing learnt of the provider."""
    now = call.clock.now()
    _hold(call, connection, now + timedelta(seconds=lease_seconds))
    reason = "stopped before it was sent"
    void(connection, prepared.hold.id, call.origin(), reason)
    values = {"status": "error", "error": reason, "cost_nano": 0, "cost_basis": "zero", "finished_at": now}
    finish_attempt(connection, prepared.attempt_id, values, "INIT")
    return CallEnd(was_stopped=True)


def _outcome(call: Call, connection: Connection, prepared: Prepared, answer: Answer) -> Outcome | str:
    reader = SiteItems(connection, call.context.site.name)
    made_by = MadeBy(prepared.chosen.name, answer.raw.simulated, prepared.prompt)
    if answer.picture is not None:
        stage = cast(ImageStage, call.stage)
        return stage.read_picture(call.context, call.items[0], answer.picture, reader, made_by)
    text = cast(Completion, answer.raw).text
    return cast(TextStage, call.stage).read(call.context, call.items, text, reader, made_by)


def _cost(prepared: Prepared, answer: Answer) -> Cost:
    """Return what the call cost us, also when it brought nothing: a provider bills what it has answered."""
    usage, failure = answer.raw.usage, answer.raw.failure
    if answer.raw.reported_cost is None and not usage.total_tokens and not usage.images:
        if failure is not None and failure.is_in_doubt:
            return Cost(NanoUsd(0), prepared.estimated_cost_nano, "estimated")
        return Cost(NanoUsd(0), NanoUsd(0), "zero")
    return cost_of(usage, prepared.rates, answer.raw.reported_cost)


def _close_missed(
    call: Call, connection: Connection, prepared: Prepared, answer: Answer, cost: Cost, reason: str, now: datetime
) -> None:
    """Give the hold back and keep the cost."""
    void(connection, prepared.hold.id, call.origin(), reason)
    failure = answer.failure
    values = _attempt_end(call, answer, cost, now) | {"status": "error", "error": reason[:500]}
    values |= {"error_class": failure.error_class if failure else "bad_answer"}
    finish_attempt(connection, prepared.attempt_id, values, answer.phase_missed)


def _fail_item(call: Call, connection: Connection, item: Row, reason: str, now: datetime) -> None:
    if not call.stage.counts_failures:
        return
    if record_failure(connection, call.stage.item_kind, int(item["id"]), reason, now):
        writes = call.stage.give_up(item, SiteItems(connection, call.context.site.name))
        carry_out(connection, call.context.site.name, writes, now, pin=_pin(call, connection))


def _record_charged_call(
    call: Call, connection: Connection, prepared: Prepared, answer: Answer, cost: Cost, outcome: Outcome,
    now: datetime,
) -> CallEnd:  # fmt: skip
    """Save the output, take what it is worth out of the hold, and write the usage line."""
    carry_out(connection, call.context.site.name, outcome.writes, now, pin=_pin(call, connection))
    if any(item["attempts"] for item in call.items):
        clear_failures(connection, call.stage.item_kind, outcome.done)
    for notice in outcome.notices:
        notify(
            connection, notice.event, notice.text, now,
            account=call.context.account.name, site=call.context.site.name, run_id=call.lease.run_id,
        )  # fmt: skip
    by_id = {int(item["id"]): item for item in call.items}
    for item_id, reason in outcome.failed.items():
        _fail_item(call, connection, by_id[item_id], reason, now)
    worth = credits_of(answer.raw.usage, prepared.rates)
    charged = charge(
        connection, prepared.hold, worth, call.origin(), outcome.summary,
        credit_value_nano=parse_usd(call.context.platform.credit_value_usd),
    )  # fmt: skip
    close_charged_call(
        connection,
        prepared.attempt_id,
        _attempt_end(call, answer, cost, now) | {"status": "success", "result_summary": outcome.summary},
        _usage_line(call, prepared, answer, cost, charged, worth - charged, now),
        call.stage_run_id,
        taken=len(call.items), done=len(outcome.done), failed=len(outcome.failed),
    )  # fmt: skip
    if prepared.recovers and isinstance(answer.raw, ImageAnswer) and answer.raw.was_recovered:
        recover_attempt(connection, prepared.recovers, prepared.attempt_id)
    if answer.raw.usage.is_estimated:
        _warn_of_missing_usage(call, connection, prepared, now)
    return CallEnd(done=len(outcome.done), failed=len(outcome.failed), credits=charged, reason=outcome.summary)


def _pin(call: Call, connection: Connection) -> int | None:
    """Return the generation that the items stay on: asked now, since an apply may have pinned them during the call."""
    return pin_of(connection, call.stage.item_kind, call.item_ids[0])


def _warn_of_missing_usage(call: Call, connection: Connection, prepared: Prepared, now: datetime) -> None:
    account = call.context.account.name
    if not was_notified_since(connection, "usage_missing", month_of(now), account=account):
        text = f"{prepared.chosen.model.provider} reported no usage for {prepared.chosen.name}; tokens are estimates"
        notify(connection, "usage_missing", text, now, account=account, run_id=call.lease.run_id)


def _keep_gate(call: Call, connection: Connection, prepared: Prepared, answer: Answer, now: datetime) -> None:
    """Tell all processes what this call taught us of the provider; most calls teach nothing new."""
    if call.pool.offline or (prepared.gate_is_open and answer.raw.failure is None and answer.raw.window is None):
        return
    provider, model = prepared.chosen.model.provider, prepared.chosen.name
    known = gate_of(connection, provider, model)
    gate = _learned(known, answer, now)
    if gate != known:
        lock_provider(connection, provider)
        keep_gate(connection, provider, model, _learned(gate_of(connection, provider, model), answer, now))


def _learned(gate: Gate, answer: Answer, now: datetime) -> Gate:
    failure = answer.raw.failure
    if failure is not None and failure.error_class == "transient":
        gate = after_outage(gate, failure.message, now)
    else:
        gate = after_answer(gate)
    if answer.raw.window is not None:
        gate = after_headers(gate, answer.raw.window, now)
    if failure is not None and failure.error_class == "rate_limited" and failure.retry_after_seconds:
        gate = after_pause(gate, failure.retry_after_seconds, now)
    return gate


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "images": usage.images,
        "image_input_tokens": usage.image_input_tokens,
        "image_output_tokens": usage.image_output_tokens,
    }


def _attempt_end(call: Call, answer: Answer, cost: Cost, now: datetime) -> dict[str, Any]:
    keeps = call.context.account.settings.logs.keep_prompts
    return _tokens(answer.raw.usage) | {
        "cost_nano": cost.total_nano,
        "cost_basis": cost.basis,
        "provider_request_id": answer.raw.provider_request_id,
        "notes": "; ".join((*call.context.notes, *answer.raw.notes))[:500],
        "answer": answer.raw.text if keeps and isinstance(answer.raw, Completion) else None,
        "simulated": answer.raw.simulated,
        "finished_at": now,
    }


def _usage_line(
    call: Call, prepared: Prepared, answer: Answer, cost: Cost, credits: int, absorbed: int, now: datetime
) -> dict[str, Any]:
    context = call.context
    credit_value = parse_usd(context.platform.credit_value_usd)
    return _tokens(answer.raw.usage) | {
        "attempt_id": prepared.attempt_id,
        "account": context.account.name,
        "site": context.site.name,
        "run_id": call.lease.run_id,
        "stage": call.stage.declaration.key,
        "operation": call.function.operation,
        "provider": prepared.chosen.model.provider,
        "model": prepared.chosen.name,
        "item_kind": call.stage.item_kind,
        "item_ids": call.item_ids,
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
