"""Which purchase a transaction of the book belongs to."""

from collections.abc import Iterable, Mapping

from sqlmodel import Session, col, select

from rails.models import ExceptionAction, PaymentException, Receipt


def of_transactions(session: Session, transaction_ids: Iterable[int]) -> Mapping[int, Receipt]:
    """The receipts of these transactions, by transaction; most transactions are no purchase.

    What was granted beside a purchase, by a decision, belongs to the receipt of that purchase.
    """
    wanted = list(transaction_ids)
    beside = session.exec(
        select(ExceptionAction.ledger_transaction_id, Receipt)
        .join(PaymentException, col(PaymentException.exception_id) == col(ExceptionAction.exception_id))
        .join(Receipt, col(Receipt.payment_attempt_id) == col(PaymentException.payment_attempt_id))
        .where(col(ExceptionAction.ledger_transaction_id).in_(wanted), ExceptionAction.action == "credit")
    ).all()
    own = session.exec(select(Receipt).where(col(Receipt.ledger_transaction_id).in_(wanted))).all()
    of_decisions = {number: receipt for number, receipt in beside if number is not None}
    return {**of_decisions, **{found.ledger_transaction_id: found for found in own}}
