"""What an operator does about an exception: decided once, with who and why in the audit log beside it."""

from datetime import datetime

from sqlmodel import Session

from ledger.database import Sessions
from ledger.money import Amount
from office import audit, proposals, reasons
from office.actor import Actor
from office.exception_queue import KIND
from rails import refunds, resolutions
from rails.accounted import asset_of
from rails.errors import ExceptionNotFound
from rails.models import PaymentException
from rails.rail import Rails
from rails.resolutions import Decision, Permit, Resolved


def credit(
    session: Session, exception_id: int, *, seen: int, reason: str, by: Actor, now: datetime
) -> Resolved:
    """Grant credits for what arrived. `seen` is how much that was when they looked, in the smallest units.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile; TryAgain
    """
    decision = _decision(session, exception_id, seen=seen, reason=reason, by=by)
    return _recorded(session, decision, resolutions.credit(session, decision, now=now), by=by, now=now)


def write_off(
    session: Session, exception_id: int, *, seen: int, reason: str, by: Actor, now: datetime
) -> Resolved:
    """Close it without credits.

    raises: NeedsApproval; ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile
    """
    decision = _decision(session, exception_id, seen=seen, reason=reason, by=by)
    done = resolutions.write_off(session, decision, now=now, permit=_alone(by, now=now))
    return _recorded(session, decision, done, by=by, now=now)


def refund(
    sessions: Sessions,
    rails: Rails,
    exception_id: int,
    *,
    seen: int,
    reason: str,
    by: Actor,
    now: datetime,
) -> Resolved:
    """Have the processor send its charge back. Without an answer of it, the same call goes on with it.

    raises: NeedsApproval; ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile; RailUnreachable,
    RailRefused
    """
    with sessions() as session:
        decision = _decision(session, exception_id, seen=seen, reason=reason, by=by)
    about, before = (KIND, str(exception_id)), _before(decision)
    with audit.recorded(
        sessions, by, "exception.resolve", about=about, reason=decision.reason, before=before, now=now
    ) as told:
        done = resolutions.refund(
            sessions, rails, refunds.request, decision, now=now, permit=_alone(by, now=now)
        )
        told.after = _after(done)
    return done


def put_off(
    session: Session,
    exception_id: int,
    *,
    until: datetime,
    seen: int,
    reason: str,
    by: Actor,
    now: datetime,
) -> None:
    """Ask nobody before `until`, unless another amount is there.

    raises: ExceptionNotFound, NotAllowed, AlreadyResolved, ChangedMeanwhile
    """
    decision = _decision(session, exception_id, seen=seen, reason=reason, by=by)
    resolutions.wait(session, decision, until=until, now=now)
    about, after = (KIND, str(exception_id)), {"wait_until": until.isoformat()}
    audit.write(
        session,
        by,
        "exception.wait",
        about=about,
        reason=decision.reason,
        before=_before(decision),
        after=after,
        now=now,
    )


def _decision(session: Session, exception_id: int, *, seen: int, reason: str, by: Actor) -> Decision:
    item = session.get(PaymentException, exception_id)
    if item is None:
        raise ExceptionNotFound(f"there is no exception {exception_id}")
    return Decision(exception_id, by.name, reasons.said(reason), Amount(seen, asset_of(item)))


def _alone(by: Actor, *, now: datetime) -> Permit:
    """Lets through what one operator may give away alone."""

    return lambda session, cents: proposals.check_alone(session, cents, by, now)


def _recorded(session: Session, decision: Decision, done: Resolved, *, by: Actor, now: datetime) -> Resolved:
    audit.write(
        session,
        by,
        "exception.resolve",
        about=(KIND, str(decision.exception_id)),
        reason=decision.reason,
        before=_before(decision),
        after=_after(done),
        now=now,
    )
    return done


def _before(decision: Decision) -> dict[str, object]:
    return {"state": "open", "received": str(decision.seen)}


def _after(done: Resolved) -> dict[str, object]:
    return {
        "resolution": done.action,
        "cents": done.cents.units,
        "dust_units": str(done.dust.units),
        "ledger_transaction_id": done.ledger_transaction_id,
        "replayed": done.replayed,
    }
