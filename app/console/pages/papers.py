"""What a purchase is made of, each on a page of its own: quote, receipt, ledger transaction, hold."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from app import signing
from app.api.receipts import KEYS_PATH
from app.console.show import show
from app.console.visit import Reading, Visit
from ledger.errors import NotSealedYet
from office import papers
from rails import receipts, status

router = APIRouter()
TransactionId = Annotated[int, Path(ge=1, lt=2**63)]


@router.get("/quotes/{quote_id}")
def quote(visit: Reading, quote_id: str) -> Response:
    """A price that was fixed."""
    with visit.house.sessions() as session:
        found = papers.quote(session, quote_id)
    return show(visit, "papers/quote.html", quote=found)


@router.get("/receipts/{receipt_id}")
def receipt(visit: Reading, receipt_id: str) -> Response:
    """A receipt, and how anybody can check it without this service."""
    with visit.house.sessions() as session:
        found = papers.receipt(session, receipt_id)
    return show(
        visit,
        "papers/receipt.html",
        receipt=found,
        jws=_signed(visit, found),
        keys_url=f"{visit.house.settings.base_url}{KEYS_PATH}",
    )


@router.get("/ledger/transactions/{transaction_id}")
def transaction(visit: Reading, transaction_id: TransactionId) -> Response:
    """A transaction of the book with its legs."""
    with visit.house.sessions() as session:
        found = papers.transaction(session, transaction_id)
        bought = receipts.of_transactions(session, [transaction_id]).get(transaction_id)
        attempt_id = bought.payment_attempt_id if bought is not None else None
    return show(visit, "papers/transaction.html", told=found, payment_attempt_id=attempt_id)


@router.get("/ledger/holds/{hold_id}")
def hold(visit: Reading, hold_id: str) -> Response:
    """Credits that were set aside for a job."""
    with visit.house.sessions() as session:
        found = papers.hold(session, hold_id)
    return show(visit, "papers/hold.html", hold=found)


def _signed(visit: Visit, found: papers.ReceiptPaper) -> str | None:
    """The receipt as a JWS; None while it is in no seal, or where this house signs none."""
    here = visit.house
    if here.receipt_key is None:
        return None
    with here.sessions() as session:
        view = status.find(
            session,
            agent_id=found.agent_id,
            kind="receipt_id",
            reference=found.receipt_id,
            now=here.clock(),
        )
        try:
            return signing.sign(session, here, view, key=here.receipt_key)
        except NotSealedYet:
            return None
