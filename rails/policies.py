"""Exceptions that nobody has to decide: the published policy does, once the money is final."""

import logging
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy import or_, type_coerce
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Session, col, select

from ledger.database import Sessions
from ledger.errors import TryAgain
from rails import arrived, errors, kinds, pricing, promises, resolutions, reviews
from rails.accounted import undecided
from rails.models import PaymentAttempt, PaymentException
from rails.resolutions import Decision, Resolved

logger = logging.getLogger("pennyrail.rails")

_REASON: Final = "the policy that was published when the payment was opened"


def due(session: Session, *, now: datetime, limit: int = 100) -> Sequence[tuple[int, str]]:
    """Open exceptions that their attempts' policy credits, with their kinds, oldest first.

    Nothing that a reorganisation may still take back, and nothing short before its time to pay is over.
    """
    told = type_coerce(col(PaymentAttempt.policy), JSONB)
    found = session.exec(
        select(PaymentException, PaymentAttempt)
        .join(PaymentAttempt)
        .where(
            col(PaymentException.closed_at).is_(None),
            col(PaymentException.kind).in_(kinds.BY_POLICY),
            col(PaymentException.final_units) >= col(PaymentException.received_units),
            or_(col(PaymentException.wait_until).is_(None), col(PaymentException.wait_until) <= now),
            or_(col(PaymentException.kind) != "underpaid", col(PaymentAttempt.expires_at) <= now),
            told[col(PaymentException.kind)].astext == "credit",
            or_(~col(PaymentException.late), told["late"].astext == "credit"),
        )
        .order_by(col(PaymentException.opened_at))
    ).all()
    promised = (
        (item.exception_id or 0, item.kind)
        for item, attempt in found
        if promises.credits(attempt, kind=item.kind, late=item.late) and _has_a_cent(session, item)
    )
    return list(islice(promised, limit))


def _has_a_cent(session: Session, item: PaymentException) -> bool:
    """Whether it can be credited: what cannot stays for a person, and takes nobody's turn."""
    cents, _ = pricing.whole_cents(undecided(session, item))
    return cents.units > 0


def decide(sessions: Sessions, *, now: datetime) -> Sequence[Resolved]:
    """Credit what the policy credits, each in a transaction of its own; what was done.

    What cannot be credited now stays open for a person.
    """
    with sessions() as session:
        waiting = due(session, now=now)
    done: list[Resolved] = []
    for exception_id, kind in waiting:
        decision = Decision(exception_id, actor=f"policy:{kind}", reason=_REASON)
        try:
            with sessions() as session:
                done.append(resolutions.credit(session, decision, now=now))
        except (errors.ResolutionError, TryAgain) as error:
            logger.info("exception %s is not credited by policy: %s", exception_id, error)
    return done


def close_what_ended(session: Session, *, now: datetime) -> int:
    """Close exceptions of chains that are read again; how many."""
    return sum(
        reviews.chain_is_read(session, chain_id=chain_id, now=now) for chain_id in arrived.read_again(session)
    )
