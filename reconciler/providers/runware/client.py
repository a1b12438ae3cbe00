"""Runware over HTTP: order, then ask until the image is there, then fetch it.

The id is remembered before the order goes out, and an order that is in doubt is repeated under the same id only: what
Runware has already made under it comes back, and is not made again.
"""

from __future__ import annotations

import asyncio

from reconciler.providers.background import BackgroundDriver
from reconciler.providers.drawing import decoded, failed, media_type_of
from reconciler.providers.port import Failure, ImageAnswer, ImageRequest
from reconciler.providers.runware.messages import Result, look_up, order, read, read_refusal, task_id
from reconciler.providers.wire import Wire, WireError
from reconciler.usage import Usage

# Images are ready within seconds; asking costs nothing but a request.
PAUSES = (0.5, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)


def build(endpoint: str, api_key: str, timeout_seconds: float) -> RunwareProvider:
    """Return the adapter for an endpoint."""
    return RunwareProvider(Wire(endpoint, {"authorization": f"Bearer {api_key}"}, (api_key,), timeout_seconds), PAUSES)


class RunwareProvider(BackgroundDriver):
    """Draws through Runware."""

    name = "runware"

    async def ask_for_nothing(self) -> None:
        """Ask after an order that does not exist."""
        await self.wire.post(self.wire.endpoint, look_up(task_id("00000000-0000-4000-8000-000000000000")))

    async def order_and_bring(self, request: ImageRequest) -> ImageAnswer:
        """Return the image; WireError when a request brought no usable reply."""
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
            await asyncio.sleep(self.pause(looks))
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
