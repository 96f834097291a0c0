"""Spans by OTLP over HTTP. Imported only where OpenTelemetry is installed and wanted."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from typing_extensions import override

from rails.telemetry import trace
from rails.telemetry.trace import Trace


class _OurIds(RandomIdGenerator):
    @override
    def generate_trace_id(self) -> int:
        """That of the story being told: log lines and spans name it alike."""
        here = trace.current_id()
        return int(here, 16) if here is not None else super().generate_trace_id()


def provider(service: str, endpoint: str) -> TracerProvider:
    """Who makes spans and sends them, some at a time, from a thread."""
    made = TracerProvider(resource=Resource.create({"service.name": service}), id_generator=_OurIds())
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=5)))
    return made


@contextmanager
def recorded(
    tracer: api.Tracer, name: str, kind: str, here: Trace, attributes: Mapping[str, str | int]
) -> Iterator[tuple[Span, Trace]]:
    """A span below the step of `here`, and the trace with it as its newest step."""
    with (
        trace.within(here),
        tracer.start_as_current_span(
            name,
            context=_below(here),
            kind=SpanKind[kind.upper()],
            attributes=dict(attributes),
            record_exception=False,
            set_status_on_exception=False,
        ) as made,
    ):
        known = made.get_span_context()
        step = Trace(f"{known.trace_id:032x}", f"{known.span_id:016x}", has_parent=True, sampled=here.sampled)
        try:
            yield made, step
        except Exception as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise


def describe(made: Span, attributes: Mapping[str, str | int]) -> None:
    """Tell more of a span."""
    made.set_attributes(dict(attributes))


def _below(here: Trace) -> Context:
    if not here.has_parent:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if here.sampled else TraceFlags.DEFAULT)
    parent = SpanContext(int(here.trace_id, 16), int(here.span_id, 16), is_remote=True, trace_flags=flags)
    return api.set_span_in_context(NonRecordingSpan(parent), Context())
