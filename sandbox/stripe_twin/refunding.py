"""How refunds go: money leaves for the payer at once or later, and sometimes it returns."""

from sandbox.stripe_twin import balance, charges, events, fraud_warnings, identifiers
from sandbox.stripe_twin.errors import UnexpectedState
from sandbox.stripe_twin.store import Document
from sandbox.stripe_twin.world import BY_ITSELF, Cause, World

KIND = "refund"
NULL_AT_FIRST = (
    "balance_transaction",
    "customer",
    "customer_account",
    "description",
    "failure_balance_transaction",
    "failure_reason",
    "instructions_email",
    "next_action",
    "payment_method",
    "pending_reason",
    "reason",
    "receipt_number",
    "source_transfer_reversal",
    "transfer_reversal",
)


def order(world: World, charge: Document, asked: Document, cause: Cause) -> Document:
    """Refund a part or the rest of a charge; returns the refund, which may have failed at once.

    raises: UnexpectedState if so much is not left, or the bank has taken it back
    """
    left = charge["amount"] - charge["amount_refunded"]
    amount = asked.get("amount", left)
    check(world, charge, amount, left)
    refund = blank(world, charge, amount) | {
        name: asked[name] for name in ("instructions_email", "metadata", "reason") if name in asked
    }
    short = is_short(world, charge, amount)
    if short and not charges.is_card(charge):
        refund |= {"status": "failed", "failure_reason": "insufficient_funds"}
    elif short:
        refund["pending_reason"] = "insufficient_funds"
    else:
        take(world, charge, refund)
        if charges.is_card(charge) or not world.switches.refunds_stay_pending:
            refund["status"] = "succeeded"
        else:
            refund["pending_reason"] = "processing"
    world.store.put(KIND, refund["id"], refund)
    if refund["status"] == "failed":
        events.record(world, "refund.created", refund, cause)
        events.record(world, "refund.failed", refund, cause)
    else:
        change_refunded(world, charge, amount)
        events.record(world, "charge.refunded", charge, cause)
        events.record(world, "refund.created", refund, cause)
    return refund


def is_short(world: World, money: Document, cents: int) -> bool:
    """Whether the balance in the mode and currency of a charge or refund cannot bear a refund."""
    available = balance.available(world, livemode=money["livemode"], currency=money["currency"])
    return available + world.switches.overdraft_cents < cents


def check(world: World, charge: Document, amount: int, left: int) -> None:
    """raises: UnexpectedState if the charge cannot be refunded by that much"""
    if any(not dispute["is_charge_refundable"] for dispute in charges.disputes_of(world, charge)):
        raise UnexpectedState(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if left == 0:
        raise UnexpectedState(
            f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded"
        )
    if amount > left:
        raise UnexpectedState(
            f"Refund amount ({dollars(amount)}) is greater than unrefunded amount on charge "
            f"({dollars(left)})",
            param="amount",
        )


def dollars(cents: int) -> str:
    """An amount as Stripe's messages write it."""
    return f"${cents // 100:,}.{cents % 100:02d}"


def blank(world: World, charge: Document, amount: int) -> Document:
    """A refund that has moved nothing yet; only those of card charges begin with `re_`."""
    method = charge["payment_method_details"]["type"]
    card = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return dict.fromkeys(NULL_AT_FIRST) | {
        "id": identifiers.new("re" if method == "card" else "pyr"),
        "object": "refund",
        "amount": amount,
        "charge": charge["id"],
        "created": world.now(),
        "currency": charge["currency"],
        "destination_details": {"type": method, method: card if method == "card" else {"reference": None}},
        "livemode": charge["livemode"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "status": "pending",
    }


def take(world: World, charge: Document, refund: Document) -> None:
    """Take the money of the refund from the balance; Stripe keeps the fee of the payment."""
    transaction = balance.move(
        world,
        kind="refund" if charges.moves_as_charge(world, charge) else "payment_refund",
        amount=-refund["amount"],
        source=refund,
        livemode=refund["livemode"],
        currency=refund["currency"],
        description=f"REFUND FOR {'CHARGE' if charges.is_card(charge) else 'PAYMENT'}",
    )
    refund["balance_transaction"] = transaction["id"]
    if refund["destination_details"]["type"] == "crypto":
        refund["destination_details"]["crypto"]["reference"] = identifiers.transaction_hash()


def change_refunded(world: World, charge: Document, cents: int) -> None:
    """Count the refunded money of a charge up or down."""
    charge["amount_refunded"] += cents
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.put(charges.KIND, charge["id"], charge)
    fraud_warnings.reconsider(world, charge)


def settle(world: World, refund: Document, status: str, reason: str | None) -> Document:
    """Let the bank answer: succeeded, or failed or canceled, also after it succeeded. Returns the refund.

    raises: UnexpectedState if it is over
    """
    before = refund["status"]
    if before in ("failed", "canceled", status) or (status == "canceled" and before == "succeeded"):
        raise UnexpectedState(f"This refund has a status of {before} and cannot become {status}.")
    charge = world.existing(charges.KIND, refund["charge"], livemode=refund["livemode"])
    previous = {"status": before, "pending_reason": refund["pending_reason"]}
    refund |= {"status": status, "pending_reason": None}
    if status == "succeeded" and refund["balance_transaction"] is None:
        take(world, charge, refund)
    if status in ("failed", "canceled"):
        give_back(world, charge, refund)
    if status == "failed":
        refund["failure_reason"] = reason or "unknown"
    world.store.put(KIND, refund["id"], refund)
    events.record(world, "refund.updated", refund, BY_ITSELF, previous=previous)
    if status == "failed":
        events.record(world, "refund.failed", refund, BY_ITSELF)
    return refund


def give_back(world: World, charge: Document, refund: Document) -> None:
    """The money of a refund that failed is in the balance again."""
    if refund["balance_transaction"] is not None:
        transaction = balance.move(
            world,
            kind="refund_failure" if charges.moves_as_charge(world, charge) else "payment_failure_refund",
            amount=refund["amount"],
            source=refund,
            livemode=refund["livemode"],
            currency=refund["currency"],
            description="REFUND FAILURE",
        )
        refund["failure_balance_transaction"] = transaction["id"]
    change_refunded(world, charge, -refund["amount"])
    events.record(world, "charge.updated", charge, BY_ITSELF)


def finish_pending(world: World) -> None:
    """Let card refunds go that waited for money in the balance, oldest first."""
    for refund in world.store.equal(KIND, "status", "pending"):
        if refund["pending_reason"] != "insufficient_funds":
            continue
        if not is_short(world, refund, refund["amount"]):
            settle(world, refund, "succeeded", None)
