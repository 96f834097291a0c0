"""What two witnesses together say of one deposit. Pure: no clock, no network, no database.

Credits are granted when Stripe has settled the payment and our own watcher has seen the exact transfer at
the configured depth. Neither alone is enough, with one exception: while the chain cannot be read at all,
Stripe's word grants after a grace period, and the missing witness is an open item until it has spoken.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ledger.money import USDC, Amount, Asset
from rails.chain.deposits import DepositView, OtherToken
from rails.rail import Evidence, Failed, NeedsReview, Outcome, Paid, Pending, Processing

_STANDS = ("confirmed", "final")
# Anybody can make tokens and send them to an address: the first few are told of, the rest is noise.
_MOST_FOREIGN_TOKENS = 5


@dataclass(frozen=True, slots=True)
class Intent:
    """Stripe's side: the PaymentIntent when it was asked for."""

    reference: str
    status: str
    cancellation_reason: str | None = None
    canceled_at: datetime | None = None
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
    ends: datetime | None = None
    """Until when the payer could pay, by the chain's clock."""
    watched_until: datetime | None = None
    """Until when the payer was promised that somebody looks at the address."""
    foreign: Sequence[OtherToken] = ()
    """Transfers of other tokens to the same address."""

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
    def final(self) -> Amount:
        """The part of it that no reorganisation takes back."""
        return Amount(sum(seen.amount.units for seen in self.standing if seen.state == "final"), USDC)

    @property
    def late(self) -> bool:
        """Whether some of it was sent after the time to pay, by the chain's clock: not when we saw it."""
        return self.ends is not None and any(seen.block_time > self.ends for seen in self.standing)

    @property
    def retired(self) -> bool:
        """Whether some of it was sent when nobody was promised any more that the address is watched."""
        until = self.watched_until
        return until is not None and any(seen.block_time > until for seen in self.standing)

    @property
    def after_close(self) -> bool:
        """Whether some of it was sent after Stripe had closed the payment for another reason than its age."""
        closed_at = self.intent.canceled_at
        closed = self.intent.status == "canceled" and not _ran_out(self.intent)
        return closed and closed_at is not None and any(seen.block_time > closed_at for seen in self.standing)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What both witnesses say, Stripe first."""
        return (_stripe_evidence(self.intent), *map(_chain_evidence, self.deposits))


def judge(case: Case) -> Outcome:
    """The outcome of a payment, from both witnesses, and what other tokens came beside it."""
    return replace(_judged(case), beside=foreign_tokens(case))


def foreign_tokens(case: Case) -> tuple[NeedsReview, ...]:
    """What came to the address in other tokens, one review a token: it pays for nothing, and is not lost."""
    standing: dict[str, list[OtherToken]] = {}
    for seen in case.foreign:
        if seen.state in _STANDS and seen.units > 0:
            standing.setdefault(seen.token, []).append(seen)
    return tuple(_foreign(case, standing[token]) for token in list(standing)[:_MOST_FOREIGN_TOKENS])


def _foreign(case: Case, transfers: Sequence[OtherToken]) -> NeedsReview:
    # Whatever it is worth: it is counted in its own smallest units.
    asset = Asset(transfers[0].token, 0)
    return NeedsReview(
        "wrong_token",
        Amount(0, asset),
        Amount(sum(seen.units for seen in transfers), asset),
        tuple(map(_foreign_evidence, transfers)),
        final=Amount(sum(seen.units for seen in transfers if seen.state == "final"), asset),
        late=case.ends is not None and any(seen.block_time > case.ends for seen in transfers),
    )


def _judged(case: Case) -> Outcome:
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
        surplus = _review(case, "several")
        review = surplus if case.received > case.expected else None
        return Paid(case.price, case.evidence, review=review)
    waited = case.intent.settled_at is not None and case.now - case.intent.settled_at > case.grace
    if waited and case.blind:
        return Paid(case.price, case.evidence, missing=("chain",))
    if case.unconfirmed or not waited:
        return Processing(case.evidence)
    return _review(case, "unseen")


def _standing_on_chain_only(case: Case) -> Outcome:
    if case.retired:
        return _review(case, "retired_address")
    if case.after_close:
        return _review(case, "after_close")
    if case.received != case.expected:
        return _review(case, _difference(case))
    if len(case.standing) > 1:
        return _review(case, "topped_up")
    since = max(seen.confirmed_at or case.now for seen in case.standing)
    if case.intent.status == "canceled" or case.now - since > case.grace:
        return _review(case, "late" if case.late else "unmatched")
    return Processing(case.evidence)


def _difference(case: Case) -> str:
    if case.received < case.expected:
        return "underpaid"
    return "overpaid" if len(case.standing) == 1 else "several"


def _review(case: Case, kind: str) -> NeedsReview:
    return NeedsReview(kind, case.expected, case.received, case.evidence, final=case.final, late=case.late)


def _ran_out(intent: Intent) -> bool:
    return intent.cancellation_reason in ("expired", "automatic")


def _nothing_on_chain(case: Case) -> Outcome:
    if case.taken_back:
        # Whoever is told to pay now pays twice when the first transfer comes back.
        return Processing(case.evidence)
    match case.intent.status:
        case "processing":
            return Processing(case.evidence)
        case "canceled":
            return Failed("expired" if _ran_out(case.intent) else "canceled", case.evidence)
        case "requires_payment_method":
            return Failed("declined", case.evidence)
        case _:
            return Pending(tuple(map(_chain_evidence, case.deposits)))


def _stripe_evidence(intent: Intent) -> Evidence:
    detail = {"payment_intent_id": intent.reference, "transaction_hash": intent.transaction_hash}
    return Evidence("stripe", intent.reference, intent.status, detail)


def _foreign_evidence(seen: OtherToken) -> Evidence:
    return Evidence(
        "chain",
        f"{seen.block_hash}:{seen.log_index}",
        "wrong_token",
        {
            "token": seen.token,
            "transaction_hash": seen.tx_hash,
            "block_number": seen.block_number,
            "block_time": seen.block_time.isoformat(),
            "sender": seen.sender,
            "amount_atomic": str(seen.units),
        },
    )


def _chain_evidence(seen: DepositView) -> Evidence:
    return Evidence(
        "chain",
        f"{seen.block_hash}:{seen.log_index}",
        seen.state,
        {
            "transaction_hash": seen.tx_hash,
            "block_number": seen.block_number,
            "block_time": seen.block_time.isoformat(),
            "sender": seen.sender,
            "amount_atomic": str(seen.amount.units),
            "confirmations": seen.confirmations,
            "confirmations_needed": seen.confirmations_needed,
        },
    )
