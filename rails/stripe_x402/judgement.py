"""What two witnesses together say of one deposit. Pure: no clock, no network, no database.

Credits are granted when Stripe has settled the payment and our own watcher has seen the exact transfer at
the configured depth. Neither alone is enough, with one exception: while the chain cannot be read at all,
Stripe's word grants after a grace period, and the missing witness is an open item until it has spoken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ledger.money import USDC, Amount
from rails.chain.deposits import DepositView
from rails.rail import Evidence, Failed, NeedsReview, Outcome, Paid, Pending, Processing

_STANDS = ("confirmed", "final")


@dataclass(frozen=True, slots=True)
class Intent:
    """Stripe's side: the PaymentIntent when it was asked for."""

    reference: str
    status: str
    cancellation_reason: str | None = None
    settled_at: datetime | None = None
    transaction_hash: str | None = None
    received: Amount | None = None
    """What it says it received in dollars, None if it names another currency or another attempt."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a judgement rests on."""

    price: Amount
    expected: Amount
    intent: Intent
    deposits: Sequence[DepositView]
    chain_read_at: datetime | None
    """Every transfer until then is known, by the chain's own clock."""
    grace: timedelta
    now: datetime

    @property
    def standing(self) -> list[DepositView]:
        """Transfers at the configured depth. Zero-value ones are spam, not payments."""
        return [seen for seen in self.deposits if seen.state in _STANDS and seen.amount.units > 0]

    @property
    def unconfirmed(self) -> list[DepositView]:
        """Transfers that a reorganisation may still take back."""
        return [seen for seen in self.deposits if seen.state == "seen" and seen.amount.units > 0]

    @property
    def taken_back(self) -> bool:
        """Whether a reorganisation took a transfer back a moment ago. Most come back in the next blocks."""
        return any(seen.orphaned_at and self.now - seen.orphaned_at <= self.grace for seen in self.deposits)

    @property
    def blind(self) -> bool:
        """Whether nobody could read the chain for the whole grace, or not as deep as the policy wants."""
        if self.chain_read_at is None or self.now - self.chain_read_at > self.grace:
            return True
        return any(self.now - seen.first_seen_at > self.grace for seen in self.unconfirmed)

    @property
    def received(self) -> Amount:
        """What stands, summed."""
        return Amount(sum(seen.amount.units for seen in self.standing), USDC)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What both witnesses say, Stripe first."""
        return (_stripe_evidence(self.intent), *map(_chain_evidence, self.deposits))


def judge(case: Case) -> Outcome:
    """The outcome of a payment, from both witnesses."""
    if case.intent.status == "succeeded":
        return _settled_at_stripe(case)
    if case.unconfirmed:
        return Processing(case.evidence)
    if case.standing:
        return _standing_on_chain_only(case)
    return _nothing_on_chain(case)


def too_early(outcome: Outcome, seen: Case, *, ends: datetime, lands_until: datetime) -> bool:
    """Whether an outcome without money may not be believed yet.

    A moment until which money may arrive is over, and the chain was not read that far: nobody can say.
    """
    match outcome:
        case Pending():
            moments = [ends, lands_until]
        case Failed():
            moments = [lands_until]
        case _:
            return False
    over = [moment for moment in moments if moment <= seen.now]
    return bool(over) and (seen.chain_read_at is None or seen.chain_read_at < max(over))


def without_stripe(case: Case) -> Processing | None:
    """What can be said while Stripe does not answer: that something has arrived, or nothing at all."""
    arrived = case.standing or case.unconfirmed
    return Processing(tuple(map(_chain_evidence, case.deposits))) if arrived else None


def _settled_at_stripe(case: Case) -> Outcome:
    if case.intent.received != case.price:
        received = case.intent.received or Amount(0, case.price.asset)
        return NeedsReview("mismatch", case.price, received, case.evidence)
    if any(seen.amount == case.expected for seen in case.standing):
        surplus = NeedsReview("several", case.expected, case.received)
        review = surplus if case.received > case.expected else None
        return Paid(case.price, case.evidence, review=review)
    waited = case.intent.settled_at is not None and case.now - case.intent.settled_at > case.grace
    if waited and case.blind:
        return Paid(case.price, case.evidence, missing=("chain",))
    if case.unconfirmed or not waited:
        return Processing(case.evidence)
    return NeedsReview("unseen", case.expected, case.received, case.evidence)


def _standing_on_chain_only(case: Case) -> Outcome:
    if case.received != case.expected:
        return NeedsReview(_difference(case), case.expected, case.received, case.evidence)
    since = max(seen.confirmed_at or case.now for seen in case.standing)
    if len(case.standing) > 1 or case.intent.status == "canceled" or case.now - since > case.grace:
        return NeedsReview("unmatched", case.expected, case.received, case.evidence)
    return Processing(case.evidence)


def _difference(case: Case) -> str:
    if case.received < case.expected:
        return "underpaid"
    return "overpaid" if len(case.standing) == 1 else "several"


def _nothing_on_chain(case: Case) -> Outcome:
    if case.taken_back:
        # Whoever is told to pay now pays twice when the first transfer comes back.
        return Processing(case.evidence)
    match case.intent.status:
        case "processing":
            return Processing(case.evidence)
        case "canceled":
            expired = case.intent.cancellation_reason in ("expired", "automatic")
            return Failed("expired" if expired else "canceled", case.evidence)
        case "requires_payment_method":
            return Failed("declined", case.evidence)
        case _:
            return Pending(tuple(map(_chain_evidence, case.deposits)))


def _stripe_evidence(intent: Intent) -> Evidence:
    detail = {"payment_intent_id": intent.reference, "transaction_hash": intent.transaction_hash}
    return Evidence("stripe", intent.reference, intent.status, detail)


def _chain_evidence(seen: DepositView) -> Evidence:
    return Evidence(
        "chain",
        f"{seen.block_hash}:{seen.log_index}",
        seen.state,
        {
            "transaction_hash": seen.tx_hash,
            "block_number": seen.block_number,
            "sender": seen.sender,
            "amount_atomic": str(seen.amount.units),
            "confirmations": seen.confirmations,
            "confirmations_needed": seen.confirmations_needed,
        },
    )
