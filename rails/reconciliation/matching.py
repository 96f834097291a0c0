"""What the witnesses of one payment together say. Pure: no clock, no network, no database.

Three things are compared, each by itself: that the money which we granted for is at the processor (payment),
that what we took back left it (reversal), and that the chain carried it (chain).
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from ledger.money import Amount
from rails import pricing

State = Literal[
    "expected",
    "in_review",
    "matched",
    "missing",
    "over",
    "under",
    "mismatch",
    "stripe_only",
    "book_only",
    "chain_only",
    "unknown",
    "explained",
]
Matter = Literal["payment", "reversal", "chain", "movement", "balance"]
NO_BREAK: Final[frozenset[State]] = frozenset({"expected", "in_review", "matched"})


@dataclass(frozen=True, slots=True)
class Word:
    """What one witness says: how much, and since when."""

    amount: Amount
    since: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known of one attempt's money. None is a witness that has said nothing."""

    granted: Word | None = None
    """What the book granted for."""
    paid: Word | None = None
    """What the processor received, without tax."""
    reversed: Word | None = None
    """What the book took back, zero if all of it was reinstated."""
    returned: Word | None = None
    """What left the processor again, zero if all of it came back."""
    deposited: Word | None = None
    """What is final on the chain, in USDC."""
    on_chain: bool = False
    """Whether the chain is a witness at all."""
    strangeness: str | None = None
    """Why the sums cannot be compared: another currency, another attempt, another transfer."""
    reviewed: bool = False
    """Whether an exception is open for this attempt, or a person has closed one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How two witnesses of one matter stand. `expected` is what the book, or whoever is sure, says."""

    matter: Matter
    state: State
    expected: Amount
    found: Amount
    since: datetime
    why: str


def judge(facts: Facts, *, patience: timedelta, now: datetime) -> tuple[Finding, ...]:
    """How the witnesses of an attempt stand. `patience` is how long one of them may be alone."""
    found = (_payment(facts), _reversal(facts), _chain(facts))
    return tuple(_aged(each, patience=patience, now=now) for each in found if each is not None)


def reveals(facts: Facts) -> bool:
    """Whether the processor's books tell of something that ours do not: its rail has to be asked again."""
    payment, reversal = _payment(facts), _reversal(facts)
    unpaid = payment is not None and payment.state != "matched" and facts.paid is not None
    return unpaid or (reversal is not None and reversal.state != "matched")


# What becomes of a witness who was alone for too long.
_ALONE: Final[dict[str, State]] = {
    "the processor has not received it": "missing",
    "it was never granted": "stripe_only",
    "the processor has not sent it back": "book_only",
    "the processor has sent back a part of it": "under",
    "the book has not taken it back": "stripe_only",
    "the book has taken back less": "over",
    "the chain has not carried it": "missing",
    "nobody has granted it": "chain_only",
}


def _aged(finding: Finding, *, patience: timedelta, now: datetime) -> Finding:
    if finding.state == "expected" and now - finding.since > patience:
        return replace(finding, state=_ALONE[finding.why])
    return finding


def _payment(facts: Facts) -> Finding | None:
    granted, paid = facts.granted, facts.paid
    if facts.strangeness is not None and paid is not None:
        expected = granted.amount if granted else _none(paid.amount)
        return Finding("payment", "mismatch", expected, paid.amount, paid.since, facts.strangeness)
    if granted is not None and paid is not None:
        found = _compared("payment", granted, paid)
        return _known(found) if facts.reviewed and found.state == "under" else found
    if granted is not None:
        why = "the processor has not received it"
        none = _none(granted.amount)
        found = Finding("payment", "expected", granted.amount, none, granted.since, why)
        # Credited by a decision: the tokens lie at an address that the processor may never empty.
        return _known(found) if facts.reviewed else found
    if paid is None:
        return None
    if facts.returned is not None and facts.returned.amount == paid.amount:
        return Finding("payment", "matched", _none(paid.amount), _none(paid.amount), paid.since, "sent back")
    state: State = "in_review" if facts.reviewed else "expected"
    return Finding("payment", state, _none(paid.amount), paid.amount, paid.since, "it was never granted")


def _reversal(facts: Facts) -> Finding | None:
    taken, returned = facts.reversed, facts.returned
    if facts.granted is None or (taken is None and returned is None):
        # What was never granted cannot be taken back: its payment tells of it.
        return None
    if taken is None:
        assert returned is not None
        taken = Word(_none(returned.amount), returned.since)
    if returned is None:
        returned = Word(_none(taken.amount), taken.since)
    if taken.amount == returned.amount:
        return _compared("reversal", taken, returned)
    if taken.amount < returned.amount:
        part = "taken back less" if taken.amount.units else "not taken it back"
        why = f"the book has {part}"
        return Finding("reversal", "expected", taken.amount, returned.amount, returned.since, why)
    part = "sent back a part of it" if returned.amount.units else "not sent it back"
    why = f"the processor has {part}"
    found = Finding("reversal", "expected", taken.amount, returned.amount, taken.since, why)
    return _known(found) if _is_undone(facts) else found


def _chain(facts: Facts) -> Finding | None:
    if not facts.on_chain:
        return None
    owed = facts.paid or facts.granted
    if owed is None:
        if facts.deposited is None:
            return None
        state: State = "in_review" if facts.reviewed else "expected"
        carried = facts.deposited
        why = "nobody has granted it"
        return Finding("chain", state, _none(carried.amount), carried.amount, carried.since, why)
    wanted = Word(pricing.in_usdc(owed.amount), owed.since)
    if facts.deposited is None:
        why = "the chain has not carried it"
        found = Finding("chain", "expected", wanted.amount, _none(wanted.amount), owed.since, why)
        return _known(found) if _is_undone(facts) else found
    found = _compared("chain", wanted, facts.deposited)
    return _known(found) if facts.reviewed and found.state != "matched" else found


def _is_undone(facts: Facts) -> bool:
    """Whether a decision took back all that another had granted, because the money was gone after all."""
    taken, granted = facts.reversed, facts.granted
    nothing_came = facts.reviewed and facts.paid is None and facts.deposited is None
    return nothing_came and taken is not None and granted is not None and taken.amount == granted.amount


def _compared(matter: Matter, expected: Word, found: Word) -> Finding:
    state: State = "matched"
    why = "both say the same"
    if found.amount > expected.amount:
        state, why = "over", "more than was expected"
    elif found.amount < expected.amount:
        state, why = "under", "less than was expected"
    return Finding(matter, state, expected.amount, found.amount, found.since, why)


def _known(finding: Finding) -> Finding:
    """The same, where an exception tells of the difference already."""
    return replace(finding, state="in_review")


def _none(amount: Amount) -> Amount:
    return Amount(0, amount.asset)
