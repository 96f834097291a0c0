"""Money of a purchase that went back: refunds and disputes, told to the book and to the agent in one go."""

from datetime import datetime
from typing import Literal

from sqlmodel import Session, select

from ledger import chart, credits
from ledger.credits import CONFLICT, Outcome
from ledger.models import Reversal
from ledger.money import Amount
from ledger.operations import Refund, Reinstate
from rails import activity, errors
from rails.activity import EventType
from rails.models import PaymentAttempt, Receipt

Cause = Literal["refund", "dispute"]

_TAKEN: dict[Cause, EventType] = {
    "refund": "credits.payment_backed_refunded",
    "dispute": "credits.payment_backed_disputed",
}


def take_back(
    session: Session,
    *,
    payment_attempt_id: str,
    cause: Cause,
    reference: str,
    cents: Amount,
    now: datetime,
) -> Outcome:
    """Take the credits back that `cents` paid for, as far as they are unused; the same reference counts once.

    `reference` is the processor's name of the refund or dispute. What cannot be taken is the book's to claim
    later, and the agent is told that it is pending; what the book refuses is told as rejected.

    raises: PurchaseNotFound if nothing was granted for this attempt; TryAgain.
    """
    receipt, rail_id = _receipt(session, payment_attempt_id)
    outcome = credits.apply_one(
        session,
        Refund(
            key=f"{cause}:{reference}",
            agent_id=receipt.agent_id,
            actor=f"rail:{rail_id}",
            grant=f"purchase:{payment_attempt_id}",
            cents=cents,
            clearing=chart.clearing(rail_id),
        ),
        now=now,
    )
    if not outcome.replayed and outcome.code != CONFLICT:
        _tell(session, receipt, cause, outcome, now=now)
    return outcome


def reinstate(
    session: Session, *, payment_attempt_id: str, cause: Cause, reference: str, now: datetime
) -> Outcome:
    """Give back what `take_back` took under this reference: a dispute was won, or a refund failed. Once.

    raises: PurchaseNotFound if nothing was granted for this attempt; TryAgain.
    """
    receipt, rail_id = _receipt(session, payment_attempt_id)
    outcome = credits.apply_one(
        session,
        Reinstate(
            key=f"reinstated:{cause}:{reference}",
            agent_id=receipt.agent_id,
            actor=f"rail:{rail_id}",
            refund=f"{cause}:{reference}",
            clearing=chart.clearing(rail_id),
        ),
        now=now,
    )
    if outcome.done and not outcome.replayed:
        activity.credits_changed(
            session,
            receipt,
            kind="credits.payment_backed_reinstated",
            subject_id=f"credit_event_{outcome.transaction_id}",
            summary=f"{_units(outcome)} credits are back, because their payment stands again",
            links={"payment_reversal_id": _reversal_id(outcome)},
            now=now,
        )
    return outcome


def _tell(session: Session, receipt: Receipt, cause: Cause, outcome: Outcome, *, now: datetime) -> None:
    names = {"payment_reversal_id": _reversal_id(outcome)}
    subject = f"credit_event_{outcome.transaction_id}"
    told: list[tuple[EventType, str, dict[str, str]]] = []
    if not outcome.done:
        told.append(("credits.payment_backed_reversal_rejected", f"a {cause} could not be reconciled", names))
    else:
        recorded = session.get_one(Reversal, outcome.transaction_id)
        if taken := _units(outcome):
            words = f"{taken} credits were taken back for a {cause}"
            told.append((_TAKEN[cause], words, {**names, "credit_event_id": subject}))
        if left := recorded.wanted - _units(outcome):
            words = f"{left} credits of a {cause} are used or set aside, and were not taken back"
            told.append(("credits.payment_backed_reversal_pending", words, names))
    for kind, words, links in told:
        activity.credits_changed(
            session, receipt, kind=kind, subject_id=subject, summary=words, links=links, now=now
        )


def _receipt(session: Session, payment_attempt_id: str) -> tuple[Receipt, str]:
    found = session.exec(
        select(Receipt, PaymentAttempt.rail_id)
        .join(PaymentAttempt)
        .where(Receipt.payment_attempt_id == payment_attempt_id)
    ).one_or_none()
    if found is None:
        raise errors.PurchaseNotFound("nothing was granted for this attempt")
    return found


def _units(outcome: Outcome) -> int:
    return outcome.credits.units if outcome.credits is not None else 0


def _reversal_id(outcome: Outcome) -> str:
    return f"reversal_{outcome.transaction_id}"
