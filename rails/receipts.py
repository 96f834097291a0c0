"""Which purchase a transaction of the book belongs to."""

from collections.abc import Iterable, Mapping

from sqlmodel import Session, col, select

from rails.models import Receipt


def of_transactions(session: Session, transaction_ids: Iterable[int]) -> Mapping[int, Receipt]:
    """The receipts of these transactions, by transaction; most transactions are no purchase."""
    wanted = col(Receipt.ledger_transaction_id).in_(list(transaction_ids))
    return {found.ledger_transaction_id: found for found in session.exec(select(Receipt).where(wanted))}
