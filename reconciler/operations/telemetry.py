"""OpenTelemetry spans, one an attempt, in the words of its conventions for generative AI. Off unless IGNY8_TRACES=on.

Spans say which model was called with which settings and what it used; never a prompt, an answer or a key. Where they
go is said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT and so on).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import UnreachableError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

Attributes = Mapping[str, str | int | float | bool]
# What the conventions call the providers that they know.
_PROVIDER_NAMES = {"google": "gcp.gemini"}


class Traces(Protocol):
    """Opens a span around a block; the block adds what it learns, and an error's class if it fails."""

    def span(
        self, name: str, attributes: Attributes
    ) -> contextlib.AbstractContextManager[Callable[[Attributes], None]]:
        """Open a span."""
        ...


class _NoTraces:
    @contextlib.contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Callable[[Attributes], None]]:
        yield lambda learned: None


class OtelTraces:
    """Spans of an OpenTelemetry tracer."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextlib.contextmanager
    def span(self, name: str, attributes: Attributes) -> Iterator[Callable[[Attributes], None]]:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        with self._tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=dict(attributes), record_exception=False
        ) as span:

            def learn(learned: Attributes) -> None:
                span.set_attributes(dict(learned))
                if "error.type" in learned:
                    span.set_status(Status(StatusCode.ERROR))

            yield learn


NO_TRACES: Traces = _NoTraces()


def provider_name(adapter: str) -> str:
    """Return what the conventions call a provider."""
    return _PROVIDER_NAMES.get(adapter, adapter)


def traces_from_environment() -> Traces:
    """Return the traces that the environment asks for; UnreachableError when the extra is missing."""
    if os.environ.get("IGNY8_TRACES", "").lower() not in ("on", "1", "true"):
        return NO_TRACES
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UnreachableError(
            "OpenTelemetry is not installed", hint="install igny8 with the extra: igny8[otel], or unset IGNY8_TRACES"
        ) from error
    provider = TracerProvider(resource=Resource.create({"service.name": "igny8"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return OtelTraces(provider.get_tracer("igny8"))
