"""Which transfer to an agent's address pays which attempt, written down before Stripe is asked.

The database keeps what matters: a transfer belongs to one attempt for ever, and an attempt is paid by one
transfer at a time. Whoever matches holds the lock of the address, so that nobody else matches meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from sqlalchemy import ColumnElement, func
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select, update

from rails import awaiting
from rails.awaiting import Awaiting
from rails.chain import deposits
from rails.chain.deposits import DepositView
from rails.stripe_x402 import matching
from rails.stripe_x402.matching import Match, Name, Transfer
from rails.stripe_x402.models import AgentDepositAddress, ClosedDeposit, TransferClaim

# A node of Stripe's that is a few blocks behind ours is the usual no: that costs the payer seconds.
_BACK_OFF: Final = (
    *(timedelta(seconds=5), timedelta(seconds=20), timedelta(minutes=1)),
    *(timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6)),
)
KEY_LIFETIME: Final = timedelta(hours=20)
"""After 24 hours Stripe forgets an idempotency key, and asking once more might pay twice."""
BROKE: Final = "broke"
"""Our word for an answer that broke: Stripe tells it again for a day, and may put it right in between."""
_BROKE_WAITS: Final = timedelta(minutes=10)
WRONG_AMOUNT: Final = "invalid_amount"
"""The only no that Stripe does not take back: all others may come of a transaction that it cannot see yet."""


@dataclass(frozen=True, slots=True)
class Place:
    """An agent's address on a chain, and the token that is paid there."""

    chain_id: int
    address: str
    token: str


@dataclass(frozen=True, slots=True)
class Held:
    """What one attempt has at its agent's address: the claim that is to pay it, and all rows of its own."""

    claim: TransferClaim | None
    paying: tuple[DepositView, ...]
    """The rows of the transfer that is to pay, the surest first."""
    rows: tuple[DepositView, ...]
    closed: bool


@dataclass(slots=True)
class _Desk:
    """What is known of an address while its lock is held."""

    place: Place
    claims: dict[Name, TransferClaim]
    transfers: tuple[Transfer, ...]
    waiting: tuple[Awaiting, ...]
    closed: frozenset[str]
    grace: timedelta
    now: datetime

    def standing(self, payment_attempt_id: str) -> TransferClaim | None:
        """The claim that is to pay an attempt."""
        mine = (claim for claim in self.claims.values() if claim.payment_attempt_id == payment_attempt_id)
        return next((claim for claim in mine if claim.number and claim.released_at is None), None)

    def left(self, claim: TransferClaim) -> bool:
        """Whether the chain took the transfer of a claim back, and Stripe knows of no payment by it."""
        asked = claim.asked_at is not None or (claim.intent_id is not None and claim.refused is None)
        return not asked and all(row.orphaned_at for row in self.rows_of(claim))

    def gone(self, claim: TransferClaim) -> bool:
        """Whether it left so long ago that it will not come again."""
        times = [row.orphaned_at for row in self.rows_of(claim) if row.orphaned_at]
        return self.left(claim) and bool(times) and self.now - max(times) > self.grace

    def rows_of(self, claim: TransferClaim) -> tuple[DepositView, ...]:
        """Every row of the transfer of a claim."""
        name = Name(claim.tx_hash, claim.position)
        return next((each.rows for each in self.transfers if each.name == name), ())

    def matches(self) -> list[Match]:
        """The attempts of the transfers that nobody has claimed. Those long gone from the chain have none."""
        paying = [
            claim
            for claim in self.claims.values()
            if claim.number and claim.released_at is None and not self.gone(claim)
        ]
        paid = {claim.payment_attempt_id for claim in paying}
        wavering = {claim.payment_attempt_id for claim in paying if self.left(claim)}
        unclaimed = [
            each
            for each in self.transfers
            if each.name not in self.claims
            and (each.latest.orphaned_at is None or self.now - each.latest.orphaned_at <= self.grace)
        ]
        return matching.match(unclaimed, self.waiting, taken=self.closed | paid, wavering=wavering)


def assign(
    session: Session, place: Place, *, payment_attempt_id: str, version: str, grace: timedelta, now: datetime
) -> Held:
    """Give every transfer that lies deep enough its attempt, and tell what this attempt has.

    What is not deep yet is only foretold: a reorganisation may take it back, and then it was nobody's.
    """
    desk = _open(session, place, payment_attempt_id=payment_attempt_id, grace=grace, now=now)
    foretold: list[DepositView] = []
    for found in desk.matches():
        if found.transfer.deep and not found.undecided and _make_way(session, desk, found):
            desk.claims[found.transfer.name] = _claim(session, desk, found, version=version)
        elif found.payment_attempt_id == payment_attempt_id:
            foretold.extend(found.transfer.rows)
    claim = desk.standing(payment_attempt_id)
    mine = [
        row
        for each in desk.claims.values()
        if each.payment_attempt_id == payment_attempt_id
        for row in desk.rows_of(each)
    ]
    return Held(
        claim=claim,
        paying=desk.rows_of(claim) if claim is not None else (),
        rows=(*mine, *foretold),
        closed=payment_attempt_id in desk.closed,
    )


def close(session: Session, *, payment_attempt_id: str, now: datetime) -> None:
    """Let no transfer pay an attempt any more. Call it in the transaction that has `assign`ed."""
    session.execute(
        insert(ClosedDeposit)
        .values(payment_attempt_id=payment_attempt_id, closed_at=now)
        .on_conflict_do_nothing()
    )


def asking(session: Session, claim: TransferClaim, *, now: datetime) -> bool:
    """Note that Stripe is about to be shown the transfer of a claim. False: leave it, somebody was faster."""
    return _update(session, claim, asked_at=func.coalesce(col(TransferClaim.asked_at), now))


def opened(session: Session, claim: TransferClaim, *, intent_id: str) -> None:
    """Note Stripe's PaymentIntent of a claim."""
    _update(session, claim, intent_id=intent_id, asked_at=None, refused=None, try_at=None)


def refused(session: Session, claim: TransferClaim, *, code: str, now: datetime) -> None:
    """Note Stripe's no, and when to show it the transfer again: under another key, this one is used up."""
    wait = _BACK_OFF[min(claim.tries, len(_BACK_OFF) - 1)]
    if code == BROKE:
        wait = max(wait, _BROKE_WAITS)
    # Somebody beside us may have been told of its PaymentIntent: that stands.
    unmade = col(TransferClaim.intent_id).is_(None)
    _update(session, claim, unmade, tries=claim.tries + 1, asked_at=None, refused=code, try_at=now + wait)


def failed(session: Session, claim: TransferClaim, *, status: str) -> None:
    """Note that Stripe's PaymentIntent of a claim came to nothing."""
    _update(session, claim, refused=status)


def may_be_shown(held: Held, *, now: datetime) -> bool:
    """Whether Stripe is to be shown the transfer of a claim now.

    Once asked and without an answer it is asked again under the same key, whatever the chain says by now.
    """
    claim = held.claim
    if claim is None or claim.intent_id is not None or claim.refused == WRONG_AMOUNT:
        return False
    if claim.asked_at is not None:
        return now - claim.asked_at < KEY_LIFETIME
    deep = any(row.state in ("confirmed", "final") for row in held.paying)
    return deep and (claim.try_at is None or claim.try_at <= now)


def intent_id(session: Session, *, payment_attempt_id: str) -> str | None:
    """Stripe's PaymentIntent of the transfer that pays an attempt, None before there is one."""
    return session.exec(
        select(TransferClaim.intent_id)
        .where(
            TransferClaim.payment_attempt_id == payment_attempt_id, col(TransferClaim.intent_id).is_not(None)
        )
        .order_by(col(TransferClaim.number).desc())
        .limit(1)
    ).one_or_none()


def intents_beside(session: Session, claim: TransferClaim) -> frozenset[str]:
    """The PaymentIntents of the other transfers that were to pay the attempt of a claim."""
    found = session.exec(
        select(TransferClaim.intent_id).where(
            TransferClaim.payment_attempt_id == claim.payment_attempt_id,
            TransferClaim.number != claim.number,
            col(TransferClaim.intent_id).is_not(None),
        )
    )
    return frozenset(each for each in found if each is not None)


def address_of(
    session: Session, *, agent_id: str, network: str, live_money: bool
) -> AgentDepositAddress | None:
    """The address of an agent, None if Stripe was not asked for one yet."""
    return session.get(AgentDepositAddress, (agent_id, network, live_money))


def keep_address(session: Session, kept: AgentDepositAddress) -> None:
    """Keep the address of an agent, unless another call was faster."""
    session.execute(insert(AgentDepositAddress).values(**kept.model_dump()).on_conflict_do_nothing())


def _open(
    session: Session, place: Place, *, payment_attempt_id: str, grace: timedelta, now: datetime
) -> _Desk:
    # By the name of the address: its row is never changed, so nobody may lock it.
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"deposits:{place.address}", 0))))
    rows = deposits.at_address(session, address=place.address, token=place.token)
    claims = session.exec(
        select(TransferClaim).where(
            TransferClaim.chain_id == place.chain_id, TransferClaim.address == place.address
        )
    )
    waiting = awaiting.at_address(session, address=place.address, now=now)
    known = {each.payment_attempt_id for each in waiting} | {payment_attempt_id}
    closed = session.exec(
        select(ClosedDeposit.payment_attempt_id).where(col(ClosedDeposit.payment_attempt_id).in_(known))
    )
    return _Desk(
        place=place,
        claims={Name(claim.tx_hash, claim.position): claim for claim in claims},
        transfers=tuple(each for each in matching.transfers(rows) if each.amount.units > 0),
        waiting=waiting,
        closed=frozenset(closed),
        grace=grace,
        now=now,
    )


def _make_way(session: Session, desk: _Desk, found: Match) -> bool:
    """Release the claim that a transfer comes after, if any. False: Stripe is being asked about that one."""
    before = desk.standing(found.payment_attempt_id) if found.pays else None
    if before is None:
        return True
    unasked = col(TransferClaim.asked_at).is_(None)
    same_intent = col(TransferClaim.intent_id).is_not_distinct_from(before.intent_id)
    released = _update(session, before, unasked, same_intent, released_at=desk.now)
    session.refresh(before)
    return released


def _claim(session: Session, desk: _Desk, found: Match, *, version: str) -> TransferClaim:
    numbers = [
        claim.number
        for claim in desk.claims.values()
        if claim.payment_attempt_id == found.payment_attempt_id and claim.number
    ]
    made = TransferClaim(
        chain_id=desk.place.chain_id,
        tx_hash=found.transfer.name.tx_hash,
        address=desk.place.address,
        position=found.transfer.name.position,
        payment_attempt_id=found.payment_attempt_id,
        number=max(numbers, default=0) + 1 if found.pays else None,
        amount=Decimal(found.transfer.amount.units),
        claimed_at=desk.now,
        stripe_version=version,
    )
    session.add(made)
    session.flush()
    return made


def _update(session: Session, claim: TransferClaim, *only: ColumnElement[bool], **changed: object) -> bool:
    """Change a claim that is still as it was read. Tells whether it was."""
    done = session.execute(
        update(TransferClaim)
        .where(
            col(TransferClaim.chain_id) == claim.chain_id,
            col(TransferClaim.tx_hash) == claim.tx_hash,
            col(TransferClaim.address) == claim.address,
            col(TransferClaim.position) == claim.position,
            # Somebody who asked at the same time may have had another answer: the first one stands.
            col(TransferClaim.tries) == claim.tries,
            col(TransferClaim.released_at).is_(None),
            *only,
        )
        .values(**changed)
        .returning(col(TransferClaim.position))
        .execution_options(synchronize_session=False)
    )
    return done.first() is not None
