"""How much an agent may buy in a day, counted by the attempts that it opened and that may still be paid."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from rails import errors
from rails.models import PaymentAttempt, Quote
from rails.settings import story
from rails.states import GIVEN_UP


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an agent may buy in a day of UTC, and what it has. In cents."""

    limit_cents: int
    used_cents: int
    resets_at: datetime

    @property
    def remaining_cents(self) -> int:
        """What is left of it."""
        return max(0, self.limit_cents - self.used_cents)


def allowance(session: Session, *, agent_id: str, now: datetime) -> Allowance | None:
    """What the agent may still buy today, None if nothing is limited."""
    limit_cents = story().daily_spend_cents
    if not limit_cents:
        return None
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    used = session.exec(
        select(func.coalesce(func.sum(Quote.price_cents), 0))
        .join(PaymentAttempt, col(PaymentAttempt.quote_id) == col(Quote.quote_id))
        .where(
            PaymentAttempt.agent_id == agent_id,
            col(PaymentAttempt.created_at) >= today,
            # What was given up may still be paid, where there is an address to pay to.
            or_(
                col(PaymentAttempt.state).not_in(GIVEN_UP),
                col(PaymentAttempt.deposit_address).is_not(None),
            ),
        )
    ).one()
    return Allowance(limit_cents, int(used), today + timedelta(days=1))


def take_turn(session: Session, *, agent_id: str) -> None:
    """Let nobody else open an attempt for this agent until the transaction ends, if buying is limited."""
    if story().daily_spend_cents:
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"spend:{agent_id}", 0))))


def refuse_above(session: Session, *, wanted: Quote, now: datetime) -> None:
    """Go on only if the quote fits into what its agent may still buy today. Take the agent's turn first.

    raises: SpendLimitReached
    """
    left = allowance(session, agent_id=wanted.agent_id, now=now)
    if left is not None and wanted.price_cents > left.remaining_cents:
        raise errors.SpendLimitReached(
            agent_id=wanted.agent_id,
            rail_id=wanted.rail_id,
            limit_cents=left.limit_cents,
            used_cents=left.used_cents,
            resets_at=left.resets_at,
        )
