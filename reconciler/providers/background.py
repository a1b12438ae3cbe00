"""What the drivers of providers share that make images in the background: order, look again, bring."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reconciler.providers.drawing import failed
from reconciler.providers.port import Completion, Failure, ImageAnswer, ImageRequest, TextRequest
from reconciler.providers.wire import Wire, WireError
from reconciler.usage import Usage


@dataclass(slots=True)
class BackgroundDriver(ABC):
    """Draws through a provider's queue; `pauses` are the seconds between two looks, the last of them repeated."""

    name: ClassVar[str]

    wire: Wire
    pauses: Sequence[float]

    async def complete(self, request: TextRequest) -> Completion:
        """Refuse: images only."""
        return Completion(
            "", Usage(), failure=Failure("unsupported", f"{self.name} writes no text, it makes images", is_unsent=True)
        )

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Order one image and bring it, or bring what the order of a worker that died has become."""
        try:
            async with asyncio.timeout(request.timeout_seconds):
                return await self.order_and_bring(request)
        except TimeoutError:
            text = f"no image within {request.timeout_seconds:g} s"
            return failed(Failure("transient", text, is_in_doubt=True))
        except WireError as error:
            return failed(self.wire.clean(error.failure))

    async def list_models(self) -> frozenset[str] | Failure:
        """Ask after an order that never was: free of charge, and an answer proves reach and key.

        What it offers cannot be asked, so the answer is always a failure; `unsupported` means that all is well.
        """
        try:
            await self.ask_for_nothing()
        except WireError as error:
            if error.failure.error_class != "unsupported":
                return self.wire.clean(error.failure)
        return Failure("unsupported", f"{self.name} answers and takes the key, it has no list of models")

    async def close(self) -> None:
        """Close the connections."""
        await self.wire.close()

    @abstractmethod
    async def order_and_bring(self, request: ImageRequest) -> ImageAnswer:
        """Return the image; WireError when a request brought no usable reply."""

    @abstractmethod
    async def ask_for_nothing(self) -> None:
        """Ask after an order that does not exist; WireError tells what the provider thinks of that."""

    def pause(self, looks: int) -> float:
        """Return the seconds before the next look."""
        return self.pauses[min(looks, len(self.pauses) - 1)]
