"""How much of what arrived for a payment is granted or decided already, so that no cent counts twice."""

from collections.abc import Collection, Iterable
from typing import Final

from sqlmodel import Session, col, select

from ledger.money import ASSETS, USD, USDC, Amount, Asset
from rails import kinds, pricing, refund_requests
from rails.models import ExceptionAction, PaymentException, Quote, Receipt

REFUND_FAILED: Final = "the refund failed"
"""How an exception ends whose refund the processor refused, or could not make."""
_NOTHING = Amount(0, USDC)


def accounted(session: Session, *, payment_attempt_id: str) -> Amount:
    """What is granted for an attempt, or was decided about, in USDC."""
    found = session.exec(
        select(ExceptionAction, PaymentException.resolution)
        .join(PaymentException)
        .where(
            PaymentException.payment_attempt_id == payment_attempt_id,
            ExceptionAction.action != "wait",
            col(PaymentException.asset).in_((USD.code, USDC.code)),
        )
    ).all()
    failed = refund_requests.failed_keys(session, payment_attempt_id)
    rows = [row for row, _ in found]
    stand = [
        row
        for row, how in found
        if row.action != "refund"
        or (how != REFUND_FAILED and refund_requests.of_exception(row.exception_id) not in failed)
    ]
    of = {action: _sum(row for row in stand if row.action == action) for action in _ACTIONS}
    verified = _verified(session, payment_attempt_id, {row.ledger_transaction_id for row in rows})
    # A refund sends the processor's charge back, which is what a verified payment granted: the same money.
    return max(verified, of["refund"]) + of["credit"] + of["write_off"] - of["claim"]


def undecided(session: Session, item: PaymentException) -> Amount:
    """What of an exception nobody has decided about yet, in USDC; never below zero.

    For money that the chain does not show it is what the processor says was paid.
    """
    assert item.payment_attempt_id is not None, "an exception of the chain is about no sum"
    arrived = item.expected_units if item.kind == "unseen" else item.received_units
    counted = in_usdc(Amount(int(arrived), USD if item.asset == USD.code else USDC))
    left = counted - accounted(session, payment_attempt_id=item.payment_attempt_id)
    return max(left, _NOTHING)


def in_usdc(amount: Amount) -> Amount:
    """Dollars in either of their assets, counted in USDC."""
    return amount if amount.asset == USDC else pricing.in_usdc(amount)


def asset_of(item: PaymentException) -> Asset:
    """What an exception is counted in: another token counts in its own smallest units."""
    return ASSETS.get(item.asset) or Asset(item.asset, 0)


def is_counted(item: PaymentException) -> bool:
    """Whether an exception is about a sum of money that this book can hold."""
    return item.kind in kinds.COUNTED


_ACTIONS = ("credit", "refund", "write_off", "claim")


def _sum(rows: Iterable[ExceptionAction]) -> Amount:
    return Amount(sum(int(row.units) for row in rows), USDC)


def _verified(session: Session, payment_attempt_id: str, of_decisions: Collection[int | None]) -> Amount:
    """The price of a purchase that a verified payment granted; a decision's grant is in its own row."""
    found = session.exec(
        select(Receipt, Quote).join(Quote).where(Receipt.payment_attempt_id == payment_attempt_id)
    ).one_or_none()
    if found is None or found[0].ledger_transaction_id in of_decisions:
        return _NOTHING
    return pricing.in_usdc(Amount(found[1].price_cents, USD))
