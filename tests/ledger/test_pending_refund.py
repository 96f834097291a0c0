"""A refund of credits that have not begun."""

from ledger import balances, book, chart
from ledger.database import Sessions
from ledger.money import CREDIT, USD, Amount
from tests.ledger.story import AGENT, HOUR, NOON, do, paid, refund


def test_credits_that_were_refunded_before_they_began_are_taken_when_they_begin(sessions: Sessions) -> None:
    do(sessions, paid("purchase:1", 100, effective_at=NOON + HOUR), refund("refund:1", "purchase:1", 100))

    with sessions() as session:
        begun = balances.snapshot(session, agent_id=AGENT, now=NOON + 2 * HOUR)
        receivable = book.balance(session, account=chart.RECEIVABLE)

    assert (begun.posted, begun.held, begun.lots) == (Amount(0, CREDIT), Amount(0, CREDIT), ())
    assert receivable == Amount(0, USD)
