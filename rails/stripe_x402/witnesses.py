"""Both witnesses of a deposit in one case: what Stripe said, and what our own watcher saw."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from rails import errors
from rails.chain import deposits
from rails.chain.deposits import DepositView, OtherToken
from rails.rail import CryptoDeposit, Evidence, Handle, Outcome
from rails.stripe_x402.judgement import Case, Intent, judge, too_early, without_stripe


@dataclass(frozen=True, slots=True)
class Chain:
    """What the watcher saw that concerns a payment, and until when it knows everything."""

    deposits: Sequence[DepositView]
    read_at: datetime | None
    foreign: Sequence[OtherToken] = ()
    """Transfers of other tokens, which pay nothing."""


def told(handle: Handle) -> CryptoDeposit:
    """How the payer of this handle was told to pay."""
    assert isinstance(handle.instructions, CryptoDeposit)
    return handle.instructions


def at_address(session: Session, handle: Handle) -> tuple[DepositView, ...]:
    """Every transfer to the address of a payment, in the token it takes."""
    deposit = told(handle)
    return deposits.at_address(session, address=deposit.address, token=deposit.token_contract)


def of_other_tokens(session: Session, handle: Handle) -> Sequence[OtherToken]:
    """Every transfer to the address of a payment, in a token it does not take."""
    deposit = told(handle)
    return deposits.of_other_tokens(session, address=deposit.address, token=deposit.token_contract)


def read_at(session: Session, *, chain_id: int) -> datetime | None:
    """Until when every transfer is known."""
    watcher = deposits.watcher_state(session, chain_id=chain_id)
    return watcher.block_time if watcher else None


def of_chain(evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """What the chain says of it."""
    return tuple(each for each in evidence if each.source == "chain")


def case(handle: Handle, intent: Intent, chain: Chain, *, grace: timedelta, now: datetime) -> Case:
    """Everything a judgement rests on."""
    return Case(
        price=handle.price,
        expected=told(handle).amount,
        intent=intent,
        deposits=chain.deposits,
        chain_read_at=chain.read_at,
        grace=grace,
        now=now,
        ends=handle.expires_at,
        watched_until=handle.watched_until,
        foreign=chain.foreign,
    )


def outcome(handle: Handle, seen: Case, unanswered: errors.RailError | None) -> Outcome:
    """What both say together.

    raises: RailUnreachable while nobody can say; `unanswered` while nothing has arrived either
    """
    if unanswered is not None:
        arrived = without_stripe(seen)
        if arrived is None:
            raise unanswered
        return arrived
    judged = judge(seen)
    if too_early(judged, seen, ends=handle.expires_at, lands_until=handle.lands_until):
        raise errors.RailUnreachable("the chain was not read as far as a transfer may stand")
    return judged
