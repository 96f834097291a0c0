"""Checkout Sessions: their endpoints, discounts, and what expiring does to them."""

from sandbox.stripe_twin import (
    events,
    lists,
    payment_intents,
    promotions,
    session_amounts,
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
    for wanted in asked.get("discounts", []):
        take_wanted_discount(world, call, session, wanted)
    session_amounts.check_minimum(session)
    return shown.to_call(world, call, session, asked.get("expand", []))


def take_wanted_discount(world: World, call: Call, session: Document, wanted: Document) -> None:
    """Take the discount that the creation asked for.

    raises: NoSuchObject, UnexpectedState
    """
    for kind, taking in (("promotion_code", "code"), ("coupon", "coupon")):
        if kind in wanted:
            found = world.existing(kind, wanted[kind], livemode=call.livemode, param=f"discounts[0][{kind}]")
            discount(world, session, **{taking: found})


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
    abandon_intent(world, session, cause)


def abandon_intent(world: World, session: Document, cause: Cause) -> None:
    """Cancel the PaymentIntent of a session that will not be paid, if there is one."""
    intent = intent_of(world, session)
    if intent is not None:
        intent["canceled_at"] = world.now()
        intent["cancellation_reason"] = "automatic"
        payment_intents.move(world, intent, "canceled", cause)


def discount(
    world: World, session: Document, *, code: Document | None = None, coupon: Document | None = None
) -> None:
    """Take a promotion code's discount, or a coupon's, off an open session.

    raises: UnexpectedState if the code is not valid for it
    """
    page = page_of(world, session)
    if code is not None:
        coupon = promotions.usable_coupon(world, code, session["amount_subtotal"])
    assert coupon is not None, "a discount needs a coupon"
    page["coupon"] = coupon
    named = {"coupon": None, "promotion_code": code["id"]} if code is not None else None
    session["discounts"] = [named or {"coupon": coupon["id"], "promotion_code": None}]
    session_amounts.count(session, page, tax_basis_points=0)
    world.store.put(PAGE, session["id"], page)
    world.store.put(KIND, session["id"], session)


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
