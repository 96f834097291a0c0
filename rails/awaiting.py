"""What a rail may ask about an address that many attempts share: which of them a transfer there may pay."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import and_, func, or_
from sqlmodel import Session, col, select

from ledger.money import Amount
from rails import instructions
from rails.models import PaymentAttempt
from rails.rail import CryptoDeposit
from rails.settings import story

Standing = Literal["open", "over", "settled"]
_STANDINGS: dict[str, Standing] = {
    "requires_action": "open",
    "processing": "open",
    "needs_review": "open",
    "expired": "over",
    "failed": "over",
    "canceled": "settled",
    "succeeded": "settled",
}
_OVER = [state for state, standing in _STANDINGS.items() if standing == "over"]
_OPEN = [state for state, standing in _STANDINGS.items() if standing == "open"]


@dataclass(frozen=True, slots=True)
class Awaiting:
    """An attempt at an address. `over`: its time is up, and money that comes late is still its own.

    `settled`: it was paid or canceled, and no transfer pays it any more.
    """

    payment_attempt_id: str
    amount: Amount
    created_at: datetime
    standing: Standing


def at_address(session: Session, *, address: str, now: datetime) -> tuple[Awaiting, ...]:
    """The attempts that a transfer to `address` may pay, oldest first, and the newest one in any case."""
    since = now - timedelta(days=story().watch_days)
    here = col(PaymentAttempt.deposit_address) == address
    newest = select(func.max(PaymentAttempt.created_at)).where(here).scalar_subquery()
    state = col(PaymentAttempt.state)
    found = session.exec(
        select(PaymentAttempt)
        .where(
            here,
            or_(
                state.in_(_OPEN),
                and_(state.in_(_OVER), col(PaymentAttempt.expires_at) > since),
                col(PaymentAttempt.created_at) == newest,
            ),
        )
        .order_by(col(PaymentAttempt.created_at), col(PaymentAttempt.payment_attempt_id))
    )
    return tuple(map(_awaiting, found))


def quote_id(session: Session, payment_attempt_id: str) -> str:
    """The quote that an attempt is to pay."""
    return session.get_one(PaymentAttempt, payment_attempt_id).quote_id


def _awaiting(attempt: PaymentAttempt) -> Awaiting:
    told = instructions.read(attempt)
    assert isinstance(told, CryptoDeposit), "only a deposit has an address"
    return Awaiting(attempt.payment_attempt_id, told.amount, attempt.created_at, _STANDINGS[attempt.state])
