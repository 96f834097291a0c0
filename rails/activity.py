"""What an agent may read of its own history, in exactly the event types of the contract, each told once."""

from datetime import datetime

from sqlmodel import Session

from rails import ids
from rails.models import Activity, PaymentAttempt, Receipt


def checkout_session_created(session: Session, attempt: PaymentAttempt, *, now: datetime) -> None:
    """Tell that a Checkout session exists and waits for a person."""
    session.add(
        Activity(
            event_id=ids.new("evt"),
            agent_id=attempt.agent_id,
            type="payment.checkout_session.created",
            operation="payment",
            subject_type="payment",
            subject_id=attempt.payment_attempt_id,
            status="action_required",
            summary="a Checkout session was created and waits for a person",
            links={
                "quote_id": attempt.quote_id,
                "payment_attempt_id": attempt.payment_attempt_id,
                "checkout_session_id": attempt.reference,
            },
            occurred_at=now,
        )
    )


def credits_granted(session: Session, receipt: Receipt) -> None:
    """Tell that a verified payment granted paid credits."""
    session.add(
        Activity(
            event_id=ids.new("evt"),
            agent_id=receipt.agent_id,
            type="credits.payment_backed_granted",
            operation="credits",
            subject_type="credit",
            subject_id=receipt.credit_event_id,
            status="succeeded",
            summary=f"{receipt.credits} credits granted for a verified payment",
            links={
                "quote_id": receipt.quote_id,
                "payment_attempt_id": receipt.payment_attempt_id,
                "receipt_id": receipt.receipt_id,
                "credit_event_id": receipt.credit_event_id,
            },
            occurred_at=receipt.created_at,
        )
    )
