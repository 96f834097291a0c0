"""The receipt of a purchase, signed: what the book proves, and who witnessed the payment."""

from sqlmodel import Session

from app.house import House
from app.shapes.receipt import receipt
from ledger import receipts
from ledger.keys import SigningKey
from rails.status import PurchaseView


def sign(session: Session, here: House, view: PurchaseView, *, key: SigningKey) -> str:
    """The receipt of a purchase that was granted, as a JWS.

    raises: NotSealedYet
    """
    assert view.receipt is not None
    return receipts.issue(
        session, transaction_id=view.receipt.ledger_transaction_id, key=key, told=receipt(here, view)
    )
