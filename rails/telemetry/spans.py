"""Spans for OpenTelemetry, if it is installed and somebody listens; otherwise nothing happens here."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

from rails.telemetry import trace
from rails.telemetry.settings import TraceSettings

Kind = Literal["server", "client", "consumer", "internal"]
logger = logging.getLogger("pennyrail.telemetry")
# Set once by `start`, in every process: a forked child sends by itself.
_tracer: Any = None
_provider: Any = None


def start(service: str, settings: TraceSettings | None = None) -> bool:
    """Send spans from now on; false if nobody listens, or the extra `telemetry` is not installed."""
    global _tracer, _provider
    endpoint = (settings or TraceSettings()).exporter_otlp_endpoint.rstrip("/")
    if not endpoint:
        return False
    try:
        from rails.telemetry import otlp
    except ImportError:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, and the extra `telemetry` is not installed")
        return False
    _provider = otlp.provider(service, endpoint)
    _tracer = _provider.get_tracer("pennyrail")
    return True


def stop() -> None:
    """Send what was not sent yet."""
    global _tracer, _provider
    if _provider is not None:
        _provider.shutdown()
    _tracer = _provider = None


@contextmanager
def span(
    name: str, kind: Kind = "internal", attributes: Mapping[str, str | int] | None = None
) -> Iterator[Any]:
    """A step of the story that is being told, which the block is told as the one before its own steps.

    Its argument takes attributes that are known later: call it with a mapping.
    """
    if _tracer is None:
        yield _nothing
        return
    from rails.telemetry import otlp

    here = trace.current() or trace.fresh()
    # Not what an error says: it may quote what nobody should keep.
    with otlp.recorded(_tracer, name, kind, here, attributes or {}) as (made, step), trace.within(step):
        yield partial(otlp.describe, made)


def _nothing(_attributes: Mapping[str, str | int]) -> None:
    """Takes what a span would take."""
