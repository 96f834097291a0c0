"""Charges: one try to move the money of a PaymentIntent."""

from sandbox.stripe_twin import balance, events, fees, identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import Cause, World

KIND = "charge"
TEST_CARD = {
    "brand": "visa",
    "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
    "country": "US",
    "exp_month": 12,
    "exp_year": 2034,
    "funding": "credit",
    "last4": "4242",
    "network": "visa",
}
NULL_AT_FIRST = (
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "calculated_statement_descriptor",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "on_behalf_of",
    "receipt_number",
    "receipt_url",
    "review",
    "shipping",
    "source_transfer",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_data",
    "transfer_group",
)


def card_details() -> Document:
    """How the charge of the test card was paid."""
    return {"type": "card", "card": dict(TEST_CARD)}


def bank_details() -> Document:
    """How a charge by ACH debit was paid."""
    bank = {"account_holder_type": "individual", "bank_name": "STRIPE TEST BANK", "last4": "6789"}
    return {"type": "us_bank_account", "us_bank_account": bank}


def crypto_details(
    *, buyer_address: str, network: str, token_currency: str, transaction_hash: str
) -> Document:
    """How a charge was paid on a chain."""
    return {
        "type": "crypto",
        "crypto": {
            "buyer_address": buyer_address,
            "network": network,
            "token_currency": token_currency,
            "transaction_hash": transaction_hash,
        },
    }


def succeed(world: World, intent: Document, details: Document, cause: Cause) -> Document:
    """Write a charge that moved the whole amount of the intent, and what of it reached the balance."""
    charge = begun(world, intent, details) | {
        "amount_captured": intent["amount"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
    }
    charge["balance_transaction"] = balance.move(
        world,
        kind="charge" if is_card(charge) else "payment",
        amount=charge["amount"],
        fee=fees.of_payment(details["type"], charge["amount"]),
        source=charge,
        livemode=charge["livemode"],
        currency=charge["currency"],
        description=charge["description"],
        delay_seconds=world.switches.funds_pending_seconds,
    )["id"]
    return write(world, charge, cause)


def fail(
    world: World, intent: Document, details: Document, cause: Cause, *, code: str, message: str
) -> Document:
    """Write a charge that moved nothing."""
    failed = {
        "amount_captured": 0,
        "captured": False,
        "failure_code": code,
        "failure_message": message,
        "outcome": {"network_status": "declined_by_network", "type": "issuer_declined"},
        "paid": False,
        "status": "failed",
    }
    return write(world, begun(world, intent, details) | failed, cause)


def begin(world: World, intent: Document, details: Document, cause: Cause) -> None:
    """Write a charge whose money is on its way, and put it on the intent."""
    pending = {"amount_captured": 0, "captured": False, "paid": False, "status": "pending"}
    intent["latest_charge"] = write(world, blank(world, intent, details) | pending, cause)["id"]


def begun(world: World, intent: Document, details: Document) -> Document:
    """The charge of the intent that is on its way, or a new one."""
    charge = of_intent(world, intent)
    return charge if charge is not None and charge["status"] == "pending" else blank(world, intent, details)


def write(world: World, charge: Document, cause: Cause) -> Document:
    """Keep the charge, and tell of it."""
    world.store.put(KIND, charge["id"], charge)
    events.record(world, f"charge.{charge['status']}", charge, cause)
    return charge


def blank(world: World, intent: Document, details: Document) -> Document:
    """A charge of the whole amount, before it is known how it ends; only card charges begin with `ch_`."""
    return dict.fromkeys(NULL_AT_FIRST) | {
        "id": identifiers.new("ch" if details["type"] == "card" else "py"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "captured": True,
        "created": world.now(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "fraud_details": {},
        "livemode": intent["livemode"],
        "metadata": intent["metadata"],
        "outcome": {"network_status": "approved_by_network", "type": "authorized"},
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": details,
        "receipt_email": intent["receipt_email"],
        "refunded": False,
    }


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/charges/{charge}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    charge = world.existing(KIND, call.names["charge"], livemode=call.livemode)
    return shown.to_call(world, call, charge, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/charges"""
    asked = read(Group({**lists.FIELDS, "customer": Text(), "payment_intent": Text()}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("customer", "payment_intent"))
    return shown.to_call(world, call, page, asked.get("expand", []))


def is_card(charge: Document) -> bool:
    """Whether a card was charged; refunds and disputes of everything else go otherwise."""
    return bool(charge["payment_method_details"]["type"] == "card")


def of_intent(world: World, intent: Document) -> Document | None:
    """The last charge of an intent."""
    return None if intent["latest_charge"] is None else world.store.get(KIND, intent["latest_charge"])


def disputes_of(world: World, charge: Document) -> list[Document]:
    """Every dispute of a charge."""
    return world.store.equal("dispute", "charge", charge["id"])
