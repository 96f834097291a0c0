"""The papers of a purchase by themselves: a quote, a receipt, a hold."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select, text

from ledger import transactions
from ledger.money import CREDIT, USD, Amount
from ledger.transactions import Told
from rails import errors
from rails.models import PaymentAttempt, Quote, Receipt

_HOLD = text(
    """
    SELECT hold.*, substr(account.name, 7) AS agent_id, CAST(hold.state AS text) AS word
    FROM hold
    JOIN account ON account.id = hold.account_id
    WHERE hold.id = :id
    """
)
_PURCHASES = text(
    """
    SELECT lot.id, told.metadata ->> 'payment_attempt_id' AS payment_attempt_id
    FROM lot
    JOIN ledger_transaction AS told ON told.id = lot.granted_in
    WHERE lot.id = ANY(:ids)
    """
)


class NoSuchPaper(errors.OperatorError):
    """There is none of this id."""

    code = "PAPER_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class QuotePaper:
    """A price that was fixed, and the purchase it came to; None if nobody bought it."""

    quote_id: str
    agent_id: str
    credits: Amount
    price: Amount
    pack_id: str | None
    rail_id: str
    live_money: bool
    created_at: datetime
    expires_at: datetime
    payment_attempt_id: str | None


@dataclass(frozen=True, slots=True)
class ReceiptPaper:
    """Credits that were granted for a payment, and the transaction that did it."""

    receipt_id: str
    payment_attempt_id: str
    quote_id: str
    agent_id: str
    rail_id: str
    credit_event_id: str
    credits: Amount
    received: Amount
    balance_after: Amount
    created_at: datetime
    transaction: Told


@dataclass(frozen=True, slots=True)
class Pinned:
    """Credits of one lot that are set aside. `payment_attempt_id` is None if nobody paid for the lot."""

    lot_id: int
    credits: Amount
    payment_attempt_id: str | None


@dataclass(frozen=True, slots=True)
class HoldPaper:
    """Credits that were set aside for a job, and what became of them."""

    hold_id: str
    agent_id: str
    job: str
    state: str
    in_flight: bool
    credits: Amount
    captured: Amount
    expires_at: datetime
    placed_in: int
    closed_in: int | None
    pins: tuple[Pinned, ...]


def quote(session: Session, quote_id: str) -> QuotePaper:
    """A quote.

    raises: NoSuchPaper
    """
    found = session.get(Quote, quote_id)
    if found is None:
        raise NoSuchPaper(f"there is no quote {quote_id}")
    bought = session.exec(
        select(PaymentAttempt.payment_attempt_id).where(PaymentAttempt.quote_id == quote_id)
    ).one_or_none()
    return QuotePaper(
        quote_id=quote_id,
        agent_id=found.agent_id,
        credits=Amount(found.credits, CREDIT),
        price=Amount(found.price_cents, USD),
        pack_id=found.pack_id,
        rail_id=found.rail_id,
        live_money=found.live_money,
        created_at=found.created_at,
        expires_at=found.expires_at,
        payment_attempt_id=bought,
    )


def receipt(session: Session, receipt_id: str) -> ReceiptPaper:
    """A receipt.

    raises: NoSuchPaper
    """
    found = session.get(Receipt, receipt_id)
    if found is None:
        raise NoSuchPaper(f"there is no receipt {receipt_id}")
    [told] = transactions.told(session, [found.ledger_transaction_id])
    return ReceiptPaper(
        receipt_id=receipt_id,
        payment_attempt_id=found.payment_attempt_id,
        quote_id=found.quote_id,
        agent_id=found.agent_id,
        rail_id=session.get_one(Quote, found.quote_id).rail_id,
        credit_event_id=found.credit_event_id,
        credits=Amount(found.credits, CREDIT),
        received=Amount(found.received_cents, USD),
        balance_after=Amount(found.balance_after, CREDIT),
        created_at=found.created_at,
        transaction=told,
    )


def transaction(session: Session, transaction_id: int) -> Told:
    """A transaction of the book.

    raises: NoSuchPaper
    """
    found = transactions.told(session, [transaction_id])
    if not found:
        raise NoSuchPaper(f"there is no transaction {transaction_id}")
    return found[0]


def hold(session: Session, hold_id: str) -> HoldPaper:
    """A hold.

    raises: NoSuchPaper
    """
    row = session.connection().execute(_HOLD, {"id": hold_id}).one_or_none()
    if row is None:
        raise NoSuchPaper(f"there is no hold {hold_id}")
    bought = {
        lot.id: lot.payment_attempt_id
        for lot in session.connection().execute(_PURCHASES, {"ids": list(row.lots)})
    }
    return HoldPaper(
        hold_id=row.id,
        agent_id=row.agent_id,
        job=row.job,
        state=row.word,
        in_flight=row.in_flight,
        credits=Amount(row.credits, CREDIT),
        captured=Amount(row.captured, CREDIT),
        expires_at=row.expires_at,
        placed_in=row.placed_in,
        closed_in=row.closed_in,
        pins=tuple(
            Pinned(lot_id, Amount(units, CREDIT), bought.get(lot_id))
            for lot_id, units in zip(row.lots, row.pins, strict=True)
        ),
    )
