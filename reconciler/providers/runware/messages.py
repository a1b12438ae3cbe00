"""Runware's protocol as values: what we send and what we make of the replies. Pure.

A body is a list of tasks; each task's replies carry its taskUUID, results under `data`, errors under `errors`, and both
may stand in one reply.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from reconciler.money import NanoUsd, parse_usd
from reconciler.providers.drawing import dropped, size_of, styled
from reconciler.providers.failures import classify_status, shorten
from reconciler.providers.port import ErrorClass, Failure, ImageRequest

_EDGE_STEP = 64
_FORMATS = {"png": "PNG", "jpeg": "JPG", "webp": "WEBP"}
_CLASSES: tuple[tuple[tuple[str, ...], ErrorClass], ...] = (
    (("apikey", "unauthorized", "authentication", "forbidden"), "auth"),
    (("insufficientcredit", "insufficientfund", "balance", "paymentrequired", "billing"), "quota"),
    (("nsfw", "moderation", "safety", "inappropriate", "contentpolicy"), "refused"),
    (("ratelimit", "toomanyrequests", "concurren"), "rate_limited"),
    (("timeout", "unavailable", "internal", "servererror", "overload", "capacity"), "transient"),
    (("toolong", "exceedsmaximumlength"), "too_long"),
)
# In USD; a cost beyond it is a mistake.
_COST_OF_AN_IMAGE_MAX = 1000
_TWICE = ("duplicate", "alreadyexists", "conflict", "already in use", "already exists", "must be unique")
_UNKNOWN = ("notfound", "not found", "unknown task", "unknowntask", "no task", "expired", "does not exist")


@dataclass(frozen=True, slots=True)
class Result:
    """What a reply says about one task. `state` is unknown when it says nothing, twice when the id was used before."""

    state: Literal["done", "working", "failed", "unknown", "twice"]
    url: str = ""
    encoded: str = ""
    cost: NanoUsd | None = None
    image_id: str = ""
    failure: Failure | None = None


def task_id(attempt_id: str) -> str:
    """Return the task's id of an attempt: the same one, marked as the version 4 that Runware wants."""
    return str(uuid.UUID(int=uuid.UUID(attempt_id).int, version=4))


def order(request: ImageRequest, task: str) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """Return the body that orders an image, and notes on what was not passed on."""
    width, height = (max(_EDGE_STEP, round(edge / _EDGE_STEP) * _EDGE_STEP) for edge in size_of(request.size))
    notes = [styled(request.style, request.model)]
    if request.quality != "standard":
        notes.append(dropped("image_quality", request.quality, request.model))
    if f"{width}x{height}" != request.size:
        notes.append(f"image_size {request.size} was sent as {width}x{height}: edges are multiples of {_EDGE_STEP}")
    if request.background:
        notes.append(dropped("background", request.background, request.model))
    body = {
        "taskType": "imageInference",
        "taskUUID": task,
        "model": request.model,
        "positivePrompt": request.prompt,
        "width": width,
        "height": height,
        "numberResults": 1,
        "outputType": "URL",
        "outputFormat": _FORMATS.get(request.output_format, "PNG"),
        "includeCost": True,
        "deliveryMethod": "async",
    }
    return [body], tuple(notes)


def look_up(task: str) -> list[dict[str, Any]]:
    """Return the body that asks what became of a task."""
    return [{"taskType": "getResponse", "taskUUID": task}]


def read(body: Any, task: str, *, acknowledges: bool = False) -> Result:
    """Return what a reply says about a task; `acknowledges`: it answers an order, where the mere echo means accepted."""
    said = body if isinstance(body, Mapping) else {}
    for error in _of(said.get("errors") or said.get("error"), task):
        return _error(error)
    for item in _of(said.get("data"), task):
        url, encoded = item.get("imageURL"), item.get("imageBase64Data") or item.get("imageDataURI")
        if url or encoded:
            return Result(
                "done", str(url or ""), str(encoded or ""), _cost(item.get("cost")), str(item.get("imageUUID", ""))
            )
        if str(item.get("status", "")).lower() == "error":
            return _error(item)
        if item.get("status") or acknowledges:
            return Result("working")
    return Result("unknown")


def read_refusal(failure: Failure, body: Any, task: str) -> Result:
    """Return what a reply with an error status says about a task: its own words count for more than the status."""
    result = read(body, task)
    if result.state in ("unknown", "done", "working") or result.failure is None:
        return result if result.state == "twice" else Result("failed", failure=failure)
    said = result.failure
    kind = said.error_class if said.error_class not in ("unsupported", "transient") else failure.error_class
    return Result("failed", failure=Failure(kind, said.message, failure.retry_after_seconds, status=failure.status))


def _of(items: Any, task: str) -> list[Mapping[str, Any]]:
    """Return what belongs to a task; what names none belongs to the only one that we sent."""
    found = items if isinstance(items, Sequence) and not isinstance(items, str) else [items]
    return [item for item in found if isinstance(item, Mapping) and item.get("taskUUID", task) == task]


def _error(error: Mapping[str, Any]) -> Result:
    code, message = str(error.get("code", "")), shorten(str(error.get("message", "")))
    words = f"{code} {message}".lower()
    if any(word in words for word in _TWICE) and "uuid" in words:
        return Result("twice")
    if any(word in words for word in _UNKNOWN) and ("task" in words or "response" in words):
        return Result("unknown")
    squeezed = words.replace(" ", "").replace("_", "")
    for marks, kind in _CLASSES:
        if any(mark in squeezed for mark in marks):
            return Result("failed", failure=Failure(kind, f"{code}: {message}"))
    return Result("failed", failure=Failure(classify_status(400, words).error_class, f"{code}: {message}"))


def _cost(value: Any) -> NanoUsd | None:
    """Return a cost in USD as nano-USD, None when none was told; through text, so that no float is reckoned with."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount <= _COST_OF_AN_IMAGE_MAX:
        return None
    return parse_usd(f"{amount.quantize(Decimal('1e-9')):f}")
