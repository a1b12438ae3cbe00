"""The offline adapter: picks the writer of a function, fits its answer into max_tokens and counts what was used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.providers.offline.articles import write_articles
from reconciler.providers.offline.choice import Lot
from reconciler.providers.offline.clusters import write_clusters
from reconciler.providers.offline.ideas import write_ideas
from reconciler.providers.offline.image_prompts import write_image_prompts
from reconciler.providers.offline.improvements import write_links, write_optimized
from reconciler.providers.offline.pictures import paint
from reconciler.providers.port import Completion, Failure, ImageAnswer, ImageRequest, TextRequest
from reconciler.providers.tokens import count_tokens
from reconciler.usage import Usage

Inputs = Mapping[str, Any]
Writer = Callable[[Inputs, Lot], Iterator[dict[str, Any]]]

# A writer yields its answer first as long as asked for, then in ever shorter versions.
WRITERS: Mapping[str, Writer] = {
    "auto_cluster": write_clusters,
    "generate_ideas": write_ideas,
    "generate_content": write_articles,
    "generate_image_prompts": write_image_prompts,
    "link_content": write_links,
    "optimize_content": write_optimized,
}

_SIZE = re.compile(r"([1-9]\d{1,3})x([1-9]\d{1,3})")
_EDGE_MAX = 4096


@dataclass(frozen=True, slots=True)
class OfflineProvider:
    """Answers every request from its seed and contents alone; the attempt's id changes nothing."""

    seed: str = "igny8"

    async def complete(self, request: TextRequest) -> Completion:
        """Write the JSON answer of one of the text functions, within max_tokens."""
        writer = WRITERS.get(request.function)
        if writer is None:
            return _refuse(request, Failure("unsupported", f"the offline provider cannot write {request.function!r}"))
        lot = Lot.of(self.seed, request.model, request.function, request.prompt, _fingerprint(request.inputs))
        text = _first_that_fits(writer(request.inputs, lot), request.max_tokens)
        if text is None:
            return _refuse(request, Failure("bad_answer", f"the inputs of {request.function} hold nothing to work on"))
        if not text:
            reason = f"no answer of {request.function} fits into max_tokens {request.max_tokens}"
            return _refuse(request, Failure("too_long", reason))
        usage = Usage(input_tokens=count_tokens(request.prompt), output_tokens=count_tokens(text))
        return Completion(text, usage, provider_request_id=f"offline-{lot.key[:16]}", simulated=True)

    async def draw(self, request: ImageRequest) -> ImageAnswer:
        """Paint a PNG of the size asked for, off the event loop."""
        size = _read_size(request.size)
        if size is None:
            reason = f"size {request.size!r} is not WIDTHxHEIGHT from 10 to {_EDGE_MAX} pixels"
            return ImageAnswer(b"", "image/png", Usage(), simulated=True, failure=Failure("unsupported", reason))
        contents = (request.function, request.prompt, request.size, request.quality, request.style)
        lot = Lot.of(self.seed, request.model, *contents, _fingerprint(request.inputs))
        import asyncio

        data = await asyncio.to_thread(paint, lot, size, prompt=request.prompt, style=request.style)
        usage = Usage(input_tokens=count_tokens(request.prompt), images=1)
        return ImageAnswer(data, "image/png", usage, provider_request_id=f"offline-{lot.key[:16]}", simulated=True)

    async def close(self) -> None:
        """Release nothing: there is no connection."""


def _first_that_fits(versions: Iterator[dict[str, Any]], max_tokens: int) -> str | None:
    """Return the first version within max_tokens, "" when each is longer, None when there is none at all."""
    found: str | None = None
    for version in versions:
        text = json.dumps(version, ensure_ascii=False)
        if count_tokens(text) <= max_tokens:
            return text
        found = ""
    return found


def _refuse(request: TextRequest, failure: Failure) -> Completion:
    return Completion("", Usage(), simulated=True, failure=failure)


def _fingerprint(inputs: Inputs) -> str:
    return json.dumps(inputs, sort_keys=True, ensure_ascii=False, default=str)


def _read_size(text: str) -> tuple[int, int] | None:
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    width, height = int(found[1]), int(found[2])
    return (width, height) if max(width, height) <= _EDGE_MAX else None
