"""Payments that are not as they were asked for, made through the story itself."""

from datetime import datetime
from uuid import uuid4

from sqlmodel import col, select

from ledger.database import Sessions
from ledger.money import USDC, Amount
from rails import catalog, purchase
from rails.conformance.fakes import FakeRail
from rails.models import PaymentException
from rails.rail import Evidence, NeedsReview


def excepted(
    sessions: Sessions,
    rail: FakeRail,
    *,
    now: datetime,
    kind: str = "underpaid",
    received: int = 4_990_001,
    credits: int = 500,
    agent_id: str = "agt_1",
    charged: bool = False,
    detail: dict[str, str] | None = None,
) -> int:
    """The number of an exception of this kind, found now: so many millionths came."""
    attempt_id = bought(sessions, rail, now=now, credits=credits, agent_id=agent_id)
    found_again(
        sessions, rail, attempt_id, now=now, kind=kind, received=received, charged=charged, detail=detail
    )
    with sessions() as session:
        newest = select(PaymentException).where(
            PaymentException.payment_attempt_id == attempt_id, col(PaymentException.closed_at).is_(None)
        )
        item = session.exec(newest).one()
        assert item.exception_id is not None
        return item.exception_id


def bought(
    sessions: Sessions, rail: FakeRail, *, now: datetime, credits: int = 500, agent_id: str = "agt_1"
) -> str:
    """The id of an open attempt."""
    rails, key = {rail.rail_id: rail}, uuid4().hex
    terms = catalog.terms(credits_wanted=credits, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(
        sessions, rails, agent_id=agent_id, terms=terms, idempotency_key=key, now=now
    ).quote
    view = purchase.buy(
        sessions,
        rails,
        agent_id=agent_id,
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key=key,
        now=now,
    ).view
    assert view.attempt is not None
    return view.attempt.payment_attempt_id


def found_again(
    sessions: Sessions,
    rail: FakeRail,
    attempt_id: str,
    *,
    now: datetime,
    kind: str = "underpaid",
    received: int = 4_990_001,
    charged: bool = False,
    detail: dict[str, str] | None = None,
) -> None:
    """Look at an attempt while its rail says this."""
    reference = rail.opened[attempt_id].reference
    expected = Amount(5_000_000, USDC)
    said = (
        Evidence("stripe", reference, "succeeded" if charged else "requires_action", detail or {}),
        Evidence("chain", "0xb:0", "confirmed"),
    )
    # The chain has it for good: what is known of the processor alone has no depth.
    outcome = NeedsReview(kind, expected, Amount(received, USDC), said, final=Amount(received, USDC))
    rail._outcomes[reference] = lambda _handle: outcome
    purchase.settle(sessions, {rail.rail_id: rail}, payment_attempt_id=attempt_id, now=now)
