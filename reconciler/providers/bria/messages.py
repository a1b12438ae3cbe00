"""Bria's protocol as values: what we send and what we make of the replies. Pure.

FIBO models stand behind one v2 address and are asked for in the background. The older bria-2.x models have an address
each, in v1, and answer at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from reconciler.providers.drawing import dropped, is_exact, nearest_ratio, styled
from reconciler.providers.failures import shorten
from reconciler.providers.port import Failure, ImageRequest

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9")
_OLD = re.compile(r"bria-(2\.\d+)(?:-(fast|hd))?")
_MEDIA = {"photorealistic": "photography", "illustration": "art"}
_POLICY = ("moderation", "policy", "inappropriate", "forbidden content")


@dataclass(frozen=True, slots=True)
class Order:
    """One order: where it goes (a path), its body, whether the answer comes at once, and what was not passed on."""

    path: str
    body: Mapping[str, Any]
    is_direct: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """What a reply says of an order."""

    state: Literal["done", "working", "failed", "unknown"]
    url: str = ""
    failure: Failure | None = None


def order(request: ImageRequest) -> Order:
    """Return the order of one image in the words of the model's own address."""
    ratio = nearest_ratio(request.size, RATIOS)
    notes = []
    if not is_exact(request.size, ratio) or request.size != "1024x1024":
        notes.append(f"image_size {request.size} was asked for as {ratio}: {request.model} takes shapes, not pixels")
    if request.background:
        notes.append(dropped("background", request.background, request.model))
    old = _OLD.fullmatch(request.model)
    if old is None:
        notes.append(styled(request.style, request.model))
        body: dict[str, Any] = {
            "prompt": request.prompt,
            "aspect_ratio": ratio,
            "resolution": "4MP" if request.quality == "hd" else "1MP",
            "output_type": "jpeg" if request.output_format == "jpeg" else "png",
            "sync": False,
        }
        return Order("/v2/image/generate", body, False, tuple(notes))
    version, variant = old.groups()
    body = {"prompt": request.prompt, "num_results": 1, "aspect_ratio": ratio, "sync": True}
    if request.style in _MEDIA:
        body["medium"] = _MEDIA[request.style]
    else:
        notes.append(styled(request.style, request.model))
    if request.quality != "standard" and variant != "hd":
        notes.append(dropped("image_quality", request.quality, request.model))
    return Order(f"/v1/text-to-image/{variant or 'base'}/{version}", body, True, tuple(notes))


def place_of(endpoint: str, body: Any) -> str:
    """Return where to ask for an order, "" when the reply names no place; never anywhere but at the endpoint.

    The key goes with the question, so an address elsewhere is replaced by the endpoint's own one for the same order.
    """
    said = body if isinstance(body, Mapping) else {}
    url, request_id = str(said.get("status_url") or ""), str(said.get("request_id") or "")
    if url and urlsplit(url)[:2] == urlsplit(endpoint)[:2]:
        return url
    if re.fullmatch(r"[A-Za-z0-9_-]{1,128}", request_id):
        return f"{endpoint.rstrip('/')}/v2/status/{request_id}"
    return ""


def read(body: Any) -> Status:
    """Return what a reply, of the background or at once, says of an order."""
    said = body if isinstance(body, Mapping) else {}
    result = said.get("result")
    status = str(said.get("status") or "").upper()
    if status in ("ERROR", "UNKNOWN", "FAILED"):
        return Status("failed", failure=_failure(said.get("error"), status))
    if isinstance(result, list) and result and isinstance(result[0], Mapping):
        urls = result[0].get("urls")
        return _done(urls[0] if isinstance(urls, list) and urls else result[0].get("url"))
    if isinstance(result, Mapping) and status in ("", "COMPLETED"):
        return _done(result.get("image_url"))
    return Status("working") if status in ("IN_PROGRESS", "PENDING", "QUEUED") else Status("unknown")


def _done(url: Any) -> Status:
    if isinstance(url, str) and url:
        return Status("done", url)
    return Status("failed", failure=Failure("bad_answer", "the result names no image"))


def _failure(error: Any, status: str) -> Failure:
    said = error if isinstance(error, Mapping) else {"message": str(error or "no reason given")}
    text = shorten(str(said.get("message") or said.get("details") or "no reason given"))
    if any(word in f"{said.get('code')} {text}".lower() for word in _POLICY):
        return Failure("refused", f"the content policy of the provider refused it: {text}")
    # UNKNOWN is Bria's word for an internal error.
    return Failure("transient", f"{status}: {text}")
