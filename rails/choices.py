"""What may be done about an exception, and why not what may not. Pure: no clock, no network, no database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from ledger.money import USD, USDC, Amount
from ledger.operations import LARGEST
from rails import kinds, pricing

Action = Literal["credit", "refund", "wait", "write_off"]
ACTIONS: Final[tuple[Action, ...]] = ("credit", "refund", "wait", "write_off")

# A charge that stands for nothing that was granted, or for something the chain contradicts.
_NO_DOLLARS: Final = Amount(0, USD)
_NO_DUST: Final = Amount(0, USDC)
_NOTHING_LEFT: Final = "everything of it is granted or decided already"
_OF_THE_CHARGE: Final = frozenset({"unseen", "mismatch", "chain_evidence_pending"})


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that decides what may be done."""

    kind: str
    undecided: Amount
    """What of it is neither granted nor decided, in USDC: zero for what is about no sum."""
    deep_enough: Amount
    """How much of that lies as deep as the policy wants."""
    charged: bool
    """Whether the processor says that it took the money."""
    charge: Amount
    """What it took, in dollars."""
    granted: bool
    """Whether the attempt has its receipt."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One resolution: what it does with how much, or why it is not allowed."""

    action: Action
    allowed: bool
    why: str
    cents: Amount = _NO_DOLLARS
    dust: Amount = _NO_DUST


def choices(situation: Situation) -> Mapping[Action, Choice]:
    """Every resolution, allowed or not."""
    return {action: choice(situation, action) for action in ACTIONS}


def choice(situation: Situation, action: Action) -> Choice:
    """What one resolution would do, or why it is not allowed."""
    match action:
        case "credit":
            return _credit(situation)
        case "refund":
            return _refund(situation)
        case "wait":
            return Choice("wait", True, "ask again later; it ends by itself if the difference goes")
        case "write_off":
            return _write_off(situation)
        case _:
            assert_never(action)


def _credit(situation: Situation) -> Choice:
    cents, dust = pricing.whole_cents(situation.undecided)
    refusal = _why_not_counted(situation, "credited") or _why_too_much(cents)
    if refusal is None and not cents.units:
        refusal = (
            _NOTHING_LEFT if not dust.units else f"{dust} is less than a cent: there is nothing to credit"
        )
    if refusal is not None:
        return Choice("credit", False, refusal)
    as_what = "beside the purchase that was granted" if situation.granted else "as the purchase"
    words = f"grant {pricing.worth(cents).units} credits {as_what}{_said_of(dust)}"
    return Choice("credit", True, words, cents, dust)


def _refund(situation: Situation) -> Choice:
    if not situation.charged:
        words = "the processor has matched no payment, so it has no charge to refund"
    elif situation.kind not in _OF_THE_CHARGE:
        words = "the processor's charge is what was granted; it never took what came beside it"
    elif not situation.charge.units:
        words = "the processor took no dollars for this attempt: refund it where it was taken"
    else:
        return Choice("refund", True, f"send {situation.charge} back through the processor", situation.charge)
    return Choice("refund", False, words)


def _write_off(situation: Situation) -> Choice:
    if situation.kind not in kinds.COUNTED or not situation.undecided.units or _is_hearsay(situation):
        return Choice("write_off", True, "record that nothing is done about it; nothing is booked")
    cents, dust = pricing.whole_cents(situation.undecided)
    refusal = _why_not_counted(situation, "written off") or _why_too_much(cents)
    if refusal is not None:
        return Choice("write_off", False, refusal)
    if not cents.units:
        return Choice("write_off", True, f"record {dust} as dust; nothing is booked", cents, dust)
    words = f"book {cents} as unclaimed: nobody gets credits for it{_said_of(dust)}"
    return Choice("write_off", True, words, cents, dust)


def _why_not_counted(situation: Situation, done: str) -> str | None:
    match situation.kind:
        case "wrong_token":
            return "it is another token, which this book does not hold"
        case "chain_evidence_pending":
            return "its purchase is granted; it ends by itself when the chain can be read"
        case "taken_back":
            return "the chain took it back: there is nothing here any more"
        case "reversal_rejected":
            return "it is about money that left, and not about money that came"
        case "deeper_than_final":
            return "it is about the chain, and about no payment"
        case _ if _is_hearsay(situation):
            return "the processor does not say that it took any money"
        case _ if situation.deep_enough < situation.undecided:
            deep = f"{situation.deep_enough} of {situation.undecided}"
            return f"only {deep} lies deep enough: what a reorganisation may take back is not {done}"
        case _:
            return None


def _is_hearsay(situation: Situation) -> bool:
    """Whether the money is known from the processor alone, and it did not take it."""
    return situation.kind not in kinds.SUMS and not situation.charged


def _why_too_much(cents: Amount) -> str | None:
    return f"{cents} is more than the book moves at once" if cents.units > LARGEST else None


def _said_of(dust: Amount) -> str:
    return f"; {dust} is less than a cent, and only recorded" if dust.units else ""
