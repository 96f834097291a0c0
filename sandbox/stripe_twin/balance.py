"""The account's money at Stripe: every movement is a balance transaction, and their sum is the balance."""

from sandbox.stripe_twin import identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import InvalidRequest
from sandbox.stripe_twin.parameters import Group, Listing, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import World

KIND = "balance_transaction"
SUM = "balance"
MATURING = "maturing"
# The place of an available transaction that no automatic payout has paid out yet.
NEXT_PAYOUT = "next"
REPORTING_CATEGORIES = {
    "charge": "charge",
    "payment": "charge",
    "refund": "refund",
    "payment_refund": "refund",
    "refund_failure": "refund_failure",
    "payment_failure_refund": "refund_failure",
    "stripe_fee": "fee",
    "payout": "payout",
    "payout_failure": "payout_reversal",
}
LIST_SHAPE = Group(
    {
        **lists.FIELDS,
        "currency": Text(length_max=3),
        "payout": Text(),
        "source": Text(),
        "type": Text(),
    }
)


def move(
    world: World,
    *,
    kind: str,
    amount: int,
    source: Document | None,
    livemode: bool,
    currency: str = "usd",
    fee: int = 0,
    fee_kind: str = "Stripe processing fees",
    description: str | None = None,
    category: str | None = None,
    delay_seconds: int = 0,
) -> Document:
    """Write a movement of `amount` less `fee`, available after the delay; returns the balance transaction."""
    fees = [{"amount": fee, "application": None, "currency": currency, "description": fee_kind}]
    transaction: Document = {
        "id": identifiers.new("txn"),
        "object": "balance_transaction",
        "amount": amount,
        "available_on": world.now() + delay_seconds,
        "balance_type": "payments",
        "created": world.now(),
        "currency": currency,
        "description": description,
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [{**row, "type": "stripe_fee"} for row in fees] if fee else [],
        "livemode": livemode,
        "net": amount - fee,
        "payout": None,
        "reporting_category": category or REPORTING_CATEGORIES[kind],
        "source": source["id"] if source is not None else None,
        "status": "pending",
        "type": kind,
    }
    add(world, transaction, "pending")
    if delay_seconds > 0:
        plan = {"id": transaction["id"], "due_at": transaction["available_on"]}
        world.store.put(MATURING, transaction["id"], plan)
        world.store.put(KIND, transaction["id"], transaction)
    else:
        make_available(world, transaction)
    return transaction


def make_available(world: World, transaction: Document) -> None:
    """Let the money of a pending transaction be used."""
    add(world, transaction, "pending", sign=-1)
    add(world, transaction, "available")
    transaction |= {"status": "available", "payout": NEXT_PAYOUT}
    world.store.put(KIND, transaction["id"], transaction)


def mature(world: World) -> None:
    """Make available what was pending long enough."""
    for plan in world.store.between(MATURING, "due_at", 0, world.now()):
        transaction = world.store.get(KIND, plan["id"])
        assert transaction is not None, "what matures is a transaction"
        world.store.delete(MATURING, plan["id"])
        make_available(world, transaction)


def add(world: World, transaction: Document, part: str, *, sign: int = 1) -> None:
    """Keep the sums of one mode up to date, so that nobody has to add up every transaction."""
    sums = sums_of(world, livemode=transaction["livemode"])
    cents = sums[part].get(transaction["currency"], 0) + sign * transaction["net"]
    sums[part][transaction["currency"]] = cents
    world.store.put(SUM, mode(livemode=transaction["livemode"]), sums)


def available(world: World, *, livemode: bool, currency: str = "usd") -> int:
    """The cents that can be refunded or paid out now."""
    return int(sums_of(world, livemode=livemode)["available"].get(currency, 0))


def sums_of(world: World, *, livemode: bool) -> Document:
    """The available and the pending sums by currency."""
    return world.store.get(SUM, mode(livemode=livemode)) or {"available": {}, "pending": {}}


def mode(*, livemode: bool) -> str:
    """The name of one of the two accounts: test and live money never mix."""
    return "live" if livemode else "test"


def retrieve_sums(world: World, call: Call) -> Document:
    """GET /v1/balance"""
    read(Group({"expand": Listing(Text())}), call.nodes)
    mature(world)
    sums = sums_of(world, livemode=call.livemode)

    def rows(part: str) -> list[Document]:
        return [
            {"amount": cents, "currency": currency, "source_types": {"card": cents}}
            for currency, cents in (sums[part] or {"usd": 0}).items()
        ]

    return {
        "object": "balance",
        "available": rows("available"),
        "livemode": call.livemode,
        "pending": rows("pending"),
        "refund_and_dispute_prefunding": {"available": [], "pending": []},
    }


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/balance_transactions/{transaction}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    mature(world)
    transaction = world.existing(KIND, call.names["transaction"], livemode=call.livemode)
    return shown.to_call(world, call, transaction, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/balance_transactions

    raises: InvalidRequest for a manual payout, whose transactions Stripe does not know
    """
    asked = read(LIST_SHAPE, call.nodes)
    mature(world)
    if "payout" in asked:
        payout = world.existing("payout", asked["payout"], livemode=call.livemode, param="payout")
        if not payout["automatic"]:
            raise InvalidRequest(
                "Balance transaction history can only be filtered on automatic transfers, not manual.",
                param="payout",
            )
        if payout["reconciliation_status"] != "completed":
            return {"object": "list", "data": [], "has_more": False, "url": call.path}
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("currency", "payout", "source", "type"))
    return shown.to_call(world, call, page, asked.get("expand", []))
