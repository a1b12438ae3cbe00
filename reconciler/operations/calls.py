"""One AI call: attempt after attempt, each with its own hold, until one brings something or none will.

Two short transactions stand around each attempt; none is open while the provider works, or while we wait.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from reconciler.errors import LockedError, UnreachableError
from reconciler.operations.admission import Crowded, Request, admit, draft_request, take_back
from reconciler.operations.attempt import Answer, Call, CallEnd, Prepared, Try
from reconciler.operations.providers import ProviderPool
from reconciler.operations.settlement import fail_call, failed_before, record_miss, settle, settled_before, withdraw
from reconciler.operations.stopping import sleep_unless_stopped
from reconciler.operations.telemetry import Attributes, provider_name
from reconciler.pipeline.answers import schema_of
from reconciler.pipeline.decisions import ChosenModel, choose_model, models_to_try
from reconciler.pipeline.flow import WaitUntil
from reconciler.pipeline.progress import Waiting
from reconciler.pipeline.retry import (
    PATIENCE_SECONDS,
    Decision,
    GiveUp,
    NextModel,
    RetryAt,
    Shorten,
    StopProvider,
    decide,
)
from reconciler.providers.port import Completion, ImageRequest, Provider, Structured, TextRequest
from reconciler.providers.tokens import believable_usage
from reconciler.store.engine import Connection
from reconciler.store.media import MediaRules, prepare_picture, store_picture
from reconciler.store.runs import note_task

# How long until a wait is worth a word to whoever watches.
_TELL_AFTER_SECONDS = 1.0
# How long to wait for a busy database, also with an answer in hand; lease and hold last longer.
_DATABASE_WAITS_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Passed:
    """A model did not do it; the next one may. `attempts` is how many were made in the call so far."""

    reason: str
    attempts: int


async def call_model(call: Call, *, lease_seconds: float) -> CallEnd:
    """Make one call for the items and carry out what it brings; a call that does not fit the credits is refused."""
    try:
        return await _call_models(call, lease_seconds)
    finally:
        call.turn.pass_on()


async def _call_models(call: Call, lease_seconds: float) -> CallEnd:
    chosen = choose_model(call.context, call.stage.declaration)
    if isinstance(chosen, str):
        return CallEnd(refusal=chosen)
    candidates = models_to_try(call.context, chosen)
    reasons: list[str] = []
    attempts = 0
    for candidate in candidates:
        end = await _call_candidate(call, candidate, attempts, lease_seconds, is_last=candidate is candidates[-1])
        if isinstance(end, CallEnd):
            return end
        attempts = end.attempts
        reasons.append(f"{candidate.name}: {end.reason}" if len(candidates) > 1 else end.reason)
    return CallEnd(refusal="; ".join(reasons))


async def _call_candidate(
    call: Call, chosen: ChosenModel, attempts: int, lease_seconds: float, *, is_last: bool
) -> CallEnd | _Passed:
    """Make attempts with one model until one brings something, the item fails, or the model is passed over."""
    provider = chosen.model.provider
    limits = call.provider_of(chosen).limits
    # Lease and hold outlive the longest call, so that nobody takes over or releases what is still in flight.
    lease_seconds += limits.timeout_seconds
    attempt = Try(attempts + 1)
    while True:
        stopped = call.pool.why_stopped(provider)
        if stopped:
            return _Passed(stopped, attempt.number - 1)
        try:
            adapter = call.pool.adapter_for(call.context, chosen)
        except UnreachableError as error:
            return _Passed(error.message, attempt.number - 1)
        request = draft_request(call, chosen, attempt)
        if isinstance(request, CallEnd):
            return request
        if attempt.number > 1:
            # Nobody behind waits for more than one answer.
            call.turn.pass_on()
        decision = await _attempt(call, request, attempt, adapter, lease_seconds, is_last=is_last)
        if isinstance(decision, _Passed) or (isinstance(decision, CallEnd) and decision.repair is None):
            return decision
        match decision:
            case Crowded():
                call.turn.pass_on()
                await call.crew.wait_for_credits()
                continue
            case StopProvider(reason):
                call.pool.stop(provider, f"{provider} was stopped: {reason}")
                return _Passed(call.pool.why_stopped(provider), attempt.number)
            case NextModel(reason):
                return _Passed(reason, attempt.number)
            case RetryAt(at):
                await _wait(call, (at - call.clock.now()).total_seconds())
        if call.must_end:
            return CallEnd(was_stopped=True)
        attempt = Try(
            attempt.number + 1, attempt.number_for_model + 1, attempt.is_short or isinstance(decision, Shorten),
            decision.repair if isinstance(decision, CallEnd) else attempt.repair,
        )  # fmt: skip


async def _attempt(
    call: Call, request: Request, attempt: Try, adapter: Provider, lease_seconds: float, *, is_last: bool
) -> CallEnd | _Passed | Crowded | Decision:
    """Make one attempt, as soon as there is room for it, and write down what it brought."""
    limits = call.provider_of(request.chosen).limits
    async with call.pool.slot(request.chosen.model.provider, limits.concurrency):
        prepared = await _pass(call, request, attempt, lease_seconds, is_last=is_last)
        if isinstance(prepared, WaitUntil):
            return _Passed(prepared.reason, attempt.number - 1)
        if isinstance(prepared, CallEnd) and prepared.refusal and attempt.repair:
            reason = f"{attempt.repair.reason}; it was not asked again: {prepared.refusal}"
            return await _written(
                call,
                lambda: _settling(call, lambda connection: fail_call(connection, call, reason, lease_seconds)),
                lambda: failed_before(call, reason),
            )
        if not isinstance(prepared, Prepared):
            return prepared
        call.tell()
        try:
            async with call.pool.room():
                # Who has waited for room may have been asked to stop meanwhile.
                answer = None if call.must_end else await _ask(call, prepared, adapter)
        except BaseException:
            call.crew.let_go(prepared.hold.credits)
            raise
        if answer is None:
            return await _withdraw(call, prepared, lease_seconds)
        unwritten = _Unwritten(call.pool, request.chosen.model.provider)
    try:
        return await _conclude(call, prepared, answer, attempt, lease_seconds, unwritten, is_last=is_last)
    finally:
        unwritten.end()
        call.crew.let_go(prepared.hold.credits)


async def _withdraw(call: Call, prepared: Prepared, lease_seconds: float) -> CallEnd:
    """Close an attempt that was admitted and does not go out; its items are as they were."""
    try:
        return await _written(
            call, lambda: _settling(call, lambda connection: withdraw(connection, call, prepared, lease_seconds))
        )
    finally:
        call.crew.let_go(prepared.hold.credits)


class _Unwritten:
    """An answer that came and is not written down yet: until then the database says that its call is in flight."""

    def __init__(self, pool: ProviderPool, provider: str) -> None:
        self._pool, self._provider = pool, provider
        self._counts = False
        self.begin()

    def begin(self) -> None:
        """Count it; again, when what was written is rolled back."""
        if not self._counts:
            self._pool.count_answered(self._provider, 1)
            self._counts = True

    def end(self) -> None:
        """Count it no more."""
        if self._counts:
            self._pool.count_answered(self._provider, -1)
            self._counts = False


async def _conclude(
    call: Call, prepared: Prepared, answer: Answer, attempt: Try, lease_seconds: float, unwritten: _Unwritten, *,
    is_last: bool,
) -> CallEnd | Decision:  # fmt: skip
    def write(work: Callable[[Connection], _T]) -> asyncio.Future[_T]:
        def counted(connection: Connection) -> _T:
            result = work(connection)
            unwritten.end()
            return result

        return _settling(call, counted, undo=lambda _: unwritten.begin())

    failure = answer.raw.failure
    if failure is not None:
        decision = decide(
            failure, attempt.number_for_model, call.provider_of(prepared.chosen).limits.attempts_max, call.clock.now(),
            call.rng, was_shortened=attempt.is_short,
        )  # fmt: skip
        is_over = isinstance(decision, GiveUp) or (isinstance(decision, NextModel) and decision.is_for_item and is_last)
        if not is_over:
            await _written(
                call,
                lambda: write(lambda connection: record_miss(connection, call, prepared, answer, lease_seconds)),
            )
            return decision
    await call.turn.come()

    def settle_in_turn() -> asyncio.Future[CallEnd]:
        settling = write(lambda connection: settle(connection, call, prepared, answer, lease_seconds))
        # It stands in the queue now: who is behind comes after it, perhaps in the same transaction.
        call.turn.pass_on()
        return settling

    return await _written(call, settle_in_turn, lambda: settled_before(call, prepared, answer))


def _settling(
    call: Call, work: Callable[[Connection], _T], *, undo: Callable[[_T], None] = lambda _: None
) -> asyncio.Future[_T]:
    return call.crew.settlements.add(call.database, lambda connection, _: work(connection), undo=undo)


async def _written(
    call: Call, write: Callable[[], Awaitable[_T]], was_written: Callable[[], _T | None] = lambda: None
) -> _T:
    """Write down what a call brought; while the database is busy or away, try again: it was paid for."""
    for seconds in _DATABASE_WAITS_SECONDS:
        try:
            return await write()
        except (LockedError, UnreachableError):
            await call.clock.sleep(seconds)
        with contextlib.suppress(LockedError, UnreachableError):
            before = was_written()
            if before is not None:
                return before
    return await write()


async def _pass(
    call: Call, request: Request, attempt: Try, lease_seconds: float, *, is_last: bool
) -> Prepared | WaitUntil | Crowded | CallEnd:
    """Wait until the provider's limits have room, then admit; a provider that is down is waited for only so long."""
    waited = 0.0
    while True:
        if call.must_end:
            return CallEnd(was_stopped=True)
        admitted = await _admitted(call, request, attempt, lease_seconds)
        if not isinstance(admitted, WaitUntil):
            return admitted
        seconds = max(0.0, (admitted.at - call.clock.now()).total_seconds())
        if admitted.is_broken:
            waited += seconds
            if not is_last or waited > PATIENCE_SECONDS:
                reason = f"{request.chosen.model.provider} does not answer ({admitted.reason})"
                return replace(admitted, reason=f"{reason}; it is tried again at {admitted.at:%H:%M:%S} UTC")
        await _wait(call, seconds)


async def _admitted(
    call: Call, request: Request, attempt: Try, lease_seconds: float
) -> Prepared | WaitUntil | Crowded | CallEnd:
    """Ask for admission; while the database is busy, and so nothing was written, ask again."""

    def ask() -> Awaitable[Prepared | WaitUntil | Crowded | CallEnd]:
        return call.crew.admissions.add(
            call.database,
            lambda connection, locked: admit(connection, locked, call, request, attempt, lease_seconds),
            undo=lambda result: take_back(call, result, attempt),
        )

    for seconds in _DATABASE_WAITS_SECONDS:
        try:
            return await ask()
        except LockedError:
            await call.clock.sleep(seconds)
        if call.must_end:
            return CallEnd(was_stopped=True)
    return await ask()


async def _wait(call: Call, seconds: float) -> None:
    if seconds <= 0 or call.stop.is_requested:
        return
    if seconds >= _TELL_AFTER_SECONDS:
        call.progress(Waiting(call.context.site.name, seconds))
    await sleep_unless_stopped(call.clock, call.stop, seconds)


async def _ask(call: Call, prepared: Prepared, adapter: Provider) -> Answer:
    """Make the request in a span of its own; a text whose usage nobody told gets an estimate."""
    with call.traces.span(f"{_operation(call)} {prepared.chosen.name}", _asked(call, prepared)) as learn:
        answer = await (_ask_text if call.function.model_type == "text" else _ask_image)(call, prepared, adapter)
        learn(_learned(answer))
    return answer


async def _ask_text(call: Call, prepared: Prepared, adapter: Provider) -> Answer:
    ai, model = call.context.site.ai, prepared.chosen.model
    supports = model.supports
    structured: Structured = "native" if supports.json_mode else "tool" if supports.tools else "prompt"
    completion = await adapter.complete(
        TextRequest(
            prepared.attempt_id, prepared.chosen.name, call.function.name, call.function.output, prepared.prompt,
            prepared.max_tokens, ai.temperature, prepared.inputs, schema_of(call.function.output), structured,
            supports.temperature, call.provider_of(prepared.chosen).limits.timeout_seconds,
        )
    )  # fmt: skip
    if completion.failure is None or completion.usage.total_tokens:
        usage, why = believable_usage(completion.usage, prepared.prompt, completion.text, prepared.max_tokens)
        completion = replace(completion, usage=usage, notes=(*completion.notes, why) if why else completion.notes)
    return Answer(completion, None, completion.failure.message if completion.failure else "")


async def _ask_image(call: Call, prepared: Prepared, adapter: Provider) -> Answer:
    """Ask for an image, and check and store its bytes before the database hears of them."""
    ai = call.context.site.ai

    def remember_task(task: str) -> None:
        with call.database.write() as connection:
            note_task(connection, prepared.attempt_id, task)

    drawn = await adapter.draw(
        ImageRequest(
            prepared.attempt_id, prepared.chosen.name, call.function.name, prepared.prompt, ai.image_size,
            ai.image_quality, ai.image_style, prepared.inputs,
            call.provider_of(prepared.chosen).limits.timeout_seconds, prepared.task, remember_task,
        )
    )  # fmt: skip
    if drawn.failure:
        return Answer(drawn, None, drawn.failure.message)
    kept = call.context.platform.images
    rules = MediaRules(kept.image_format, kept.image_max_side, kept.image_compression_quality)
    prepared_picture = await asyncio.to_thread(prepare_picture, drawn.data, rules)
    if isinstance(prepared_picture, str):
        return Answer(drawn, None, prepared_picture)
    picture, data = prepared_picture
    store_picture(call.media, picture, data)
    return Answer(drawn, picture, "")


def _operation(call: Call) -> str:
    return "chat" if call.function.model_type == "text" else "generate_content"


def _asked(call: Call, prepared: Prepared) -> Attributes:
    asked: dict[str, Any] = {
        "gen_ai.operation.name": _operation(call),
        "gen_ai.provider.name": provider_name(call.provider_of(prepared.chosen).adapter),
        "gen_ai.request.model": prepared.chosen.name,
        "igny8.attempt": prepared.attempt_id,
        "igny8.run": call.lease.run_id,
        "igny8.site": call.context.site.name,
        "igny8.stage": call.stage.declaration.key,
    }
    if prepared.max_tokens:
        asked["gen_ai.request.max_tokens"] = prepared.max_tokens
    return asked


def _learned(answer: Answer) -> Attributes:
    usage = answer.raw.usage
    learned: dict[str, Any] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    if usage.cached_input_tokens:
        learned["gen_ai.usage.cache_read.input_tokens"] = usage.cached_input_tokens
    if answer.raw.provider_request_id:
        learned["gen_ai.response.id"] = answer.raw.provider_request_id
    if isinstance(answer.raw, Completion) and answer.failure is None:
        learned["gen_ai.output.type"] = "json"
    if answer.failure is not None:
        learned["error.type"] = answer.failure.error_class
    return learned
