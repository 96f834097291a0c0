"""The control API under /_twin: switches and windows for tests and demos, which real Stripe does not have."""

from fastapi import APIRouter, FastAPI, HTTPException

from sandbox.stripe_twin import (
    checkout_control,
    clockwork,
    deliveries,
    deposits,
    money_control,
    payment_intents,
)
from sandbox.stripe_twin.models import (
    AttemptRow,
    ClockStep,
    DeliveryRow,
    Fault,
    Health,
    IntentRow,
    Moment,
    NewEndpoint,
    NewSecrets,
    RegisteredEndpoint,
    SeenRequest,
    TransferRow,
)
from sandbox.stripe_twin.money_control import existing
from sandbox.stripe_twin.settings import Endpoint
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.switches import Switches
from sandbox.stripe_twin.world import World


def add_endpoints(application: FastAPI, world: World) -> None:
    """Open the control API."""
    router = APIRouter(prefix="/_twin", include_in_schema=False)
    add_webhook_endpoints(router, world)
    add_deliveries(router, world)
    add_faults(router, world)
    add_payments(router, world)
    add_time(router, world)
    money_control.add_endpoints(router, world)
    checkout_control.add_endpoints(router, world)
    application.include_router(router)


def add_webhook_endpoints(router: APIRouter, world: World) -> None:
    """Who is told of events, and with which secrets."""

    @router.post("/endpoints")
    async def register(given: NewEndpoint) -> RegisteredEndpoint:
        endpoint = Endpoint(
            url=given.url,
            secrets=tuple(given.secrets),
            enabled_events=tuple(given.enabled_events),
            payload=given.payload,
        )
        return RegisteredEndpoint.model_validate(deliveries.register(world, endpoint))

    @router.get("/endpoints")
    async def endpoints() -> list[RegisteredEndpoint]:
        rows = world.store.oldest_first(deliveries.ENDPOINT)
        return [RegisteredEndpoint.model_validate(row) for row in rows]

    @router.put("/endpoints/{endpoint}/secrets")
    async def change_secrets(endpoint: str, given: NewSecrets) -> RegisteredEndpoint:
        document = existing(world, deliveries.ENDPOINT, endpoint) | {"secrets": given.secrets}
        world.store.put(deliveries.ENDPOINT, endpoint, document)
        return RegisteredEndpoint.model_validate(document)

    @router.delete("/endpoints/{endpoint}")
    async def remove(endpoint: str) -> RegisteredEndpoint:
        document = existing(world, deliveries.ENDPOINT, endpoint)
        world.store.delete(deliveries.ENDPOINT, endpoint)
        return RegisteredEndpoint.model_validate(document)


def add_deliveries(router: APIRouter, world: World) -> None:
    """How well webhooks arrive, and what became of each."""

    @router.get("/switches")
    async def switches() -> Switches:
        return world.switches

    @router.put("/switches")
    async def set_switches(given: Switches) -> Switches:
        world.switches = given
        # Deliveries that were held back for reordering may be free now.
        world.delivery_wanted.set()
        return given

    @router.get("/deliveries")
    async def list_deliveries(event: str = "") -> list[DeliveryRow]:
        rows = world.store.with_prefix(deliveries.KIND, event)
        return [DeliveryRow.model_validate(row) for row in rows]

    @router.get("/attempts")
    async def attempts() -> list[AttemptRow]:
        return [AttemptRow.model_validate(row) for row in world.store.oldest_first(deliveries.ATTEMPT)]

    @router.post("/events/{event}/redeliver")
    async def redeliver(event: str) -> int:
        return deliveries.redeliver(world, existing(world, "event", event))


def add_faults(router: APIRouter, world: World) -> None:
    """What the API was asked, and how it shall fail."""

    @router.get("/requests")
    async def requests(path_prefix: str = "/", method: str | None = None) -> list[SeenRequest]:
        return [
            seen for seen in world.seen if seen.path.startswith(path_prefix) and method in (None, seen.method)
        ]

    @router.delete("/requests")
    async def forget_requests() -> int:
        count = len(world.seen)
        world.seen.clear()
        return count

    @router.post("/faults")
    async def add_fault(fault: Fault) -> Fault:
        world.faults.append(fault)
        return fault

    @router.get("/faults")
    async def list_faults() -> list[Fault]:
        return world.faults

    @router.delete("/faults")
    async def clear_faults() -> int:
        count = len(world.faults)
        world.faults.clear()
        return count


def add_payments(router: APIRouter, world: World) -> None:
    """Payments as the twin sees them from inside."""

    @router.get("/payment_intents")
    async def intents() -> list[IntentRow]:
        all_deposits = {
            row["payment_intent"]: row for row in world.store.oldest_first(payment_intents.DEPOSIT)
        }
        return [
            intent_row(world, intent, all_deposits.get(intent["id"]))
            for intent in world.store.oldest_first(payment_intents.KIND)
        ]

    @router.post("/payment_intents/{intent}/expire")
    async def expire_deposit(intent: str) -> IntentRow:
        document = existing(world, payment_intents.KIND, intent)
        deposit = deposits.expire(world, intent)
        if deposit is None:
            raise HTTPException(409, "this PaymentIntent awaits no deposit")
        return intent_row(world, document, deposit)

    @router.get("/transfers")
    async def transfers(state: str | None = None) -> list[TransferRow]:
        rows = world.store.oldest_first(deposits.KIND)
        return [transfer_row(world, row) for row in rows if state in (None, row["state"])]


def add_time(router: APIRouter, world: World) -> None:
    """Health and the clock."""

    @router.get("/health")
    async def health() -> Health:
        return world.chain

    @router.get("/clock")
    async def clock() -> Moment:
        return Moment(now=world.now())

    @router.post("/clock")
    async def advance(step: ClockStep) -> Moment:
        world.advance_clock(step.advance_seconds)
        clockwork.sweep(world)
        return Moment(now=world.now())


def intent_row(world: World, intent: Document, deposit: Document | None) -> IntentRow:
    """An intent with the address and the transaction that belong to it."""
    row = IntentRow.model_validate(
        {name: intent[name] for name in ("id", "status", "amount", "currency", "livemode")}
    )
    if deposit is not None:
        row.network = deposit["network"]
        row.address = deposit["address"]
    charge = world.store.get("charge", intent["latest_charge"]) if intent["latest_charge"] else None
    if charge is not None:
        row.transaction_hash = charge["payment_method_details"].get("crypto", {}).get("transaction_hash")
    return row


def transfer_row(world: World, row: Document) -> TransferRow:
    """A transfer with the intent whose address it went to."""
    deposit, intent = deposits.expected(world, row["to"])
    return TransferRow.model_validate(row | {"payment_intent": intent["id"], "address": deposit["address"]})
