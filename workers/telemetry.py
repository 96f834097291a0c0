"""Tasks as they are traced and measured: the story travels in a message's headers."""

import os
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from celery import signals
from prometheus_client import multiprocess

from rails.telemetry import listener, measures, spans, trace
from rails.telemetry.settings import TelemetrySettings

# A process does one task at a time; a task that calls another by its function is one, too.
_UNDER_WAY: Final[dict[str, tuple[ExitStack, float]]] = {}
_OUTCOMES: Final = {"SUCCESS": "done", "FAILURE": "failed", "RETRY": "again", "REVOKED": "revoked"}


def measure_when_ready(folder: Path | None) -> None:
    """Let Prometheus read a worker once its processes are there: they must not inherit the port."""
    listener.count_problems()

    def ready(**_: Any) -> None:
        listener.open_to_prometheus(TelemetrySettings(), folder=folder)

    signals.worker_ready.connect(ready, weak=False)
    if folder is not None:
        signals.worker_process_shutdown.connect(_leave, weak=False)


@signals.before_task_publish.connect
def _send_along(sender: str, headers: dict[str, Any], **_: Any) -> None:
    headers.update(trace.headers())
    measures.SENT.labels(sender).inc()


@signals.worker_process_init.connect
def _begin(**_: Any) -> None:
    spans.start("pennyrail-worker")


def _leave(**_: Any) -> None:
    spans.stop()
    multiprocess.mark_process_dead(os.getpid())  # type: ignore[no-untyped-call]


@signals.task_prerun.connect
def _enter(task_id: str, task: Any, **_: Any) -> None:
    story = trace.read(task.request.get(trace.HEADER)) or trace.fresh()
    stack = ExitStack()
    stack.enter_context(trace.within(story, task=task.name.rpartition(".")[2]))
    stack.enter_context(spans.span(f"task {task.name}", "consumer"))
    _UNDER_WAY[task_id] = (stack, perf_counter())


@signals.task_postrun.connect
def _end(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    found = _UNDER_WAY.pop(task_id, None)
    if found is None:
        return
    stack, began = found
    stack.close()
    measures.TASKS.labels(task.name, _OUTCOMES.get(state or "", "other")).inc()
    measures.TASK_SECONDS.labels(task.name).observe(perf_counter() - began)
