"""Early fraud warnings: a card's bank thinks that a charge was not the owner's; no money moves."""

from sandbox.stripe_twin import charges, events, identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, World

KIND = "radar.early_fraud_warning"


def warn(world: World, charge: Document) -> Document:
    """Write a warning of a charge.

    raises: UnexpectedState unless a card paid it
    """
    if not charge["paid"] or not charges.is_card(charge):
        raise UnexpectedState("Only card payments that succeeded get early fraud warnings.")
    warning: Document = {
        "id": identifiers.new("issfr"),
        "object": KIND,
        "actionable": is_actionable(charge),
        "charge": charge["id"],
        "created": world.now(),
        "fraud_type": "made_with_stolen_card",
        "livemode": charge["livemode"],
        "payment_intent": charge["payment_intent"],
    }
    world.store.put(KIND, warning["id"], warning)
    events.record(world, f"{KIND}.created", warning, BY_ITSELF)
    return warning


def is_actionable(charge: Document) -> bool:
    """Whether a refund could still prevent a dispute."""
    return not charge["disputed"] and not charge["refunded"]


def reconsider(world: World, charge: Document) -> None:
    """Bring the warnings of a charge up to date after it was refunded or disputed."""
    for warning in world.store.equal(KIND, "charge", charge["id"]):
        if warning["actionable"] != is_actionable(charge):
            warning["actionable"] = is_actionable(charge)
            world.store.put(KIND, warning["id"], warning)
            events.record(world, f"{KIND}.updated", warning, BY_ITSELF)


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/radar/early_fraud_warnings/{warning}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    warning = world.existing(KIND, call.names["warning"], livemode=call.livemode)
    return shown.to_call(world, call, warning, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/radar/early_fraud_warnings"""
    asked = read(Group({**lists.FIELDS, "charge": Text(), "payment_intent": Text()}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("charge", "payment_intent"))
    return shown.to_call(world, call, page, asked.get("expand", []))
