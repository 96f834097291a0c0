"""Money that went back: the book and the agent's own history hear of it together, once."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session, col, select

from ledger import balances, credits
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from ledger.operations import Debit
from rails import catalog, errors, purchase, reversals
from rails.conformance.fakes import FakeRail, crypto_deposit
from rails.models import Activity, PaymentAttempt

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AGENT = "agt_1"


@pytest.fixture
def attempt_id(sessions: Sessions) -> str:
    """An attempt that was paid with five dollars."""
    rail = crypto_deposit()
    bought = _buy(sessions, rail)
    with sessions() as session:
        reference = session.get_one(PaymentAttempt, bought).reference
    assert reference is not None
    rail.pay(reference)
    assert purchase.settle(sessions, {rail.rail_id: rail}, payment_attempt_id=bought, now=NOON).granted
    return bought


def _buy(sessions: Sessions, rail: FakeRail) -> str:
    rails = {rail.rail_id: rail}
    terms = catalog.terms(credits_wanted=500, pack_id=None, rail_id=rail.rail_id)
    quote = purchase.quote(sessions, rails, agent_id=AGENT, terms=terms, idempotency_key="q", now=NOON).quote
    view = purchase.buy(
        sessions,
        rails,
        agent_id=AGENT,
        quote_id=quote.quote_id,
        rail_id=rail.rail_id,
        idempotency_key="b",
        now=NOON,
    ).view
    assert view.attempt is not None
    return view.attempt.payment_attempt_id


def take_back(sessions: Sessions, attempt_id: str, *, cents: int, cause: reversals.Cause = "refund") -> None:
    with sessions() as session:
        reversals.take_back(
            session,
            payment_attempt_id=attempt_id,
            cause=cause,
            reference="re_1",
            cents=Amount(cents, USD),
            now=NOON,
        )


def told(session: Session) -> list[str]:
    """What became of the purchase after its grant, in short words."""
    rows = session.exec(select(Activity.type).where(col(Activity.operation) == "credits")).all()
    return sorted(row.removeprefix("credits.payment_backed_") for row in rows if not row.endswith("granted"))


def state(sessions: Sessions) -> tuple[int, list[str]]:
    with sessions() as session:
        return balances.snapshot(session, agent_id=AGENT, now=NOON).posted.units, told(session)


@pytest.mark.parametrize(("cause", "word"), [("refund", "refunded"), ("dispute", "disputed")])
def test_a_reversal_takes_the_credits_and_is_told_once(
    sessions: Sessions, attempt_id: str, cause: reversals.Cause, word: str
) -> None:
    take_back(sessions, attempt_id, cents=200, cause=cause)
    take_back(sessions, attempt_id, cents=200, cause=cause)

    assert state(sessions) == (300, [word])


def test_what_is_used_already_is_told_as_pending(sessions: Sessions, attempt_id: str) -> None:
    spent = Debit(key="d", agent_id=AGENT, actor="test", credits=Amount(450, CREDIT), job="job-1")
    assert credits.perform(sessions, [spent], now=NOON)[0].done

    take_back(sessions, attempt_id, cents=500)

    assert state(sessions) == (0, ["refunded", "reversal_pending"])


def test_more_than_was_paid_is_rejected_and_takes_nothing(sessions: Sessions, attempt_id: str) -> None:
    take_back(sessions, attempt_id, cents=501)

    assert state(sessions) == (500, ["reversal_rejected"])


def test_a_dispute_that_was_won_gives_the_credits_back_once(sessions: Sessions, attempt_id: str) -> None:
    take_back(sessions, attempt_id, cents=500, cause="dispute")

    for _ in range(2):
        with sessions() as session:
            reversals.reinstate(
                session, payment_attempt_id=attempt_id, cause="dispute", reference="re_1", now=NOON
            )

    assert state(sessions) == (500, ["disputed", "reinstated"])


def test_what_was_never_granted_cannot_be_taken_back(sessions: Sessions) -> None:
    with pytest.raises(errors.PurchaseNotFound):
        take_back(sessions, "payatt_none", cents=1)
