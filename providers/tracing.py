"""OpenTelemetry: the tracer port, and Temporal's own tracing, over one exporter. The extra `tracing` brings its SDK.

The collector, sampling and more are configured by OpenTelemetry's own variables (`OTEL_…`), which its SDK reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from temporalio.contrib.opentelemetry import TracingInterceptor

_PROPAGATOR = TraceContextTextMapPropagator()


class OpenTelemetry:
    """The tracer port. `interceptor` goes to Temporal's client, and from there to its workers.

    Of the SDK's two integrations this is the one whose spans are exported as they happen: those of the other end with
    their workflow, and an order's lasts for days.
    """

    def __init__(self, processor: SpanProcessor, service: str) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("holdfast")
        self.interceptor = TracingInterceptor(self._tracer)

    @contextmanager
    def entered(self, carrier: Mapping[str, str]) -> Iterator["_Span"]:
        context = _PROPAGATOR.extract(carrier) if carrier else None
        with self._tracer.start_as_current_span("request", context=context, kind=trace.SpanKind.SERVER) as span:
            yield _Span(span)

    @contextmanager
    def calling(self, name: str) -> Iterator["_Span"]:
        with self._tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT) as span:
            yield _Span(span)

    def close(self) -> None:
        self._provider.shutdown()


class _Span:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str | None:
        context = self._span.get_span_context()
        return trace.format_trace_id(context.trace_id) if context.is_valid else None

    def tell(self, name: str, **attributes: str | int) -> None:
        self._span.update_name(name)
        self._span.set_attributes({f"holdfast.{key}": value for key, value in attributes.items()})


class Discreet(SpanExporter):
    """Exports what happened, not what was said: of an error only its class, for its text may repeat what was sent."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_discreet(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def to_collector(service: str) -> OpenTelemetry:
    """Spans go to the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, by OTLP over HTTP."""
    return OpenTelemetry(BatchSpanProcessor(Discreet(OTLPSpanExporter())), service)


def _discreet(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=span.attributes,
        events=[_without_text(event) for event in span.events],
        links=span.links,
        kind=span.kind,
        status=trace.Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_text(event: Event) -> Event:
    kept = {name: value for name, value in (event.attributes or {}).items() if name == "exception.type"}
    return Event(event.name, kept, event.timestamp)
