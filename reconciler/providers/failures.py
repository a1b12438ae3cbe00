"""What went wrong, in the port's classes. Messages are the provider's own words, short and without any secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from reconciler.providers.port import ErrorClass, Failure

_MESSAGE_MAX = 300
_POLICY_WORDS = ("content_policy", "content_filter", "moderation", "safety system", "content policy", "usage policies")
_LENGTH_WORDS = ("context_length", "context length", "prompt is too long", "maximum context", "too many tokens")
_QUOTA_WORDS = ("insufficient_quota", "billing", "credit balance", "exceeded your current quota", "quota_exceeded")


def classify_status(
    status: int, text: str, *, retry_after_seconds: float | None = None, code: str = ""
) -> Failure:  # fmt: skip
    """Return the failure of an HTTP status and what the reply says; `code` is the provider's own word for it."""
    words = f"{code} {text}".lower()
    message = f"HTTP {status}: {shorten(text)}" if text else f"HTTP {status}"
    return Failure(_class_of(status, words), message, retry_after_seconds, status=status)


def _class_of(status: int, words: str) -> ErrorClass:
    def says(phrases: Sequence[str]) -> bool:
        return any(phrase in words for phrase in phrases)

    if status == 402 or (status in (400, 403, 429) and says(_QUOTA_WORDS)):
        return "quota"
    if status == 429:
        return "rate_limited"
    if status in (400, 403, 422) and says(_POLICY_WORDS):
        return "refused"
    if status in (401, 403):
        return "auth"
    if status == 413 or (status in (400, 422) and says(_LENGTH_WORDS)):
        return "too_long"
    # 409 and 425 mean "not now"; so does 408. Everything from 500 up is the provider's own trouble.
    if status in (408, 409, 425) or status >= 500:
        return "transient"
    return "unsupported"


def classify(error: BaseException, secrets: Sequence[str] = ()) -> Failure:
    """Return the failure that an exception of pydantic-ai, an SDK or its HTTP client stands for."""
    failure = _classify(error)
    message = failure.message
    for secret in secrets:
        message = message.replace(secret, "***") if secret else message
    return replace(failure, message=message)


def _classify(error: BaseException) -> Failure:
    from pydantic_ai import exceptions as ai

    status = _status_of(error)
    retry_after = getattr(error, "retry_after", None)
    text = shorten(_words_of(error))
    message = f"HTTP {status}: {text}" if status else text
    by_type: tuple[tuple[type[BaseException], ErrorClass], ...] = (
        (ai.ModelQuotaExceededError, "quota"),
        (ai.ModelRateLimitError, "rate_limited"),
        (ai.ModelContextWindowExceededError, "too_long"),
        (ai.ContentFilterError, "refused"),
    )
    for kind, error_class in by_type:
        if isinstance(error, kind):
            return Failure(error_class, message, retry_after, status=status)
    if status is not None:
        return classify_status(
            status, text, retry_after_seconds=retry_after, code=str(getattr(error, "provider_error_code", "") or "")
        )
    if isinstance(error, ai.ModelRequestTimeout):
        return Failure("transient", f"no answer within {error.timeout:g} s", is_in_doubt=True)
    if isinstance(error, ai.ModelConnectionError):
        # Until the connection stands nothing was sent; later nobody knows how far it came.
        unsent = error.phase in ("pool", "connect")
        return Failure("transient", f"no connection: {text}", is_in_doubt=not unsent, is_unsent=unsent)
    if isinstance(error, ai.UnexpectedModelBehavior):
        return Failure("bad_answer", f"the reply cannot be read: {text}", is_in_doubt=True)
    if isinstance(error, ai.UserError):
        return Failure("unsupported", text, is_unsent=True)
    name = type(error).__name__
    if "Timeout" in name or "Connect" in name or "Network" in name or "Protocol" in name:
        unsent = "Connect" in name
        return Failure("transient", f"no connection: {name}: {text}", is_in_doubt=not unsent, is_unsent=unsent)
    return Failure("bad_answer", f"the reply cannot be read: {text}", is_in_doubt=True)


def _status_of(error: BaseException) -> int | None:
    for name in ("status_code", "code"):
        status = getattr(error, name, None)
        if isinstance(status, int):
            return status
    return None


def _words_of(error: BaseException) -> str:
    """Return what the reply's body says, else the exception's own text."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping):
        inner = cast(Mapping[str, Any], body).get("error", body)
        if isinstance(inner, Mapping) and isinstance(inner.get("message"), str):
            return str(inner["message"])
        if isinstance(inner, str):
            return inner
    return str(error) or type(error).__name__


def shorten(text: str) -> str:
    """Return a text on one line, cut where nobody reads on."""
    line = " ".join(text.split())
    return line if len(line) <= _MESSAGE_MAX else line[: _MESSAGE_MAX - 1] + "…"
