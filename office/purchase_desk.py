"""What an operator does about a purchase: look again, close it, give money back; each on record."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, select

from ledger.database import Sessions
from ledger.money import Amount
from office import audit, proposals, reasons
from office.actor import Actor
from office.purchase_case import KIND
from rails import errors as rails_errors
from rails import purchase, refunds, reversals
from rails.models import PaymentAttempt, RefundRequest
from rails.purchase import Canceled
from rails.rail import Rails
from rails.refunds import Refund


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: how the purchase stands, whether it granted, and what it booked as gone."""

    payment_attempt_id: str
    before: str
    state: str
    granted: bool
    reversals: int
    transactions: tuple[int, ...]


def look(sessions: Sessions, rails: Rails, payment_attempt_id: str, *, by: Actor, now: datetime) -> Looked:
    """Ask the processor what has become of a purchase, and what has left it. Harmless to repeat.

    raises: PurchaseNotFound
    """
    before = _state(sessions, payment_attempt_id)
    about = (KIND, payment_attempt_id)
    with audit.recorded(
        sessions, by, "purchase.look", about=about, before={"state": before}, now=now
    ) as told:
        settled = purchase.settle(sessions, rails, payment_attempt_id=payment_attempt_id, now=now)
        left = reversals.look(sessions, rails, payment_attempt_id=payment_attempt_id, now=now)
        told.after = {"state": settled.state, "granted": settled.granted, "booked": list(left.transactions)}
    return Looked(
        payment_attempt_id, before, settled.state, settled.granted, left.reversals, left.transactions
    )


def cancel(
    sessions: Sessions, rails: Rails, payment_attempt_id: str, *, reason: str, by: Actor, now: datetime
) -> Canceled:
    """Close a payment at its processor, so that nobody can begin to pay it. What was paid is granted.

    raises: SayWhy; PurchaseNotFound, NothingToCancel, RailUnreachable
    """
    why, before = reasons.said(reason), _state(sessions, payment_attempt_id)
    about = (KIND, payment_attempt_id)
    with audit.recorded(
        sessions, by, "purchase.cancel", about=about, reason=why, before={"state": before}, now=now
    ) as told:
        done = purchase.cancel(
            sessions, rails, payment_attempt_id=payment_attempt_id, reason=f"{why} ({by.name})", now=now
        )
        told.after = {"state": done.state, "granted": done.granted, "refusal": done.refusal}
    return done


def refund(
    sessions: Sessions,
    rails: Rails,
    payment_attempt_id: str,
    *,
    amount: Amount | None,
    reason: str,
    key: str,
    by: Actor,
    now: datetime,
) -> Refund:
    """Have the processor give money of a payment back, all that is left if `amount` is None. A key asks once.

    Without an answer of the processor the refund stays asked, and comes up again by itself.

    raises: SayWhy, NeedsApproval; PurchaseNotFound, NothingPaid, RefundTooLarge, RefundConflict; RailRefused
    """
    why, before = reasons.said(reason), _state(sessions, payment_attempt_id)
    # Other names are the exceptions' and the proposals', which are let through by other rules.
    key = f"operator:{key}"
    wanted = {"state": before, "amount": str(amount) if amount is not None else "all that is left"}
    about = (KIND, payment_attempt_id)
    # Whoever is sent back today is asked again tomorrow: what has left since must be known.
    reversals.look(sessions, rails, payment_attempt_id=payment_attempt_id, now=now)
    with audit.recorded(
        sessions, by, "refund.create", about=about, reason=why, before=wanted, now=now
    ) as told:
        with sessions() as session:
            found = _placed(session, payment_attempt_id, amount, why=why, key=key, by=by, now=now)
        if found.state == "asked":
            found = refunds.ask(sessions, rails, refund_id=found.request.refund_id, now=now)
        told.after = {
            "refund_id": found.request.refund_id,
            "cents": found.request.cents,
            "state": found.state,
        }
        if found.state == "failed":
            raise rails_errors.RailRefused(found.request.failure or "failed")
    return found


def _placed(
    session: Session,
    payment_attempt_id: str,
    amount: Amount | None,
    *,
    why: str,
    key: str,
    by: Actor,
    now: datetime,
) -> Refund:
    """Write down what one operator may give away alone; what was asked for before was let through before."""
    known = select(RefundRequest.refund_id).where(RefundRequest.idempotency_key == key)
    if session.exec(known).first() is None:
        attempt = session.get_one(
            PaymentAttempt, payment_attempt_id, with_for_update=True, populate_existing=True
        )
        cents = amount if amount is not None else refunds.left_of(session, attempt)
        proposals.check_alone(session, cents, by, now)
    return refunds.place(
        session,
        payment_attempt_id=payment_attempt_id,
        amount=amount,
        reason=why,
        requested_by=by.name,
        key=key,
        now=now,
    )


def _state(sessions: Sessions, payment_attempt_id: str) -> str:
    with sessions() as session:
        attempt = session.get(PaymentAttempt, payment_attempt_id)
        if attempt is None:
            raise rails_errors.PurchaseNotFound(f"there is no purchase {payment_attempt_id}")
        return attempt.state
