"""Before a call goes out: may it by the provider's limits, does it fit the credits, and if so hold and attempt at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from reconciler.ids import derive_id
from reconciler.ledger.estimate import Admitted, Limits, Refused, admit_images, admit_text
from reconciler.ledger.pricing import Rates, UnknownPriceError, cost_of, rates_of
from reconciler.operations.attempt import Call, CallEnd, Prepared, Try
from reconciler.operations.passages import Locked
from reconciler.pipeline.decisions import ChosenModel
from reconciler.pipeline.flow import Go, WaitUntil
from reconciler.pipeline.port import TextStage
from reconciler.pipeline.rendering import render_prompt, render_repair
from reconciler.pipeline.retry import shorten
from reconciler.providers.tokens import count_tokens_upper
from reconciler.store.budgets import place_of
from reconciler.store.claims import keep_unit
from reconciler.store.engine import Connection
from reconciler.store.items import ItemsWhenAsked
from reconciler.store.ledger import Funds, Hold, OverdrawnError, lock_funds, open_hold_credits, place_hold
from reconciler.store.runs import HELPER, find_lost_task, hold_lease, run_credits, start_attempt
from reconciler.usage import Usage

_HOLD_SLACK = timedelta(minutes=5)


class Crowded:
    """The credits do not suffice while the calls beside this one hold theirs."""


CROWDED = Crowded()


@dataclass(frozen=True, slots=True)
class Request:
    """What will be asked, and at which prices."""

    chosen: ChosenModel
    rates: Rates
    prompt: str
    inputs: Mapping[str, Any]
    max_tokens: int
    input_tokens: int

    def tokens(self, max_tokens: int) -> int:
        """Return the tokens of the prompt and of an answer that has so many at most."""
        return self.input_tokens + max_tokens


def draft_request(call: Call, chosen: ChosenModel, attempt: Try) -> Request | CallEnd:
    """Render the prompt for a model and find its prices; a refusal when either cannot be had."""
    context, ai = call.context, call.context.site.ai
    with ItemsWhenAsked(call.database, context.site.name) as reader:
        inputs: Mapping[str, Any] = cast(TextStage, call.stage).inputs(context, call.items, reader)
    max_tokens = min(ai.max_tokens, chosen.model.max_output_tokens or ai.max_tokens)
    if attempt.is_short:
        inputs, max_tokens = shorten(inputs, max_tokens)
    try:
        prompt = render_prompt(context.prompts[call.function.name], inputs)
        if attempt.repair is not None:
            prompt = render_repair(prompt, attempt.repair.answer, attempt.repair.reason)
        rates = rates_of(chosen.name, chosen.model, size=ai.image_size, quality=ai.image_quality)
    except KeyError:
        return CallEnd(refusal=f"there is no prompt for {call.function.name}")
    except (ValueError, UnknownPriceError) as error:
        return CallEnd(refusal=str(error))
    return Request(chosen, rates, prompt, inputs, max_tokens, count_tokens_upper(prompt))


def admit(
    connection: Connection, locked: Locked, call: Call, request: Request, attempt: Try, lease_seconds: float
) -> Prepared | WaitUntil | Crowded | CallEnd:
    """Hold the worst case and record the attempt, both or neither; or say until when to wait, or why not at all.

    What would fit if the calls beside it had returned their credits is `CROWDED`. What it comes to is noted in the crew at
    once, since the next call may be admitted in the same transaction; `take_back` is for when that is rolled back.
    """
    # The call before this one was refused in this very transaction: the stage ends there.
    admitted = (
        CallEnd(was_stopped=True)
        if call.crew.is_refused
        else _admit(connection, locked, call, request, attempt, lease_seconds)
    )
    if isinstance(admitted, Prepared):
        call.crew.hold(admitted.hold.credits)
    elif _ends_the_stage(admitted, attempt):
        call.crew.is_refused = True
    return admitted


def take_back(call: Call, admitted: Prepared | WaitUntil | Crowded | CallEnd, attempt: Try) -> None:
    """Forget what an admission came to: its transaction was rolled back."""
    if isinstance(admitted, Prepared):
        call.crew.let_go(admitted.hold.credits)
    elif _ends_the_stage(admitted, attempt):
        call.crew.is_refused = False


def _ends_the_stage(admitted: WaitUntil | Crowded | CallEnd, attempt: Try) -> bool:
    return isinstance(admitted, CallEnd) and bool(admitted.refusal) and attempt.repair is None


def _admit(
    connection: Connection, locked: Locked, call: Call, request: Request, attempt: Try, lease_seconds: float
) -> Prepared | WaitUntil | Crowded | CallEnd:
    now = call.clock.now()
    until = now + timedelta(seconds=lease_seconds)
    attempt_id = _attempt_id(call, attempt)
    # The run's row is locked before a unit's, and that before the account's, here as in every transaction.
    if call.unit is None or (call.lease.fence != HELPER and call.crew.must_renew(now)):
        hold_lease(connection, call.lease, until)
    if call.unit is not None:
        keep_unit(connection, call.unit, until, attempt_id)
    if not call.pool.offline:
        locked.passages.lock(connection, request.chosen.model.provider)
    funds = _lock_funds(call, connection, locked)
    if funds.balance.is_suspended:
        return CallEnd(refusal=f"the account {call.context.account.name} is suspended; it holds no credits")
    admitted = _admit_credits(call, connection, request, funds)
    if call.crew.is_holding and (isinstance(admitted, Refused) or admitted.clamped):
        return CROWDED
    if isinstance(admitted, Refused):
        return CallEnd(refusal=admitted.reason)
    passage = _pass_gate(call, connection, locked, request, admitted, now)
    if isinstance(passage, WaitUntil):
        return passage
    placed = _place(
        call, connection, locked, request, attempt, attempt_id, admitted, passage, funds, now, until + _HOLD_SLACK
    )  # fmt: skip
    if isinstance(placed, Prepared):
        locked.passages.note(
            request.chosen.model.provider, request.chosen.name, request.tokens(admitted.max_tokens), now
        )
    return placed


def _attempt_id(call: Call, attempt: Try) -> str:
    """Return an id that no other attempt has: another fence, try of the items or attempt in this call is another."""
    fence = call.unit.fence if call.unit is not None else call.lease.fence
    tries = max(int(item["attempts"]) for item in call.items)
    key = call.stage.declaration.key
    return derive_id(call.lease.run_id, fence, key, call.item_ids, tries, attempt.number)


def _lock_funds(call: Call, connection: Connection, locked: Locked) -> Funds:
    """Lock the account and return what is left of it and of each budget, so that nobody else takes it meanwhile."""
    account, site, key = call.context.account, call.context.site, call.stage.declaration.key
    origin = call.origin()
    place = place_of(account.name, site.name, key, call.lease.run_id, origin.at)
    known = locked.funds.get(place)
    if known is not None and not known.balance.is_due(origin.at):
        return known
    limits = {
        place.account_key: account.credits.monthly_max,
        place.site_key: site.credits.monthly_max,
        place.stage_key: call.budget_credits,
    }
    return lock_funds(connection, place, origin, limits)


def _admit_credits(call: Call, connection: Connection, request: Request, funds: Funds) -> Admitted | Refused:
    place = funds.place
    left_of_run = None
    if call.lease.credits_max is not None:
        used = run_credits(connection, call.lease.run_id)
        held = open_hold_credits(connection, account=place.account, run_id=call.lease.run_id)
        left_of_run = call.lease.credits_max - used - held
    limits = Limits(
        stage=funds.windows[place.stage_key].left,
        site_month=funds.windows[place.site_key].left,
        account_month=funds.windows[place.account_key].left,
        available=funds.balance.available,
        run=left_of_run,
    )
    if call.function.model_type == "image":
        return admit_images(request.rates, 1, limits)
    return admit_text(request.rates, request.input_tokens, request.max_tokens, limits)


def _pass_gate(
    call: Call, connection: Connection, locked: Locked, request: Request, admitted: Admitted, now: datetime
) -> Go | WaitUntil:
    """Ask the provider's gate, which all processes share; the offline provider has none."""
    if call.pool.offline:
        return Go()
    limits = call.provider_of(request.chosen).limits
    return locked.passages.pass_gate(
        connection, request.chosen.model.provider, request.chosen.name, limits, request.tokens(admitted.max_tokens),
        now, timeout=timedelta(seconds=limits.timeout_seconds) + _HOLD_SLACK,
        answered=call.pool.answered(request.chosen.model.provider),
    )  # fmt: skip


def _place(
    call: Call, connection: Connection, locked: Locked, request: Request, attempt: Try, attempt_id: str, admitted: Admitted,
    passage: Go, funds: Funds, now: datetime, expires_at: datetime,
) -> Prepared | CallEnd:  # fmt: skip
    context, chosen, key = call.context, request.chosen, call.stage.declaration.key
    hold = Hold(
        derive_id("hold", attempt_id), context.account.name, context.site.name, key, call.lease.run_id,
        admitted.credits, expires_at,
    )  # fmt: skip
    try:
        locked.funds[funds.place] = place_hold(connection, hold, call.origin(), funds)
    except OverdrawnError as error:
        return CallEnd(refusal=str(error))
    worst = Usage(request.input_tokens, 0, admitted.max_tokens) if admitted.max_tokens else Usage(images=1)
    worst_cost = cost_of(worst, request.rates).total_nano
    recovers, task = "", ""
    if call.function.model_type == "image":
        lost = find_lost_task(connection, call.lease.run_id, key, call.item_ids, chosen.name)
        recovers, task = lost or ("", "")
    logs = context.account.settings.logs
    start_attempt(
        connection,
        {
            "id": attempt_id,
            "number": attempt.number,
            "run_id": call.lease.run_id,
            "stage_run_id": call.stage_run_id,
            "account": context.account.name,
            "site": context.site.name,
            "stage": key,
            "function": call.function.name,
            "operation": call.function.operation,
            "provider": chosen.model.provider,
            "model": chosen.name,
            "item_kind": call.stage.item_kind,
            "item_ids": call.item_ids,
            "hold_id": hold.id,
            "estimated_cost_nano": worst_cost,
            "estimated_tokens": request.input_tokens + admitted.max_tokens if admitted.max_tokens else 0,
            "payload_summary": f"{len(request.prompt)} characters, max_tokens {admitted.max_tokens}",
            "prompt": request.prompt if logs.keep_prompts else None,
            "payload_until": now + timedelta(days=logs.retention_days) if logs.keep_prompts else None,
            "simulated": call.pool.offline,
            "started_at": now,
        },
    )
    return Prepared(
        attempt_id, hold, chosen, request.rates, request.prompt, request.inputs, admitted.max_tokens, worst_cost,
        passage.is_probe, task, recovers, passage.is_clear, is_repair=attempt.repair is not None,
    )  # fmt: skip
