"""Webhooks: who is told of an event, signed afresh at every attempt, until a 2xx or the limit."""

import asyncio
import hashlib
import hmac
import json
import time
from fnmatch import fnmatchcase
from typing import Literal

import httpx

from sandbox.stripe_twin import identifiers, thin
from sandbox.stripe_twin.settings import Endpoint
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "delivery"
ATTEMPT = "attempt"
ENDPOINT = "webhook_endpoint"
REORDER_PATIENCE_SECONDS = 3.0
CONCURRENT_MAX = 8
Shape = Literal["snapshot", "thin"]


def configure(world: World) -> None:
    """Register the endpoints of the settings; after a restart they take the places of the earlier ones.

    So an application that comes back on another port gets what waits for it, and its old port nothing.
    """
    for number, endpoint in enumerate(world.config.endpoints):
        write_endpoint(world, endpoint, identifier=f"we_configured{number}")


def register(world: World, endpoint: Endpoint) -> Document:
    """Tell this URL of every later event; the same URL again only changes its secrets and events."""
    known = world.store.equal(ENDPOINT, "url", endpoint.url)
    return write_endpoint(world, endpoint, identifier=known[0]["id"] if known else identifiers.new("we"))


def write_endpoint(world: World, endpoint: Endpoint, *, identifier: str) -> Document:
    """Keep an endpoint under this id."""
    document: Document = {
        "id": identifier,
        "url": endpoint.url,
        "secrets": list(endpoint.secrets),
        "enabled_events": list(endpoint.enabled_events),
        "payload": endpoint.payload,
    }
    world.store.put(ENDPOINT, document["id"], document)
    return document


def queue(world: World, event: Document) -> None:
    """Plan the delivery of a new event to every endpoint that wants it, unless a switch loses it."""
    for endpoint in world.store.oldest_first(ENDPOINT):
        for shape in shapes(endpoint):
            if not is_wanted(event, endpoint):
                continue
            if is_lost(world):
                write(world, event, endpoint, shape, state="dropped", attempts=0)
            else:
                plan(world, event, endpoint, shape, delay_seconds=world.switches.delay_seconds)


def shapes(endpoint: Document) -> tuple[Shape, ...]:
    """In which shapes an endpoint is told of an event."""
    payload = endpoint.get("payload", "snapshot")
    return ("snapshot", "thin") if payload == "both" else (payload,)


def is_wanted(event: Document, endpoint: Document) -> bool:
    """Whether the endpoint listens to this type, by its name in API v1 or in v2."""
    names = (event["type"], thin.kind(event))
    return any(fnmatchcase(name, pattern) for name in names for pattern in endpoint["enabled_events"])


def is_lost(world: World) -> bool:
    """Whether a switch loses the next delivery."""
    switches = world.switches
    world.deliveries_planned += 1
    if switches.drop_next > 0:
        switches.drop_next -= 1
        return True
    every = switches.drop_every
    return switches.drop_all or (every > 0 and world.deliveries_planned % every == 0)


def redeliver(world: World, event: Document) -> int:
    """Send the event again, now, to every endpoint; returns to how many."""
    endpoints = list(world.store.oldest_first(ENDPOINT))
    for endpoint in endpoints:
        for shape in shapes(endpoint):
            before = world.store.get(KIND, name(event, endpoint, shape))
            attempts = before["attempts"] if before else 0
            plan(world, event, endpoint, shape, attempts=attempts, delay_seconds=0)
    return len(endpoints)


def name(event: Document, endpoint: Document, shape: Shape) -> str:
    """The id of a delivery."""
    return f"{event['id']}:{endpoint['id']}" + (":thin" if shape == "thin" else "")


def plan(
    world: World,
    event: Document,
    endpoint: Document,
    shape: Shape,
    *,
    delay_seconds: float,
    attempts: int = 0,
    tries: int = 0,
) -> None:
    """Put a delivery on the clock."""
    due_at = time.time() + delay_seconds
    identifier = write(
        world, event, endpoint, shape, state="waiting", attempts=attempts, due_at=due_at, tries=tries
    )
    world.due[identifier] = due_at
    world.delivery_wanted.set()


def write(
    world: World,
    event: Document,
    endpoint: Document,
    shape: Shape,
    *,
    state: str,
    attempts: int,
    due_at: float = 0,
    tries: int = 0,
) -> str:
    """Write down how a delivery stands; returns its id. `tries` counts since it was last planned afresh."""
    identifier = name(event, endpoint, shape)
    document = {
        "id": identifier,
        "event": event["id"],
        "shape": shape,
        "type": thin.kind(event) if shape == "thin" else event["type"],
        "endpoint": endpoint["id"],
        "state": state,
        "attempts": attempts,
        "tries": tries,
        "due_at": due_at,
    }
    world.store.put(KIND, identifier, document)
    return identifier


def pending(world: World, event_id: str) -> int:
    """How many endpoints have not confirmed the event."""
    return sum(row["state"] != "delivered" for row in world.store.with_prefix(KIND, f"{event_id}:"))


def unconfirmed_events(world: World) -> set[str]:
    """The events that some endpoint has not confirmed, or was never sent."""
    return {
        identifier.partition(":")[0]
        for state in ("waiting", "failed", "dropped")
        for identifier in world.store.identifiers_of_state(KIND, state)
    }


async def run(world: World) -> None:
    """Deliver what is due, for ever, beginning with what an earlier process left behind."""
    for row in world.store.equal(KIND, "state", "waiting"):
        world.due[row["id"]] = row["due_at"]
    places = asyncio.Semaphore(CONCURRENT_MAX)
    timeout = world.config.delivery_timeout_seconds
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client, asyncio.TaskGroup() as group:
        while True:
            world.delivery_wanted.clear()
            for batch in take_due(world, time.time()):
                group.create_task(deliver_in_turn(world, client, places, batch))
            await until_wanted(world)


def take_due(world: World, now: float) -> list[list[str]]:
    """The deliveries whose moment has come, in batches whose order must be kept."""
    ready = [(due_at, identifier) for identifier, due_at in world.due.items() if due_at <= now]
    ready.sort(key=lambda row: row[0])
    if not ready:
        return []
    if world.switches.reorder > 1:
        waited_long_enough = ready[0][0] < now - REORDER_PATIENCE_SECONDS
        if len(ready) < world.switches.reorder and not waited_long_enough:
            return []
        batches = [[identifier for _, identifier in reversed(ready)]]
    else:
        batches = [[identifier] for _, identifier in ready]
    for _, identifier in ready:
        del world.due[identifier]
    return batches


async def until_wanted(world: World) -> None:
    """Wait for a new delivery or for the next planned one."""
    holding = world.switches.reorder > 1
    soonest = min(world.due.values(), default=None)
    wait = None if soonest is None else max(soonest - time.time(), 0.25 if holding else 0)
    try:
        await asyncio.wait_for(world.delivery_wanted.wait(), wait)
    except TimeoutError:
        return


async def deliver_in_turn(
    world: World, client: httpx.AsyncClient, places: asyncio.Semaphore, batch: list[str]
) -> None:
    """Deliver one after the other."""
    async with places:
        for identifier in batch:
            await deliver(world, client, identifier)


async def deliver(world: World, client: httpx.AsyncClient, identifier: str) -> None:
    """Make one attempt, with the copies that the switches ask for, and plan the next if it failed."""
    delivery = world.store.get(KIND, identifier)
    # A change that was rolled back may have left its plan behind.
    event = None if delivery is None else world.store.get("event", delivery["event"])
    endpoint = None if delivery is None else world.store.get(ENDPOINT, delivery["endpoint"])
    if delivery is None or event is None or endpoint is None:
        return
    attempts = delivery["attempts"]
    shape: Shape = delivery.get("shape", "snapshot")
    status: int | None = None
    for _ in range(1 + world.switches.duplicate):
        attempts += 1
        status = await post(client, endpoint, payload(world, event, shape))
        note(world, delivery, attempt=attempts, status=status)
    delays = world.config.retry_delays_seconds
    with world.store.transaction():
        if status is not None and 200 <= status < 300:
            write(world, event, endpoint, shape, state="delivered", attempts=attempts)
        elif delivery["tries"] < len(delays):
            tries = delivery["tries"] + 1
            delay = delays[tries - 1]
            plan(world, event, endpoint, shape, attempts=attempts, delay_seconds=delay, tries=tries)
        else:
            write(world, event, endpoint, shape, state="failed", attempts=attempts)


def note(world: World, delivery: Document, *, attempt: int, status: int | None) -> None:
    """Record an attempt, whatever came of it."""
    document = {
        "event": delivery["event"],
        "type": delivery["type"],
        "endpoint": delivery["endpoint"],
        "attempt": attempt,
        "status": status,
        "at": time.time(),
    }
    world.store.put(ATTEMPT, identifiers.new("att"), document)


def payload(world: World, event: Document, shape: Shape) -> bytes:
    """The body of a delivery."""
    if shape == "thin":
        return json.dumps(thin.notification(event)).encode()
    return json.dumps({**event, "pending_webhooks": pending(world, event["id"])}, indent=2).encode()


async def post(client: httpx.AsyncClient, endpoint: Document, body: bytes) -> int | None:
    """The status that the endpoint answered with, or None if it did not answer."""
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature(body, endpoint["secrets"], timestamp=int(time.time())),
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    }
    try:
        answer = await client.post(endpoint["url"], content=body, headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    return answer.status_code


def signature(body: bytes, secrets: list[str], *, timestamp: int) -> str:
    """The `Stripe-Signature` header: one signature for each secret."""
    signed = f"{timestamp}.".encode() + body
    parts = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={timestamp}", *(f"v1={part}" for part in parts)])
