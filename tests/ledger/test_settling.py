"""What the clock makes due is done in time, whatever was held or refunded before."""

from ledger import balances, credits
from ledger.database import Sessions
from ledger.money import CREDIT, Amount
from ledger.operations import Operation
from tests.ledger.make import AGENT, after, debit, grant, hold, refund, release


def do(sessions: Sessions, *wanted: Operation, minutes: float = 0) -> None:
    with sessions() as session:
        done = credits.apply(session, wanted, now=after(minutes))
    assert {outcome.code for outcome in done} == {"done"}, done


def available(sessions: Sessions, *, minutes: float) -> Amount:
    with sessions() as session:
        return balances.snapshot(session, agent_id=AGENT, now=after(minutes)).available


def test_what_is_released_of_a_lot_that_was_wholly_held_lapses_with_the_lot(sessions: Sessions) -> None:
    held = hold("long", 10, minutes=60)
    do(sessions, grant("lapsing", 10, expires_at=after(30)), grant("lasting", 10), held)
    do(sessions, hold("short", 5, minutes=5))
    do(sessions, debit("d", 1), minutes=10)
    do(sessions, release("r", held), minutes=20)

    assert available(sessions, minutes=29) == Amount(19, CREDIT)
    assert available(sessions, minutes=31) == Amount(9, CREDIT)


def test_a_purchase_refunded_before_it_began_leaves_nothing_to_spend(sessions: Sessions) -> None:
    do(sessions, grant("bought", 10, cents=10, effective_at=after(30)))
    do(sessions, refund("back", "bought", cents=10), minutes=1)

    assert available(sessions, minutes=31) == Amount(0, CREDIT)
