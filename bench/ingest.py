"""POST /webhooks/stripe at 64 connections, against the smallest FastAPI endpoint that inserts one row.

Both are one process over one database with its default durability, and both are sent the same signed events.
"""

import json
from collections.abc import Iterator
from typing import Final

from bench import Row
from bench._load import Load
from bench._run import Run
from bench._serving import environment, serving
from bench.door import median, rates
from sandbox import embedded

SECRET: Final = f"whsec_{'b' * 32}"
KEPT: Final = "webhooks kept, by one row"
# A row as the house keeps it: durable, numbered, raw. Nothing is unique in it but its number.
PREPARE: Final = (
    "CREATE TABLE limit_row (row_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL)"
)
EVENT: Final = json.dumps(
    {
        "id": "evt_{key}",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_763_640_000,
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": "req_{key}", "idempotency_key": "payatt_{key}"},
        "type": "payment_intent.succeeded",
        "data": {
            "object": {
                "id": "pi_{key}",
                "object": "payment_intent",
                "amount": 500,
                "amount_capturable": 0,
                "amount_details": {"tip": {}},
                "amount_received": 500,
                "capture_method": "automatic_async",
                "client_secret": "pi_{key}_secret_{key}",
                "confirmation_method": "automatic",
                "created": 1_763_640_000,
                "currency": "usd",
                "customer": None,
                "latest_charge": "ch_{key}",
                "livemode": False,
                "metadata": {"payment_attempt_id": "payatt_{key}", "quote_id": "quote_{key}"},
                "payment_method": "pm_{key}",
                "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
                "payment_method_types": ["card"],
                "status": "succeeded",
            }
        },
    },
    indent=2,
)


def measure(run: Run) -> Iterator[Row]:
    """Rates of the two, in turns."""
    database_url = run.server.book("ingest", changed=PREPARE)
    with (
        embedded.redis(run.folder / "redis") as redis_url,
        serving(
            run,
            {**environment(database_url), "REDIS_URL": redis_url, "STRIPE_WEBHOOK_SECRETS": SECRET},
            "ingest",
            application="bench._ingesting:application",
        ) as port,
        serving(run, environment(database_url), "one-row", application="bench._row:application") as row_port,
    ):
        seconds = run.effort.seconds
        found = rates(
            run,
            {
                "one row": _load(row_port, "/row", seconds),
                KEPT: _load(port, "/webhooks/stripe", seconds),
            },
        )
    yield median(KEPT, Load(port=0, path="").connections, found[KEPT], found["one row"], 0.5)


def _load(port: int, path: str, seconds: float) -> Load:
    return Load(port=port, path=path, method="POST", body=EVENT, sign_with=SECRET, seconds=seconds)
