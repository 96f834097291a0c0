"""Payouts: the balance goes to the bank; only automatic ones can be taken apart into their transactions."""

from sandbox.stripe_twin import balance, events, identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest, UnexpectedState
from sandbox.stripe_twin.parameters import Group, Listing, Metadata, Text, Whole, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, Cause, World

KIND = "payout"
ARRIVING = "payout_arriving"
ITEMISING = "payout_itemising"
CREATE_SHAPE = Group(
    {
        "amount": Whole(minimum=1),
        "currency": Text(length_max=3),
        "description": Text(),
        "expand": Listing(Text()),
        "metadata": Metadata(),
        "method": Text(choices=("standard",)),
        "statement_descriptor": Text(length_max=22),
    },
    required=("amount", "currency"),
)
LIST_SHAPE = Group(
    {
        **lists.FIELDS,
        "destination": Text(),
        "status": Text(choices=("canceled", "failed", "in_transit", "paid", "pending")),
    }
)
NULL_AT_FIRST = (
    "application_fee",
    "application_fee_amount",
    "failure_balance_transaction",
    "failure_code",
    "failure_message",
    "original_payout",
    "payout_method",
    "reversed_by",
    "statement_descriptor",
)


def create(world: World, call: Call) -> Document:
    """POST /v1/payouts: one by hand

    raises: InvalidRequest if so much is not available
    """
    asked = read(CREATE_SHAPE, call.nodes)
    balance.mature(world)
    if asked["amount"] > balance.available(world, livemode=call.livemode, currency=asked["currency"]):
        raise InvalidRequest(
            "You have insufficient funds in your Stripe account for this transfer.",
            code="balance_insufficient",
        )
    payout = blank(world, cents=asked["amount"], currency=asked["currency"], livemode=call.livemode)
    payout |= {
        name: asked[name] for name in ("description", "metadata", "statement_descriptor") if name in asked
    }
    send(world, payout, call.cause)
    return shown.to_call(world, call, payout, asked.get("expand", []))


def pay_out(world: World, *, livemode: bool, automatic: bool) -> Document:
    """Pay out everything that is available; returns the payout.

    raises: UnexpectedState if nothing is
    """
    balance.mature(world)
    cents = balance.available(world, livemode=livemode)
    if cents <= 0:
        raise UnexpectedState("Nothing is available to pay out.")
    payout = blank(world, cents=cents, currency="usd", livemode=livemode)
    if automatic:
        payout |= {"automatic": True, "reconciliation_status": "in_progress"}
        for transaction in world.store.equal(balance.KIND, "payout", balance.NEXT_PAYOUT):
            if transaction["livemode"] == livemode and transaction["currency"] == "usd":
                world.store.put(balance.KIND, transaction["id"], transaction | {"payout": payout["id"]})
    send(world, payout, BY_ITSELF)
    return payout


def blank(world: World, *, cents: int, currency: str, livemode: bool) -> Document:
    """A payout by hand, on its way."""
    return dict.fromkeys(NULL_AT_FIRST) | {
        "id": identifiers.new("po"),
        "object": "payout",
        "amount": cents,
        "arrival_date": world.now() + int(world.switches.payout_takes_seconds),
        "automatic": False,
        "created": world.now(),
        "currency": currency,
        "description": None,
        "destination": "ba_twin",
        "livemode": livemode,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "not_applicable",
        "source_type": "card",
        "status": "in_transit",
        "trace_id": None,
        "type": "bank_account",
    }


def send(world: World, payout: Document, cause: Cause) -> None:
    """Take the money from the balance, and let it arrive and be itemised in its time."""
    transaction = balance.move(
        world,
        kind="payout",
        amount=-payout["amount"],
        source=payout,
        livemode=payout["livemode"],
        currency=payout["currency"],
        description="STRIPE PAYOUT",
    )
    if payout["automatic"]:
        world.store.put(balance.KIND, transaction["id"], transaction | {"payout": payout["id"]})
    payout["balance_transaction"] = transaction["id"]
    world.store.put(KIND, payout["id"], payout)
    events.record(world, "payout.created", payout, cause)
    plan(world, ARRIVING, payout, world.switches.payout_takes_seconds)
    if payout["automatic"]:
        plan(world, ITEMISING, payout, world.switches.payout_itemised_after_seconds)
    finish_due(world)
    payout |= world.existing(KIND, payout["id"], livemode=payout["livemode"])


def plan(world: World, kind: str, payout: Document, seconds: float) -> None:
    """Put something that happens to a payout on the clock."""
    world.store.put(kind, payout["id"], {"id": payout["id"], "due_at": world.precise_now() + seconds})


def finish_due(world: World) -> None:
    """Let payouts arrive and be itemised whose moment has come."""
    for kind, change, event in (
        (ARRIVING, {"status": "paid"}, "payout.paid"),
        (ITEMISING, {"reconciliation_status": "completed"}, "payout.reconciliation_completed"),
    ):
        for planned in world.store.between(kind, "due_at", 0, world.precise_now()):
            payout = world.store.get(KIND, planned["id"])
            assert payout is not None, "what arrives is a payout"
            world.store.delete(kind, payout["id"])
            if payout["status"] != "failed":
                world.store.put(KIND, payout["id"], payout | change)
                events.record(world, event, payout | change, BY_ITSELF)


def fail(world: World, payout: Document) -> Document:
    """Let the bank send a payout back, also after it was paid. Returns the payout.

    raises: UnexpectedState if it failed before
    """
    if payout["status"] == "failed":
        raise UnexpectedState("This payout failed already.")
    transaction = balance.move(
        world,
        kind="payout_failure",
        amount=payout["amount"],
        source=payout,
        livemode=payout["livemode"],
        currency=payout["currency"],
        description="PAYOUT FAILURE",
    )
    previous = {"status": payout["status"]}
    payout |= {
        "status": "failed",
        "failure_balance_transaction": transaction["id"],
        "failure_code": "account_closed",
        "failure_message": "The bank account has been closed",
    }
    world.store.put(KIND, payout["id"], payout)
    events.record(world, "payout.failed", payout, BY_ITSELF, previous=previous)
    return payout


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/payouts/{payout}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    payout = world.existing(KIND, call.names["payout"], livemode=call.livemode)
    return shown.to_call(world, call, payout, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/payouts"""
    asked = read(LIST_SHAPE, call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("destination", "status"))
    return shown.to_call(world, call, page, asked.get("expand", []))
