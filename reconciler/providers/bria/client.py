"""Bria over HTTP: order, remember where to ask, ask until the image is there, fetch it.

Bria counts each question as a request, so the pauses are longer than elsewhere. An order whose reply never came has no
place to ask at: it stays in doubt, and whether to order again is decided above.
"""

from __future__ import annotations

import asyncio

from reconciler.providers.background import BackgroundDriver
from reconciler.providers.bria.messages import Status, order, place_of, read
from reconciler.providers.drawing import failed, media_type_of
from reconciler.providers.port import Failure, ImageAnswer, ImageRequest
from reconciler.providers.wire import Wire, WireError
from reconciler.usage import Usage

PAUSES = (1.0, 2.0, 3.0, 4.0, 5.0)


def build(endpoint: str, api_key: str, timeout_seconds: float) -> BriaProvider:
    """Return the adapter for an endpoint."""
    return BriaProvider(Wire(endpoint.rstrip("/"), {"api_token": api_key}, (api_key,), timeout_seconds), PAUSES)


class BriaProvider(BackgroundDriver):
    """Draws through Bria."""

    name = "bria"

    async def ask_for_nothing(self) -> None:
        """Ask after an order that does not exist."""
        await self.wire.get(f"{self.wire.endpoint}/v2/status/none")

    async def order_and_bring(self, request: ImageRequest) -> ImageAnswer:
        """Return the image; WireError when a request brought no usable reply."""
        wanted = order(request)
        place, status, recovered = request.task, Status("unknown"), False
        if place and place_of(self.wire.endpoint, {"status_url": place}) == place:
            status = await self._ask(place)
            recovered = status.state != "unknown"
        if not recovered:
            place, status = await self._order(wanted.path, wanted.body, request)
        questions = 0
        while status.state == "working":
            await asyncio.sleep(self.pause(questions))
            questions += 1
            status = await self._ask(place)
        if status.failure is not None:
            return failed(self.wire.clean(status.failure), *wanted.notes)
        if status.state == "unknown":
            return failed(Failure("bad_answer", "the reply says nothing of the order", is_in_doubt=True), *wanted.notes)
        data = await self.wire.bring_image(status.url, self.pauses[0])
        name = place.rpartition("/")[2]
        return ImageAnswer(
            data,
            media_type_of(data),
            Usage(images=1),
            provider_request_id=name,
            notes=wanted.notes,
            was_recovered=recovered,
        )

    async def _order(self, path: str, body: object, request: ImageRequest) -> tuple[str, Status]:
        reply = await self.wire.post(f"{self.wire.endpoint}{path}", body)
        place = place_of(self.wire.endpoint, reply.body)
        status = read(reply.body)
        if status.state in ("done", "failed"):
            return place, status
        if not place:
            return "", Status("unknown")
        request.remember_task(place)
        return place, Status("working")

    async def _ask(self, place: str) -> Status:
        while True:
            try:
                return read((await self.wire.get(place)).body)
            except WireError as error:
                failure = error.failure
                if failure.status == 404:
                    return Status("unknown")
                if failure.error_class not in ("transient", "rate_limited", "bad_answer"):
                    raise
                # The order stands whatever became of a question: ask again, until the time for an answer is over.
                await asyncio.sleep(max(failure.retry_after_seconds or 0.0, self.pauses[0]))
