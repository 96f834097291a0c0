"""What people do on the page of a Checkout Session: redeem a code, pay now or slowly, be declined."""

from typing import Literal

from sandbox.stripe_twin import (
    charges,
    checkout,
    events,
    identifiers,
    intent_creation,
    payment_intents,
    promotions,
    session_amounts,
)
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, World

Method = Literal["card", "us_bank_account"]
PAYER: Document = {
    "address": {
        "city": None,
        "country": "US",
        "line1": None,
        "line2": None,
        "postal_code": None,
        "state": None,
    },
    "name": "A Person",
    "phone": None,
    "tax_exempt": "none",
    "tax_ids": [],
}


def redeem(world: World, session: Document, text: str) -> None:
    """Take the discount of a promotion code that the payer typed.

    raises: UnexpectedState if the session takes none, or the code is not valid for it
    """
    code = promotions.active_code(world, text, livemode=session["livemode"])
    if not session["allow_promotion_codes"] or session["status"] != "open" or code is None:
        raise UnexpectedState("This code is invalid.")
    checkout.discount(world, session, code=code)


def pay(
    world: World, session: Document, *, method: Method = "card", promotion_code: str | None = None
) -> Document:
    """Pay an open session; one that is complete stays as it is. Returns the session.

    raises: UnexpectedState if the method or the code is not offered
    """
    if session["status"] != "open":
        return session
    if method not in session["payment_method_types"]:
        raise UnexpectedState(f"This session does not offer {method}.")
    if promotion_code is not None:
        redeem(world, session, promotion_code)
    locate(world, session)
    if session["amount_total"] == 0:
        return pay_nothing(world, session)
    intent = intent_to_pay(world, session)
    intent["payment_method"] = identifiers.new("pm")
    if method == "card":
        payment_intents.succeed(world, intent, charges.card_details())
        return complete(world, session, "paid")
    charges.begin(world, intent, charges.bank_details(), BY_ITSELF)
    payment_intents.process(world, intent)
    return complete(world, session, "unpaid")


def locate(world: World, session: Document) -> None:
    """The payer gives an address, so that the tax is known.

    raises: InvalidRequest if what is left is too small for a card
    """
    page = checkout.page_of(world, session)
    session_amounts.count(session, page, tax_basis_points=session_amounts.rate(world, session))
    session_amounts.check_minimum(session)
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete"
    world.store.put(checkout.PAGE, session["id"], page)


def pay_nothing(world: World, session: Document) -> Document:
    """Complete a session that costs nothing: there is no PaymentIntent and no charge."""
    if session["payment_intent"] is not None:
        checkout.abandon_intent(world, session, BY_ITSELF)
        session["payment_intent"] = None
    return complete(world, session, "no_payment_required")


def complete(world: World, session: Document, payment_status: str) -> Document:
    """Close a session that the payer finished. Returns it."""
    session["customer_details"] = {**PAYER, "email": session["customer_email"] or "person@example.com"}
    session["payment_status"] = payment_status
    session["status"] = "complete"
    session["url"] = None
    world.store.put(checkout.KIND, session["id"], session)
    coupon = checkout.page_of(world, session).get("coupon")
    if coupon is not None:
        promotions.redeem(world, session["discounts"][0]["promotion_code"], coupon["id"])
    events.record(world, "checkout.session.completed", session, BY_ITSELF)
    return session


def settle_delayed(world: World, session: Document, *, succeeded: bool) -> Document:
    """Let the bank answer a payment by a slow method. Returns the session.

    raises: UnexpectedState if none is awaited
    """
    intent = checkout.intent_of(world, session)
    if session["status"] != "complete" or intent is None or intent["status"] != "processing":
        raise UnexpectedState("This session awaits no delayed payment.")
    if succeeded:
        payment_intents.succeed(world, intent, charges.bank_details())
        session["payment_status"] = "paid"
        world.store.put(checkout.KIND, session["id"], session)
        events.record(world, "checkout.session.async_payment_succeeded", session, BY_ITSELF)
    else:
        payment_intents.fail(
            world,
            intent,
            charges.bank_details(),
            code="insufficient_funds",
            message="The customer's account has insufficient funds to cover this payment.",
        )
        events.record(world, "checkout.session.async_payment_failed", session, BY_ITSELF)
    return session


def decline(world: World, session: Document) -> Document:
    """Let the bank refuse the card; the session stays open. Returns the session."""
    if session["status"] != "open" or session["amount_total"] == 0:
        return session
    intent = intent_to_pay(world, session)
    intent["payment_method"] = identifiers.new("pm")
    payment_intents.fail(
        world, intent, charges.card_details(), code="card_declined", message="Your card was declined."
    )
    return session


def intent_to_pay(world: World, session: Document) -> Document:
    """The PaymentIntent of the session, made at the first try to pay, over what is due now."""
    intent = checkout.intent_of(world, session) or start_intent(world, session)
    intent["amount"] = session["amount_total"]
    return intent


def start_intent(world: World, session: Document) -> Document:
    """A new PaymentIntent of a session; it carries only what `payment_intent_data` said."""
    given = checkout.page_of(world, session)["payment_intent_data"]
    intent = intent_creation.blank(
        world, livemode=session["livemode"], amount=session["amount_total"], currency=session["currency"]
    )
    intent |= {name: given[name] for name in ("description", "metadata", "receipt_email") if name in given}
    intent["payment_method_types"] = session["payment_method_types"]
    world.store.put(payment_intents.KIND, intent["id"], intent)
    world.store.put(checkout.INTENT, intent["id"], {"session": session["id"]})
    session["payment_intent"] = intent["id"]
    world.store.put(checkout.KIND, session["id"], session)
    events.record(world, "payment_intent.created", intent, BY_ITSELF)
    return intent
