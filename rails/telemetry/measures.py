"""What processes count and time. Labels are of short lists: routes, rails, tasks, never ids."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

REQUESTS: Final = Counter("pennyrail_http_requests", "Requests answered", ["method", "route", "status"])
REQUEST_SECONDS: Final = Histogram(
    "pennyrail_http_request_seconds",
    "From a request's first byte to its answer's last",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
REFUSALS: Final = Counter("pennyrail_http_refusals", "Requests refused, by the contract's code", ["code"])
GRANT_SECONDS: Final = Histogram(
    "pennyrail_grant_seconds",
    "From the opening of a purchase to its credits",
    ["rail"],
    buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 86400),
)
CALL_SECONDS: Final = Histogram(
    "pennyrail_call_seconds",
    "Calls to processors, nodes and endpoints",
    ["of", "call", "outcome"],
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 80),
)
SENT: Final = Counter("pennyrail_tasks_sent", "Tasks that were asked for", ["task"])
TASKS: Final = Counter("pennyrail_tasks", "Tasks that ended", ["task", "outcome"])
TASK_SECONDS: Final = Histogram(
    "pennyrail_task_seconds",
    "How long tasks take",
    ["task"],
    buckets=(0.005, 0.02, 0.1, 0.5, 2, 10, 30, 60, 120, 600, 3600),
)
GROUP: Final = Histogram(
    "pennyrail_writer_group_operations",
    "Operations that were committed together",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
DUE_AGENTS: Final = Counter(
    "pennyrail_due_agents", "Agents whose holds or credits were out of time and were settled"
)
DELIVERIES: Final = Counter("pennyrail_webhook_deliveries", "Webhooks tried, by what came of it", ["outcome"])
LOGGED: Final = Counter("pennyrail_log_problems", "Lines of level WARNING and worse", ["level", "logger"])
STARTED: Final = Gauge(
    "pennyrail_started_seconds", "When this process began, as Unix time", multiprocess_mode="max"
)


@contextmanager
def call(of: str, name: str) -> Iterator[None]:
    """Time a call to somebody outside; what it raises is its outcome."""
    began, outcome = perf_counter(), "ok"
    try:
        yield
    except Exception as error:
        outcome = type(error).__name__
        raise
    finally:
        CALL_SECONDS.labels(of, name, outcome).observe(perf_counter() - began)
