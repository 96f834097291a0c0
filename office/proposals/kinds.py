"""The kinds of proposals: what each means, how it is typed, and how it is read again."""

from collections.abc import Mapping
from typing import Final, assert_never, get_args

from sqlmodel import Session

from office.proposals.adjustment import Adjustment
from office.proposals.content import Content, Fields, Kept, Kind, Order
from office.proposals.correction import Correction
from office.proposals.errors import BadProposal
from office.proposals.policy import Policy
from office.proposals.refund import Refund
from office.proposals.take_back import TakeBack
from office.proposals.write_off import WriteOff

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
MEANINGS: Final[Mapping[Kind, str]] = {
    "adjustment": "give an agent credits, or take some away",
    "correction": "move money between house accounts",
    "write_off": "close an exception without credits",
    "refund": "send money of a payment back",
    "take_back": "take back credits whose money the chain took back",
    "policy": "change a policy",
}
WITH_EVIDENCE: Final[frozenset[Kind]] = frozenset({"adjustment", "correction", "take_back"})
"""The kinds that nothing in the house proves: somebody has to show why."""


def kind(word: str) -> Kind:
    """The kind of this name.

    raises: BadProposal
    """
    for each in KINDS:
        if each == word:
            return each
    raise BadProposal(f"{word} is no kind of proposal: {', '.join(KINDS)}")


def typed(session: Session, of: Kind, fields: Fields, order: Order) -> Content:
    """What a person typed, as a proposal of this kind.

    raises: BadProposal, NotPossible, ExceptionNotFound
    """
    match of:
        case "adjustment":
            return Adjustment.typed(fields)
        case "correction":
            return Correction.typed(fields)
        case "write_off":
            return WriteOff.typed(session, fields, order)
        case "refund":
            return Refund.typed(session, fields, order)
        case "take_back":
            return TakeBack.typed(session, fields, order)
        case "policy":
            return Policy.typed(session, fields)
        case _:
            assert_never(of)


def read(of: Kind, kept: Kept) -> Content:
    """What the database kept of a proposal of this kind."""
    match of:
        case "adjustment":
            return Adjustment.read(kept)
        case "correction":
            return Correction.read(kept)
        case "write_off":
            return WriteOff.read(kept)
        case "refund":
            return Refund.read(kept)
        case "take_back":
            return TakeBack.read(kept)
        case "policy":
            return Policy.read(kept)
        case _:
            assert_never(of)
