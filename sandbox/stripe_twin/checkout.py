"""Checkout Sessions: their endpoints, and what paying, declining and expiring do to them."""

from sandbox.stripe_twin import (
    charges,
    events,
    identifiers,
    intent_creation,
    lists,
    payment_intents,
    session_creation,
    shown,
)
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, Cause, World

KIND = "checkout.session"
PAGE = "checkout_page"
INTENT = "checkout_intent"


def create(world: World, call: Call) -> Document:
    """POST /v1/checkout/sessions"""
    asked = session_creation.read_request(world, call)
    session = session_creation.session(world, call, asked)
    page = {
        "fragment": session["url"].partition("#")[2],
        "line_items": session_creation.line_items(session["id"], asked),
        "payment_intent_data": asked.get("payment_intent_data", {}),
    }
    world.store.put(KIND, session["id"], session)
    world.store.put(PAGE, session["id"], page)
    return shown.to_call(world, call, session, asked.get("expand", []))


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/checkout/sessions/{session}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    session = world.existing(KIND, call.names["session"], livemode=call.livemode)
    return shown.to_call(world, call, session, asked.get("expand", []))


def list_line_items(world: World, call: Call) -> Document:
    """GET /v1/checkout/sessions/{session}/line_items"""
    read(Group({name: lists.FIELDS[name] for name in ("expand", "limit")}), call.nodes)
    session = world.existing(KIND, call.names["session"], livemode=call.livemode)
    items: Document = page_of(world, session)["line_items"]
    return items


def list_page(world: World, call: Call) -> Document:
    """GET /v1/checkout/sessions"""
    statuses = Text(choices=("open", "complete", "expired"))
    asked = read(Group({**lists.FIELDS, "payment_intent": Text(), "status": statuses}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("payment_intent", "status"))
    return shown.to_call(world, call, page, asked.get("expand", []))


def expire(world: World, call: Call) -> Document:
    """POST /v1/checkout/sessions/{session}/expire

    raises: UnexpectedState unless it is open
    """
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    session = world.existing(KIND, call.names["session"], livemode=call.livemode)
    if session["status"] != "open":
        raise UnexpectedState(
            f"This Session is not in an expirable state. Only Sessions with a status of open are expirable. "
            f"This Session has a status of {session['status']}.",
        )
    close(world, session, call.cause)
    return shown.to_call(world, call, session, asked.get("expand", []))


def expire_due(world: World) -> None:
    """Close the open sessions whose time is over."""
    for session in world.store.equal(KIND, "status", "open"):
        if session["expires_at"] <= world.now():
            close(world, session, BY_ITSELF)


def close(world: World, session: Document, cause: Cause) -> None:
    """Expire an open session; a PaymentIntent that was declined on it is canceled with it."""
    session["status"] = "expired"
    session["url"] = None
    world.store.put(KIND, session["id"], session)
    events.record(world, "checkout.session.expired", session, cause)
    intent = intent_of(world, session)
    if intent is not None:
        intent["canceled_at"] = world.now()
        intent["cancellation_reason"] = "automatic"
        payment_intents.move(world, intent, "canceled", cause)


def pay(world: World, session: Document) -> Document:
    """Pay an open session with the test card; one that is complete stays as it is. Returns the session."""
    if session["status"] != "open":
        return session
    intent = intent_of(world, session) or start_intent(world, session)
    intent["payment_method"] = identifiers.new("pm")
    payment_intents.succeed(world, intent, charges.card_details())
    email = session["customer_email"] or "person@example.com"
    session["customer_details"] = {
        "address": {
            "city": None,
            "country": "US",
            "line1": None,
            "line2": None,
            "postal_code": None,
            "state": None,
        },
        "email": email,
        "name": "A Person",
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": [],
    }
    session["payment_status"] = "paid"
    session["status"] = "complete"
    session["url"] = None
    world.store.put(KIND, session["id"], session)
    events.record(world, "checkout.session.completed", session, BY_ITSELF)
    return session


def decline(world: World, session: Document) -> Document:
    """Let the bank refuse the card; the session stays open. Returns the session."""
    if session["status"] != "open":
        return session
    intent = intent_of(world, session) or start_intent(world, session)
    intent["payment_method"] = identifiers.new("pm")
    payment_intents.fail(
        world, intent, charges.card_details(), code="card_declined", message="Your card was declined."
    )
    return session


def start_intent(world: World, session: Document) -> Document:
    """The PaymentIntent of the first try to pay; it carries only what `payment_intent_data` said."""
    given = page_of(world, session)["payment_intent_data"]
    intent = intent_creation.blank(
        world, livemode=session["livemode"], amount=session["amount_total"], currency=session["currency"]
    )
    intent |= {name: given[name] for name in ("description", "metadata", "receipt_email") if name in given}
    intent["payment_method_types"] = session["payment_method_types"]
    world.store.put(payment_intents.KIND, intent["id"], intent)
    world.store.put(INTENT, intent["id"], {"session": session["id"]})
    session["payment_intent"] = intent["id"]
    world.store.put(KIND, session["id"], session)
    events.record(world, "payment_intent.created", intent, BY_ITSELF)
    return intent


def intent_of(world: World, session: Document) -> Document | None:
    """The PaymentIntent of the session, once somebody tried to pay."""
    if session["payment_intent"] is None:
        return None
    return world.store.get(payment_intents.KIND, session["payment_intent"])


def page_of(world: World, session: Document) -> Document:
    """What the session's page knows and the session does not show."""
    page = world.store.get(PAGE, session["id"])
    assert page is not None, "every session has its page"
    return page
