"""Disputes: a bank asks for the money of a card charge back, and may take it. Crypto payments have none."""

from sandbox.stripe_twin import balance, charges, events, fees, fraud_warnings, identifiers, lists, shown
from sandbox.stripe_twin.calls import Call
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.parameters import Flag, Group, Listing, Metadata, Text, read
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, Cause, World

KIND = "dispute"
ANSWER_SECONDS = 9 * 86_400
INQUIRIES = ("warning_needs_response", "warning_under_review")
OPEN = (*INQUIRIES, "needs_response", "under_review")
UPDATE_SHAPE = Group(
    {
        "evidence": Group({"product_description": Text(), "uncategorized_text": Text()}),
        "expand": Listing(Text()),
        "metadata": Metadata(),
        "submit": Flag(),
    }
)


def open_one(world: World, charge: Document, *, cents: int, inquiry: bool) -> Document:
    """Let the bank dispute a charge, or only inquire; no money moves yet. Returns the dispute.

    raises: UnexpectedState unless a card paid it
    """
    refuse_unless_card(charge)
    dispute = blank(world, charge, cents=cents, inquiry=inquiry)
    world.store.put(KIND, dispute["id"], dispute)
    charge["disputed"] = True
    world.store.put(charges.KIND, charge["id"], charge)
    events.record(world, "charge.dispute.created", dispute, BY_ITSELF)
    fraud_warnings.reconsider(world, charge)
    return dispute


def refuse_unless_card(charge: Document) -> None:
    """raises: UnexpectedState unless a card paid the charge"""
    if not charge["paid"] or not charges.is_card(charge):
        raise UnexpectedState("Only card payments that succeeded can be disputed.")


def blank(world: World, charge: Document, *, cents: int, inquiry: bool) -> Document:
    """A dispute that waits for an answer."""
    return {
        "id": identifiers.new("du"),
        "object": "dispute",
        "amount": cents,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {"product_description": None, "uncategorized_text": None},
        "evidence_details": {
            "due_by": world.now() + ANSWER_SECONDS,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "livemode": charge["livemode"],
        "metadata": {},
        "network_reason_code": "10.4",
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": charge["payment_method_details"]["card"]["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": "fraudulent",
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def withdraw(world: World, dispute: Document) -> Document:
    """Take the disputed money and the fee from the balance; an inquiry becomes a dispute. Returns it.

    raises: UnexpectedState if it is over or the money is gone already
    """
    if dispute["status"] not in OPEN or dispute["balance_transactions"]:
        raise UnexpectedState(f"Nothing is left to withdraw: the dispute is {dispute['status']}.")
    if dispute["status"] in INQUIRIES:
        dispute["is_charge_refundable"] = False
        dispute["payment_method_details"]["card"]["case_type"] = "chargeback"
        become(world, dispute, "needs_response", BY_ITSELF)
    book(world, dispute, amount=-dispute["amount"], fee=fees.DISPUTE_CENTS, category="dispute")
    events.record(world, "charge.dispute.funds_withdrawn", dispute, BY_ITSELF)
    return dispute


def book(world: World, dispute: Document, *, amount: int, fee: int, category: str) -> None:
    """Move money for a dispute, and show the movement on it."""
    word = "withdrawal" if amount < 0 else "reversal"
    transaction = balance.move(
        world,
        kind="adjustment",
        amount=amount,
        fee=fee,
        fee_kind="Dispute fee",
        category=category,
        source=dispute,
        livemode=dispute["livemode"],
        currency=dispute["currency"],
        description=f"Chargeback {word} for {dispute['charge']}",
    )
    visible = {name: value for name, value in transaction.items() if name not in shown.HIDDEN[balance.KIND]}
    dispute["balance_transactions"].append(visible)
    world.store.put(KIND, dispute["id"], dispute)


def close(world: World, dispute: Document, status: str, cause: Cause = BY_ITSELF) -> Document:
    """End a dispute: won gives withdrawn money back, lost takes it if nobody did. Returns the dispute.

    raises: UnexpectedState if it is over, or an inquiry and a dispute are confused
    """
    inquiry = dispute["status"] in INQUIRIES
    if dispute["status"] not in OPEN or inquiry != (status == "warning_closed"):
        raise UnexpectedState(f"A dispute that is {dispute['status']} cannot become {status}.")
    if status == "lost" and not dispute["balance_transactions"]:
        withdraw(world, dispute)
    if status == "won" and dispute["balance_transactions"]:
        fee = -fees.DISPUTE_CENTS if world.switches.won_dispute_returns_fee else 0
        book(world, dispute, amount=dispute["amount"], fee=fee, category="dispute_reversal")
        events.record(world, "charge.dispute.funds_reinstated", dispute, cause)
    dispute["status"] = status
    world.store.put(KIND, dispute["id"], dispute)
    events.record(world, "charge.dispute.closed", dispute, cause)
    return dispute


def become(world: World, dispute: Document, status: str, cause: Cause) -> None:
    """Change the status of a dispute that goes on."""
    previous = {"status": dispute["status"]}
    dispute["status"] = status
    world.store.put(KIND, dispute["id"], dispute)
    events.record(world, "charge.dispute.updated", dispute, cause, previous=previous)


def retrieve(world: World, call: Call) -> Document:
    """GET /v1/disputes/{dispute}"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    dispute = world.existing(KIND, call.names["dispute"], livemode=call.livemode)
    return shown.to_call(world, call, dispute, asked.get("expand", []))


def list_page(world: World, call: Call) -> Document:
    """GET /v1/disputes"""
    asked = read(Group({**lists.FIELDS, "charge": Text(), "payment_intent": Text()}), call.nodes)
    page = lists.page(world, call, kind=KIND, asked=asked, equal=("charge", "payment_intent"))
    return shown.to_call(world, call, page, asked.get("expand", []))


def update(world: World, call: Call) -> Document:
    """POST /v1/disputes/{dispute}: evidence, which is sent to the bank unless `submit` is false

    raises: UnexpectedState if it is over
    """
    asked = read(UPDATE_SHAPE, call.nodes)
    dispute = world.existing(KIND, call.names["dispute"], livemode=call.livemode)
    if dispute["status"] not in OPEN:
        raise UnexpectedState("This dispute is already closed")
    dispute["evidence"] |= asked.get("evidence", {})
    dispute["metadata"] |= asked.get("metadata", {})
    dispute["evidence_details"]["has_evidence"] = any(dispute["evidence"].values())
    status = dispute["status"]
    if asked.get("evidence") and asked.get("submit", True):
        dispute["evidence_details"]["submission_count"] += 1
        status = "warning_under_review" if status in INQUIRIES else "under_review"
    become(world, dispute, status, call.cause)
    return shown.to_call(world, call, dispute, asked.get("expand", []))


def concede(world: World, call: Call) -> Document:
    """POST /v1/disputes/{dispute}/close: the merchant gives in, and the dispute is lost"""
    asked = read(Group({"expand": Listing(Text())}), call.nodes)
    dispute = world.existing(KIND, call.names["dispute"], livemode=call.livemode)
    return shown.to_call(world, call, close(world, dispute, "lost", call.cause), asked.get("expand", []))
