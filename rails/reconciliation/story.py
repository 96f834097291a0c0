"""Everything that reconciliation knows of one attempt, in the order in which it happened."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from ledger.money import ASSETS, Amount
from rails.models import PaymentAttempt
from rails.reconciliation.models import Booking, Item, ItemState, KeptMovement
from rails.reconciliation.report import ItemLine, line


@dataclass(frozen=True, slots=True)
class MovementLine:
    """A movement of the processor's balance, and what was booked of it."""

    movement_id: str
    type: str
    source: str | None
    created_at: datetime
    amount: int
    fee: int
    currency: str
    part: str
    ledger_transaction_id: int | None


@dataclass(frozen=True, slots=True)
class StateLine:
    """A state that an item entered."""

    entered_at: datetime
    state: str
    expected: Amount
    found: Amount
    why: str


@dataclass(frozen=True, slots=True)
class ItemStory:
    """An item, and every state it was in."""

    item: ItemLine
    closed_at: datetime | None
    states: tuple[StateLine, ...]


@dataclass(frozen=True, slots=True)
class AttemptStory:
    """One attempt: what moved at the processor, and how its witnesses stood."""

    payment_attempt_id: str
    rail_id: str
    state: str
    movements: tuple[MovementLine, ...]
    items: tuple[ItemStory, ...]


def of_attempt(session: Session, payment_attempt_id: str, *, now: datetime) -> AttemptStory | None:
    """The story of an attempt; None if we have none of this id."""
    attempt = session.get(PaymentAttempt, payment_attempt_id)
    if attempt is None:
        return None
    items = session.exec(
        select(Item).where(Item.subject == payment_attempt_id).order_by(col(Item.item_id))
    ).all()
    return AttemptStory(
        payment_attempt_id=payment_attempt_id,
        rail_id=attempt.rail_id,
        state=attempt.state,
        movements=_movements(session, payment_attempt_id),
        items=tuple(ItemStory(line(item, now=now), item.closed_at, states(session, item)) for item in items),
    )


def _movements(session: Session, payment_attempt_id: str) -> tuple[MovementLine, ...]:
    rows = session.exec(
        select(KeptMovement, Booking)
        .join(Booking, col(Booking.balance_transaction_id) == col(KeptMovement.id))
        .where(Booking.payment_attempt_id == payment_attempt_id)
        .order_by(col(KeptMovement.created_at), col(KeptMovement.id))
    )
    return tuple(
        MovementLine(
            movement_id=kept.id,
            type=kept.type,
            source=kept.source,
            created_at=kept.created_at,
            amount=kept.amount,
            fee=kept.fee,
            currency=kept.currency,
            part=booked.part,
            ledger_transaction_id=booked.ledger_transaction_id,
        )
        for kept, booked in rows
    )


def states(session: Session, item: Item) -> tuple[StateLine, ...]:
    """Every state that an item was in, the first one first."""
    asset = ASSETS[item.asset]
    rows = session.exec(
        select(ItemState).where(ItemState.item_id == item.item_id).order_by(col(ItemState.place))
    )
    return tuple(
        StateLine(
            row.entered_at,
            row.state,
            Amount(int(row.expected_units), asset),
            Amount(int(row.found_units), asset),
            row.why,
        )
        for row in rows
    )
