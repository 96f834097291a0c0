"""PaymentIntents: their endpoints, and the only places where their status changes."""

from sandbox.stripe_twin import charges, events, identifiers, intent_creation, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, Cause, World

KIND = "payment_intent"
DEPOSIT = "deposit"
CANCELLATION_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")
CANCELABLE = ("requires_payment_method", "requires_confirmation", "requires_action", "requires_capture")


def create(world: World, call: Call) -> Document:
    """POST /v1/payment_intents"""
    asked = intent_creation.read_request(world, call)
    intent = intent_creation.blank(
        world, livemode=call.livemode, amount=asked["amount"], currency=asked["currency"].lower()
    )
    for name in ("customer", "description", "metadata", "receipt_email", "statement_descriptor"):
        intent[name] = asked.get(name, intent[name])
    types = asked.get("allowed_payment_method_types", asked.get("payment_method_types"))
    intent["allowed_payment_method_types"] = asked.get("allowed_payment_method_types")
    intent["payment_method_types"] = types or ["card"]
    intent["payment_method_options"] = asked.get("payment_method_options", {})
    events.record(world, "payment_intent.created", intent, call.cause)
    if intent_creation.is_deposit(asked):
        intent["payment_method"] = identifiers.new("pm")
        intent["next_action"] = open_deposit(world, intent)
        move(world, intent, "requires_action", call.cause)
    world.store.put(KIND, intent["id"], intent)
    return shown.to_call(world, call, intent, asked.get("expand", []))


def open_deposit(world: World, intent: Document) -> Document:
    """Set a fresh address aside for the intent; returns the next action that shows it."""
    address = identifiers.address()
    deposit = {
        "payment_intent": intent["id"],
        "livemode": intent["livemode"],
        "network": "base",
        "address": address,
        "expires_at": world.now() + world.config.deposit_lifetime_seconds,
        "claimed_by": None,
    }
    world.store.put(DEPOSIT, address.lower(), deposit)
    token = {"token_currency": "usdc", "token_contract_address": world.config.usdc_contract}
    return {
        "type": "crypto_display_details",
        "crypto_display_details": {
            "deposit_addresses": {"base": {"address": address, "supported_tokens": [token]}}
        },
    }


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/payment_intents/{intent}"""
    asked = read(Group({"client_secret": Text(), "expand": Listing(Text())}), call.nodes)
    intent = world.existing(KIND, call.names["intent"], livemode=call.livemode)
    return shown.to_call(world, call, intent, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/payment_intents"""
    asked = read(Group({**lists.FIELDS, "customer": Text()}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("customer",))
    page["data"] = [shown.to_version(intent, call.version) for intent in page["data"]]
    return shown.to_call(world, call, page, asked.get("expand", []))


def cancel(world: World, call: Call) -> Document:
    """POST /v1/payment_intents/{intent}/cancel

    raises: UnexpectedState unless it still waits for something, or if a Checkout Session owns it
    """
    asked = read(
        Group({"cancellation_reason": Text(choices=CANCELLATION_REASONS), "expand": Listing(Text())}),
        call.nodes,
    )
    intent = world.existing(KIND, call.names["intent"], livemode=call.livemode)
    if world.store.get("checkout_intent", intent["id"]) is not None:
        raise UnexpectedState(
            "You cannot cancel this PaymentIntent because it was created by Checkout. "
            "Expire the Checkout Session instead.",
            code="payment_intent_unexpected_state",
        )
    if intent["status"] not in CANCELABLE:
        raise UnexpectedState(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            code="payment_intent_unexpected_state",
        )
    intent["canceled_at"] = world.now()
    intent["cancellation_reason"] = asked.get("cancellation_reason")
    intent["next_action"] = None
    move(world, intent, "canceled", call.cause)
    return shown.to_call(world, call, intent, asked.get("expand", []))


def process(world: World, intent: Document, cause: Cause = BY_ITSELF) -> None:
    """The money was detected and is being validated."""
    move(world, intent, "processing", cause)


def go_back(world: World, intent: Document) -> None:
    """The money that was detected is gone again."""
    move(world, intent, "requires_action", BY_ITSELF)


def succeed(world: World, intent: Document, details: Document, cause: Cause = BY_ITSELF) -> None:
    """The money arrived."""
    charge = charges.succeed(world, intent, details, cause)
    intent["amount_received"] = intent["amount"]
    intent["last_payment_error"] = None
    intent["latest_charge"] = charge["id"]
    intent["next_action"] = None
    move(world, intent, "succeeded", cause)


def fail(
    world: World, intent: Document, details: Document, cause: Cause = BY_ITSELF, *, code: str, message: str
) -> None:
    """A try to pay failed; the intent waits for another."""
    charge = charges.fail(world, intent, details, cause, code=code, message=message)
    intent["last_payment_error"] = {
        "charge": charge["id"],
        "code": code,
        "message": message,
        "payment_method": {
            "id": intent["payment_method"],
            "object": "payment_method",
            "type": details["type"],
        },
        "type": "card_error" if details["type"] == "card" else "invalid_request_error",
    }
    intent["latest_charge"] = charge["id"]
    intent["next_action"] = None
    intent["payment_method"] = None
    intent["status"] = "requires_payment_method"
    world.store.put(KIND, intent["id"], intent)
    events.record(world, "payment_intent.payment_failed", intent, cause)


def move(world: World, intent: Document, status: str, cause: Cause) -> None:
    """Set a status whose event has the same name."""
    intent["status"] = status
    world.store.put(KIND, intent["id"], intent)
    events.record(world, f"payment_intent.{status}", intent, cause)
