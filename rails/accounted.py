"""How much of what arrived for a payment is granted or decided already, so that no cent counts twice."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from sqlmodel import Session, col, select

from ledger.money import ASSETS, USD, USDC, Amount, Asset
from rails import kinds, pricing, refund_requests
from rails.models import ExceptionAction, PaymentException, Quote, Receipt

REFUND_FAILED: Final = "the refund failed"
"""How an exception ends whose refund the processor refused, or could not make."""
_NOTHING = Amount(0, USDC)
_Decided = tuple[ExceptionAction, str | None]
_Granted = tuple[Receipt, Quote]


def accounted(session: Session, *, payment_attempt_id: str) -> Amount:
    """What is granted for an attempt, or was decided about, in USDC."""
    return accounted_of(session, [payment_attempt_id])[payment_attempt_id]


def accounted_of(session: Session, payment_attempt_ids: Collection[str]) -> Mapping[str, Amount]:
    """What is granted for each of several attempts, or was decided about, asked for all of them at once."""
    decided: dict[str | None, list[_Decided]] = {each: [] for each in payment_attempt_ids}
    for attempt_id, row, how in session.exec(
        select(PaymentException.payment_attempt_id, ExceptionAction, PaymentException.resolution)
        .join(PaymentException)
        .where(
            col(PaymentException.payment_attempt_id).in_(payment_attempt_ids),
            ExceptionAction.action != "wait",
            col(PaymentException.asset).in_((USD.code, USDC.code)),
        )
    ):
        decided[attempt_id].append((row, how))
    failed = refund_requests.failed_keys(session, payment_attempt_ids)
    granted = _granted(session, payment_attempt_ids)
    return {each: _total(decided[each], failed, granted.get(each)) for each in payment_attempt_ids}


def _total(decided: Sequence[_Decided], failed: Collection[str], granted: _Granted | None) -> Amount:
    stand = [
        row
        for row, how in decided
        if row.action != "refund"
        or (how != REFUND_FAILED and refund_requests.of_exception(row.exception_id) not in failed)
    ]
    of = {action: _sum(row for row in stand if row.action == action) for action in _ACTIONS}
    verified = _verified(granted, {row.ledger_transaction_id for row, _ in decided})
    # A refund sends the processor's charge back, which is what a verified payment granted: the same money.
    return max(verified, of["refund"]) + of["credit"] + of["write_off"] - of["claim"]


def undecided(session: Session, item: PaymentException) -> Amount:
    """What of an exception nobody has decided about yet, in USDC; never below zero.

    For money that the chain does not show it is what the processor says was paid.
    """
    assert item.payment_attempt_id is not None, "an exception of the chain is about no sum"
    return left_of(item, accounted(session, payment_attempt_id=item.payment_attempt_id))


def left_of(item: PaymentException, accounted_for: Amount) -> Amount:
    """What of an exception is left once so much of its attempt is granted or decided; never below zero."""
    arrived = item.expected_units if item.kind == "unseen" else item.received_units
    counted = in_usdc(Amount(int(arrived), USD if item.asset == USD.code else USDC))
    return max(counted - accounted_for, _NOTHING)


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


def _granted(session: Session, payment_attempt_ids: Collection[str]) -> Mapping[str, _Granted]:
    found = session.exec(
        select(Receipt, Quote).join(Quote).where(col(Receipt.payment_attempt_id).in_(payment_attempt_ids))
    )
    return {receipt.payment_attempt_id: (receipt, quote) for receipt, quote in found}


def _verified(granted: _Granted | None, of_decisions: Collection[int | None]) -> Amount:
    """The price of a purchase that a verified payment granted; a decision's grant is in its own row."""
    if granted is None or granted[0].ledger_transaction_id in of_decisions:
        return _NOTHING
    return pricing.in_usdc(Amount(granted[1].price_cents, USD))
