"""Credits for money that came: posted once, with a receipt, and told to the agent."""

from datetime import datetime

from sqlmodel import Session

from ledger import chart, credits
from ledger.money import CREDIT, Amount
from ledger.operations import Grant
from rails import activity, ids, reversal_watch
from rails.models import PaymentAttempt, Quote, Receipt


def purchase(
    session: Session,
    attempt: PaymentAttempt,
    *,
    credits_bought: Amount,
    received: Amount,
    actor: str,
    now: datetime,
) -> Receipt:
    """Post the purchase under the attempt's one grant key, and write the receipt of it.

    The caller holds the lock of the attempt's row and has moved it to succeeded: nothing was granted before.
    """
    bought = session.get_one(Quote, attempt.quote_id)
    wanted = Grant(
        key=f"purchase:{attempt.payment_attempt_id}",
        agent_id=bought.agent_id,
        actor=actor,
        credits=credits_bought,
        cents=received,
        clearing=chart.clearing(attempt.rail_id),
        metadata={"payment_attempt_id": attempt.payment_attempt_id, "quote_id": bought.quote_id},
    )
    transaction_id, balance = _post(session, wanted, now=now)
    receipt = Receipt(
        receipt_id=ids.new("receipt"),
        payment_attempt_id=attempt.payment_attempt_id,
        quote_id=bought.quote_id,
        agent_id=bought.agent_id,
        credit_event_id=ids.new("credit_event"),
        ledger_transaction_id=transaction_id,
        credits=credits_bought.units,
        received_cents=received.units,
        balance_after=balance.units,
        created_at=now,
    )
    session.add(receipt)
    activity.credits_granted(session, receipt)
    reversal_watch.begin(session, attempt.payment_attempt_id, now=now)
    return receipt


def beside(
    session: Session,
    receipt: Receipt,
    *,
    key: str,
    rail_id: str,
    credits_given: Amount,
    received: Amount,
    actor: str,
    now: datetime,
) -> int:
    """Post credits for money that came beside a granted purchase; the transaction's id."""
    wanted = Grant(
        key=key,
        agent_id=receipt.agent_id,
        actor=actor,
        credits=credits_given,
        cents=received,
        clearing=chart.clearing(rail_id),
        metadata={"payment_attempt_id": receipt.payment_attempt_id, "quote_id": receipt.quote_id},
    )
    transaction_id, _ = _post(session, wanted, now=now)
    event_id = f"credit_event_{transaction_id}"
    activity.credits_changed(
        session,
        receipt,
        kind="credits.payment_backed_granted",
        subject_id=event_id,
        summary=f"{credits_given.units} credits granted for what arrived beside a purchase",
        links={"credit_event_id": event_id},
        now=now,
    )
    return transaction_id


def _post(session: Session, wanted: Grant, *, now: datetime) -> tuple[int, Amount]:
    granted = credits.apply_one(session, wanted, now=now)
    assert granted.done, granted.code
    assert not granted.replayed, f"{wanted.key} had granted before"
    assert granted.standing is not None
    return granted.transaction_id, Amount(granted.standing.posted.units, CREDIT)
