"""Booking the processor's movements, each once, under `stripe:<id>`.

Every movement is told the same way: its net comes to the processor's account, its fee to fees, and its amount
goes to the account that the part it plays names. So the sums meet whatever the type is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import func
from sqlmodel import Session, col, select, text

from ledger import book, chart
from ledger.book import Leg, Posting
from ledger.database import Sessions
from ledger.money import USD, Amount
from rails.models import PaymentAttempt
from rails.reconciliation.models import Booking, KeptMovement
from rails.reconciliation.reading import PAYMENTS, Progress, silently

Part = Literal["payment", "reversal", "fee", "payout", "unknown", "foreign"]

# source: https://docs.stripe.com/reports/balance-transaction-types
_PARTS: Final[Mapping[str, Part]] = {
    **dict.fromkeys(PAYMENTS, "payment"),
    **dict.fromkeys(
        ("refund", "payment_refund", "refund_failure", "payment_failure_refund", "payment_reversal"),
        "reversal",
    ),
    **dict.fromkeys(("stripe_fee", "stripe_fx_fee", "tax_fee"), "fee"),
    **dict.fromkeys(("payout", "payout_cancel", "payout_failure", "topup", "topup_reversal"), "payout"),
}
_KINDS: Final[Mapping[Part, str]] = {
    "payment": "settlement",
    "reversal": "settlement_reversal",
    "fee": "processor_fee",
    "payout": "payout",
    "unknown": "processor_suspense",
}
_ACTOR: Final = "reconciliation"
_PROCESSOR: Final = "stripe"
_DISPUTES: Final = ("dp_", "du_")


def part_of(movement: KeptMovement) -> Part:
    """Which part a movement plays. An adjustment is a reversal if a dispute is behind it."""
    if movement.currency != "usd":
        return "foreign"
    if movement.type == "adjustment" and (movement.source or "").startswith(_DISPUTES):
        return "reversal"
    return _PARTS.get(movement.type, "unknown")


@dataclass(frozen=True, slots=True)
class Charged:
    """A charge, and the sums of what went back of it before: none is positive."""

    gross: int
    tax: int
    back: int = 0
    tax_back: int = 0


def tax_part(charged: Charged, *, amount: int) -> int:
    """The tax in a reversal of a charge, with the sign of `amount`.

    By all that went back so far, the credits' share of it rounded down as the book takes it: no rounding adds
    up, and when everything is back, so is all the tax.
    """
    if charged.gross <= 0 or charged.tax == 0:
        return 0
    back = min(max(-charged.back - amount, 0), charged.gross)
    received = back * (charged.gross - charged.tax) // charged.gross
    return -(back - received) - charged.tax_back


def legs(*, amount: int, fee: int, counter: Mapping[str, int]) -> tuple[Leg, ...]:
    """The legs of a movement; `counter` says where its amount comes from, in parts that sum to it."""
    assert sum(counter.values()) == amount
    moved = {chart.processor(_PROCESSOR): fee - amount}
    for account, cents in ((chart.FEES, -fee), *counter.items()):
        moved[account] = moved.get(account, 0) + cents
    return tuple(Leg(account, Amount(cents, USD)) for account, cents in moved.items() if cents)


_WAITING: Final = text(
    """
    SELECT kept.id
    FROM stripe_balance_transaction AS kept
    LEFT JOIN stripe_booking AS booking ON booking.balance_transaction_id = kept.id
    WHERE booking.balance_transaction_id IS NULL
    -- Of one second: payments, then what left of them, then what came back of that.
    ORDER BY
        kept.created_at,
        CASE WHEN kept.type IN ('charge', 'payment') THEN 0 WHEN kept.amount < 0 THEN 1 ELSE 2 END,
        kept.id
    """
)


def book_all(sessions: Sessions, *, now: datetime, progress: Progress = silently) -> list[str]:
    """Book every kept movement that is not booked yet, each in a transaction of its own; their ids."""
    with sessions() as session:
        waiting = list(session.connection().scalars(_WAITING))
    for done, movement_id in enumerate(waiting):
        progress("booking", done, len(waiting))
        with sessions() as session:
            book_one(session, movement_id, now=now)
    return waiting


def book_one(session: Session, movement_id: str, *, now: datetime) -> Booking:
    """Book one kept movement, or return what was made of it before."""
    found = session.get(Booking, movement_id)
    if found is not None:
        return found
    movement = session.get_one(KeptMovement, movement_id)
    part, attempt = part_of(movement), _attempt(session, movement)
    tax = _tax(session, movement, part)
    counter = _counter(movement, part, rail_id=attempt.rail_id if attempt else None, tax=tax)
    told = legs(amount=movement.amount, fee=movement.fee, counter=counter) if part != "foreign" else ()
    transaction_id = _post(session, movement, part, attempt, told) if told else None
    is_theirs = attempt is not None and part in ("payment", "reversal")
    booking = Booking(
        balance_transaction_id=movement_id,
        ledger_transaction_id=transaction_id,
        part=part,
        payment_attempt_id=attempt.payment_attempt_id if attempt else None,
        rail_id=attempt.rail_id if attempt else None,
        received_cents=movement.amount - tax if is_theirs else 0,
        tax_cents=tax if is_theirs else 0,
        booked_at=now,
    )
    session.add(booking)
    return booking


def _post(
    session: Session,
    movement: KeptMovement,
    part: Part,
    attempt: PaymentAttempt | None,
    told: tuple[Leg, ...],
) -> int:
    metadata = {
        "type": movement.type,
        "source": movement.source,
        "payment_attempt_id": attempt.payment_attempt_id if attempt else None,
    }
    posting = Posting(
        reference=f"{_PROCESSOR}:{movement.id}",
        kind=_KINDS[part],
        legs=told,
        effective_at=movement.created_at,
        actor=_ACTOR,
        metadata={name: value for name, value in metadata.items() if value},
    )
    return book.post(session, posting).transaction_id


def _counter(movement: KeptMovement, part: Part, *, rail_id: str | None, tax: int) -> dict[str, int]:
    match part:
        case "payment" | "reversal" if rail_id is not None:
            return {chart.clearing(rail_id): movement.amount - tax, chart.SALES_TAX: tax}
        case "fee":
            return {chart.FEES: movement.amount}
        case "payout":
            return {chart.BANK: movement.amount}
        case _:
            return {chart.SUSPENSE: movement.amount}


def _attempt(session: Session, movement: KeptMovement) -> PaymentAttempt | None:
    """Whose money a movement is: by our own reference, by the metadata, or by the charge it takes back.

    The row is locked before the book is: whoever settles an attempt takes both in this order.
    """
    if movement.charge is None:
        return None
    by_reference = select(PaymentAttempt.payment_attempt_id).where(
        PaymentAttempt.reference == movement.payment_intent
    )
    by_metadata = select(PaymentAttempt.payment_attempt_id).where(
        PaymentAttempt.payment_attempt_id == movement.payment_attempt_id
    )
    by_charge = (
        select(Booking.payment_attempt_id)
        .join(KeptMovement, col(KeptMovement.id) == col(Booking.balance_transaction_id))
        .where(KeptMovement.charge == movement.charge, col(Booking.payment_attempt_id).is_not(None))
        .limit(1)
    )
    found = func.coalesce(*(each.scalar_subquery() for each in (by_reference, by_metadata, by_charge)))
    return session.exec(
        select(PaymentAttempt)
        .where(col(PaymentAttempt.payment_attempt_id) == found)
        .with_for_update(read=True, key_share=True, of=PaymentAttempt)
    ).one_or_none()


_OF_CHARGE: Final = text(
    """
    SELECT
        coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'payment'), 0)::bigint AS gross,
        coalesce(sum(kept.tax) FILTER (WHERE booking.part = 'payment'), 0)::bigint AS tax,
        coalesce(sum(kept.amount) FILTER (WHERE booking.part = 'reversal'), 0)::bigint AS back,
        coalesce(sum(booking.tax_cents) FILTER (WHERE booking.part = 'reversal'), 0)::bigint AS tax_back,
        -- What comes back is what had left under the same name.
        -min(booking.tax_cents) FILTER (WHERE kept.source = :source AND kept.amount = -:amount) AS tax_again
    FROM stripe_balance_transaction AS kept
    JOIN stripe_booking AS booking ON booking.balance_transaction_id = kept.id
    WHERE kept.charge = :charge
    """
)


def _tax(session: Session, movement: KeptMovement, part: Part) -> int:
    if part == "payment":
        return movement.tax
    if part != "reversal" or movement.charge is None:
        return 0
    named = {"charge": movement.charge, "source": movement.source, "amount": movement.amount}
    row = session.connection().execute(_OF_CHARGE, named).one()
    if movement.amount > 0 and row.tax_again is not None:
        return int(row.tax_again)
    return tax_part(Charged(row.gross, row.tax, row.back, row.tax_back), amount=movement.amount)
