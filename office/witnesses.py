"""The witnesses of a payment side by side: what each says, since when, and whether they agree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from ledger.money import USD, USDC, Amount
from rails import pricing
from rails.models import EvidenceRow

CHAIN: Final = "chain"
_PAID: Final = frozenset({"succeeded", "complete", "paid", "confirmed", "final"})
_NOT_YET: Final = frozenset({"unpaid"})
Verdict = Literal["agree", "differ", "one is silent", "alone", "silent"]


@dataclass(frozen=True, slots=True)
class Word:
    """The latest word on one thing that a witness saw."""

    external_id: str
    state: str
    first_at: datetime
    last_at: datetime
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Witness:
    """What one witness says. `amount` is None where it names none; `paid` None before it has spoken."""

    source: str
    paid: bool | None
    amount: Amount | None
    first_at: datetime | None
    last_at: datetime | None
    words: tuple[Word, ...]

    @property
    def says(self) -> str:
        """In a few words."""
        if self.paid is None:
            return "has not spoken"
        states = ", ".join(dict.fromkeys(word.state for word in self.words))
        return f"{'paid' if self.paid else 'not paid'} ({states})"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """All that should speak for a payment, and what comes of comparing them."""

    of: tuple[Witness, ...]
    verdict: Verdict

    @property
    def meaning(self) -> str:
        """The verdict in a sentence."""
        return _MEANINGS[self.verdict]


_MEANINGS: Final[Mapping[Verdict, str]] = {
    "agree": "The witnesses say the same.",
    "differ": "The witnesses contradict each other.",
    "one is silent": "One witness has spoken, and the other has not yet.",
    "alone": "This way of paying has one witness, and it has spoken.",
    "silent": "Nobody has said anything yet.",
}


def heard(evidence: Sequence[EvidenceRow], *, expected: Sequence[str]) -> Witnesses:
    """What the witnesses in `expected`, and whoever else spoke, say of one payment."""
    sources = dict.fromkeys((*expected, *(row.source for row in evidence)))
    found = tuple(_witness(source, [row for row in evidence if row.source == source]) for source in sources)
    return Witnesses(found, _verdict(found))


def _witness(source: str, rows: Sequence[EvidenceRow]) -> Witness:
    # What strangers send in other tokens is no word on the payment.
    counted = [row for row in rows if row.state != "wrong_token"]
    words = tuple(
        Word(row.external_id, row.state, row.first_seen_at, row.last_seen_at, row.detail) for row in rows
    )
    return Witness(
        source=source,
        paid=any(_is_paid(row) for row in counted) if counted else None,
        amount=_sent(counted) if source == CHAIN else _charged(counted),
        first_at=min((row.first_seen_at for row in rows), default=None),
        last_at=max((row.last_seen_at for row in rows), default=None),
        words=words,
    )


def _is_paid(row: EvidenceRow) -> bool:
    return row.state in _PAID and row.detail.get("payment_status") not in _NOT_YET


def _sent(rows: Sequence[EvidenceRow]) -> Amount | None:
    """What stands on the chain."""
    units = [row.detail.get("amount_atomic") for row in rows if _is_paid(row)]
    told = [int(each) for each in units if each is not None]
    return Amount(sum(told), USDC) if told else None


def _charged(rows: Sequence[EvidenceRow]) -> Amount | None:
    """What the processor charged, without tax, where it says so."""
    for row in rows:
        total, tax = row.detail.get("amount_total_cents"), row.detail.get("tax_cents") or 0
        if isinstance(total, int) and isinstance(tax, int):
            return Amount(total - tax, USD)
    return None


def _verdict(found: Sequence[Witness]) -> Verdict:
    spoken = [witness for witness in found if witness.paid is not None]
    if not spoken:
        return "silent"
    if len(found) == 1:
        return "alone"
    if len({witness.paid for witness in spoken}) > 1 or _amounts_differ(spoken):
        return "differ"
    return "agree" if len(spoken) == len(found) else "one is silent"


def _amounts_differ(spoken: Sequence[Witness]) -> bool:
    told = [witness.amount for witness in spoken if witness.amount is not None]
    in_usdc = {each if each.asset == USDC else pricing.in_usdc(each) for each in told}
    return len(in_usdc) > 1
