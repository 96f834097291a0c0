"""Refunds over the API: asked for, shown and listed."""

from sandbox.stripe_twin import charges, events, lists, payment_intents, refunding, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Metadata, Text, Whole, read
from sandbox.stripe_twin.refunding import KIND
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

CREATE_SHAPE = Group(
    {
        "amount": Whole(minimum=1, maximum=99_999_999),
        "charge": Text(),
        "currency": Text(length_max=3),
        "expand": Listing(Text()),
        "instructions_email": Text(),
        "metadata": Metadata(),
        "payment_intent": Text(),
        "reason": Text(choices=("duplicate", "fraudulent", "requested_by_customer")),
    }
)


def create(world: World, call: Call) -> Document:
    """POST /v1/refunds"""
    asked = read(CREATE_SHAPE, call.nodes)
    charge = charge_asked_for(world, asked, livemode=call.livemode)
    refund = refunding.order(world, charge, asked, call.cause)
    return shown.to_call(world, call, refund, asked.get("expand", []))


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/refunds/{refund}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    refund = world.existing(KIND, call.names["refund"], livemode=call.livemode)
    return shown.to_call(world, call, refund, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/refunds"""
    asked = read(Group({**lists.FIELDS, "charge": Text(), "payment_intent": Text()}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("charge", "payment_intent"))
    return shown.to_call(world, call, page, asked.get("expand", []))


def update(world: World, call: Call) -> Document:
    """POST /v1/refunds/{refund}: its metadata"""
    asked = read(Group({"expand": Listing(Text()), "metadata": Metadata()}), call.nodes)
    refund = world.existing(KIND, call.names["refund"], livemode=call.livemode)
    previous = {"metadata": refund["metadata"]}
    refund["metadata"] = refund["metadata"] | asked.get("metadata", {})
    world.store.put(KIND, refund["id"], refund)
    events.record(world, "refund.updated", refund, call.cause, previous=previous)
    return shown.to_call(world, call, refund, asked.get("expand", []))


def cancel(world: World, call: Call) -> Document:
    """POST /v1/refunds/{refund}/cancel

    raises: UnexpectedState, since Stripe cancels only refunds that wait for the payer, and the twin has none
    """
    read(Group({"expand": Listing(Text())}), call.nodes)
    refund = world.existing(KIND, call.names["refund"], livemode=call.livemode)
    raise UnexpectedState(
        "You can only cancel refunds with status `requires_action`. "
        f"This refund has status `{refund['status']}`."
    )


def charge_asked_for(world: World, asked: Document, *, livemode: bool) -> Document:
    """The paid charge that a refund is asked of.

    raises: InvalidRequest, UnexpectedState, NoSuchObject
    """
    charge: Document | None
    if "charge" in asked:
        charge = world.existing(charges.KIND, asked["charge"], livemode=livemode, param="charge")
    elif "payment_intent" in asked:
        wanted = asked["payment_intent"]
        intent = world.existing(payment_intents.KIND, wanted, livemode=livemode, param="payment_intent")
        charge = charges.of_intent(world, intent)
    else:
        raise InvalidRequest(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if charge is None or not charge["paid"]:
        raise UnexpectedState("This payment does not have a successful charge to refund.")
    return charge
