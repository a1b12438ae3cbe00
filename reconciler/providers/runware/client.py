"""Runware over HTTP: order, then ask until the image is there, then fetch it.

The id is remembered before the order goes out, and an order that is in doubt is repeated under the same id only: what
Runware has already made under it comes back, and is not made again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.providers.drawing import decoded, failed, media_type_of
from reconciler.providers.port import Completion, Failure, ImageAnswer, ImageRequest, TextRequest
from reconciler.providers.runware.messages import Result, look_up, order, read, read_refusal, task_id
from reconciler.providers.wire import Wire, WireError
from reconciler.usage import Usage

# Images are ready within seconds; asking costs nothing but a request.
PAUSES = (0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)


def build(endpoint: str, api_key: str, timeout_seconds: float) -> RunwareProvider:
    """Return the adapter for an endpoint."""
    return RunwareProvider(Wire(endpoint, {"authorization": f"Bearer {api_key}"}, (api_key,), timeout_seconds))


@dataclass(slots=True)
class RunwareProvider:
    """Draws through Runware; `pauses` are the seconds between two looks, the last of them repeated."""

    wire: Wire
    pauses: Sequence[float] = PAUSES

    async def complete(self, request: TextRequest) -> Completion:
        """Refuse: images only."""
        return Completion("", Usage(), failure=Failure("unsupported", "runware writes no text, it makes images"))

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Order one image and bring it, or bring what the order of a worker that died has become."""
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self._draw(request)
        except TimeoutError:
            text = f"no image within {request.timeout_seconds:g} s"
            return failed(Failure("transient", text, is_in_doubt=True))
        except WireError as error:
            return failed(self.wire.clean(error.failure))

    async def list_models(self) -> frozenset[str] | Failure:
        """Ask for a task that never was: free of charge, and an answer proves reach and key.

        What it offers cannot be asked, so the answer is always a failure; `unsupported` means that all is well.
        """
        try:
            await self.wire.post(self.wire.endpoint, look_up(task_id("00000000-0000-4000-8000-000000000000")))
        except WireError as error:
            if error.failure.error_class != "unsupported":
                return self.wire.clean(error.failure)
        return Failure("unsupported", "runware answers and takes the key, it has no list of models")

    async def close(self) -> None:
        """Close the connections."""
        await self.wire.close()

    async def _draw(self, request: ImageRequest) -> ImageAnswer:
        task = request.task or task_id(request.attempt_id)
        body, notes = order(request, task)
        result = await self._look(task) if request.task else Result("unknown")
        recovered = result.state != "unknown"
        if not recovered:
            request.remember_task(task)
            result = await self._order(body, task)
            # Used before: a worker that died had ordered it after all.
            recovered = result.state == "twice"
        looks = 0
        while result.state not in ("done", "failed"):
            await asyncio.sleep(self.pauses[min(looks, len(self.pauses) - 1)])
            looks += 1
            result = await self._look(task)
            if result.state in ("unknown", "twice") and looks >= len(self.pauses):
                return failed(
                    Failure("transient", "runware accepted the task and now does not know it", is_in_doubt=True)
                )
        if result.failure is not None:
            return failed(self.wire.clean(result.failure), *notes)
        return await self._bring(result, task, notes, recovered=recovered)

    async def _order(self, body: object, task: str) -> Result:
        try:
            reply = await self.wire.post(self.wire.endpoint, body)
        except WireError as error:
            result = read_refusal(error.failure, error.body, task)
            if result.state != "twice":
                raise WireError(result.failure or error.failure) from error
            return result
        return read(reply.body, task, acknowledges=True)

    async def _look(self, task: str) -> Result:
        try:
            reply = await self.wire.post(self.wire.endpoint, look_up(task))
        except WireError as error:
            if error.failure.status in (400, 404):
                return read(error.body, task)
            if error.failure.error_class in ("transient", "rate_limited"):
                # A look that failed says nothing about the order: it may be repeated at once or by the next attempt.
                raise WireError(_in_doubt(error.failure)) from error
            raise
        return read(reply.body, task)

    async def _bring(self, result: Result, task: str, notes: tuple[str, ...], *, recovered: bool) -> ImageAnswer:
        data = decoded(result.encoded) if result.encoded else await self.wire.bring_image(result.url, self.pauses[0])
        if result.cost is None:
            notes = (*notes, "runware did not tell the cost: it is reckoned from the catalogue")
        return ImageAnswer(
            data, media_type_of(data), Usage(images=1), result.cost, result.image_id or task, notes=notes,
            was_recovered=recovered,
        )  # fmt: skip


def _in_doubt(failure: Failure) -> Failure:
    return Failure(failure.error_class, failure.message, failure.retry_after_seconds, True, failure.status)
