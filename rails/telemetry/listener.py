"""Where Prometheus reads a process: a port of its own, on this machine unless told otherwise."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess, start_http_server
from prometheus_client.core import REGISTRY
from prometheus_client.registry import Collector
from typing_extensions import override

from rails.telemetry import measures
from rails.telemetry.settings import TelemetrySettings

logger = logging.getLogger("pennyrail.telemetry")


class _CountsProblems(logging.Handler):
    @override
    def emit(self, record: logging.LogRecord) -> None:
        """Count a line by its level and the two first words of its logger."""
        name = ".".join(record.name.split(".")[:2])
        measures.LOGGED.labels(record.levelname, name).inc()


def count_problems() -> None:
    """Count from now on what is logged as a warning or worse."""
    logging.getLogger().addHandler(_CountsProblems(logging.WARNING))


def open_to_prometheus(
    settings: TelemetrySettings, collectors: Iterable[Collector] = (), *, folder: Path | None = None
) -> int | None:
    """Serve measures from now on, in a thread; the port, None if there is none to serve at.

    `folder` is where this process and those it forks keep theirs. A port that is taken is told of in the log:
    money is not kept waiting for whoever counts it.
    """
    if not settings.metrics_port:
        return None
    registry = CollectorRegistry()
    if folder is None:
        # Its own measures, as one collector among others.
        registry.register(REGISTRY)
    else:
        multiprocess.MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    for each in collectors:
        registry.register(each)
    try:
        start_http_server(settings.metrics_port, addr=settings.metrics_host, registry=registry)
    except OSError as error:
        logger.error("nobody can read measures at port %s: %s", settings.metrics_port, error.strerror)
        return None
    measures.STARTED.set_to_current_time()
    logger.info("measures at port %s, of process %s", settings.metrics_port, os.getpid())
    return settings.metrics_port
