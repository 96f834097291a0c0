"""Sixteen clients at once: every event once, no overdraft, no gap, no deadlock."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random
from threading import Event

from sqlmodel import text

from ledger import book, chart, credits
from ledger.book import Posting
from ledger.credits import Outcome
from ledger.database import Sessions
from ledger.errors import ReferenceConflict
from ledger.money import CREDIT
from ledger.operations import Operation
from tests.ledger import invariants
from tests.ledger.acting import do, has, house
from tests.ledger.make import NOON, after, capture, debit, grant, hold, refund, reinstate, release
from tests.ledger.test_book import posting
from tests.waiting import eventually

CLIENTS = 16
AGENTS = [f"agt_{number}" for number in range(10)]
EACH = 200
WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


def attempt(sessions: Sessions, wanted: Posting) -> str:
    try:
        with sessions() as session:
            return "created" if book.post(session, wanted).created else "exists"
    except ReferenceConflict as refusal:
        return refusal.code


def count(sessions: Sessions, query: str) -> int:
    with sessions() as session:
        return int(session.connection().execute(text(query)).scalar_one())


def deadlocks(sessions: Sessions) -> int:
    return count(sessions, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")


def mixed(wanted: list[Operation], random: Random) -> list[list[Operation]]:
    """Half of them one at a time, half in batches of twenty."""
    random.shuffle(wanted)
    half = len(wanted) // 2
    single = [[op] for op in wanted[:half]]
    batches = [wanted[start : start + 20] for start in range(half, len(wanted), 20)]
    told = single + batches
    random.shuffle(told)
    return told


def race(sessions: Sessions, told: list[list[Operation]]) -> list[Outcome]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = list(clients.map(lambda each: credits.perform(sessions, each, now=NOON), told))
    return [outcome for answer in answers for outcome in answer]


def test_one_event_told_by_sixteen_clients_at_once_is_written_once(sessions: Sessions) -> None:
    # Only house accounts, unopened: no row that all of them would have to lock.
    wanted = posting((chart.ISSUED, -1, CREDIT), (chart.SPENT, 1, CREDIT))
    other = posting((chart.ISSUED, -2, CREDIT), (chart.SPENT, 2, CREDIT))

    for turn in range(10):
        told = [replace(each, reference=f"event:{turn}") for each in [wanted, other] * (CLIENTS // 2)]
        with ThreadPoolExecutor(CLIENTS) as clients:
            outcomes = list(clients.map(lambda each: attempt(sessions, each), told))
        assert outcomes.count("created") == 1
        assert outcomes.count("exists") == CLIENTS // 2 - 1
        assert outcomes.count("reference_conflict") == CLIENTS // 2

    invariants.check_book(sessions)
    assert count(sessions, "SELECT count(*) FROM ledger_transaction") == 10


def test_racing_spends_are_accepted_exactly_as_far_as_the_credits_go(sessions: Sessions) -> None:
    random = Random(5)
    do(sessions, *(grant(f"g:{name}", EACH, cents=EACH, agent=name) for name in AGENTS))
    wanted: list[Operation] = [
        debit(f"{name}:{number}", 2, agent=name) for name in AGENTS for number in range(EACH // 2 + 20)
    ]

    outcomes = race(sessions, mixed(wanted * 2, random))

    fresh = Counter(outcome.code for outcome in outcomes if not outcome.replayed)
    assert fresh == {"done": len(AGENTS) * EACH // 2, "not_enough": len(AGENTS) * 20}
    assert sum(outcome.replayed for outcome in outcomes) == len(wanted)
    assert {has(sessions, agent=name) for name in AGENTS} == {(0, 0)}
    assert house(sessions)["revenue"] == EACH * len(AGENTS)
    invariants.check_book(sessions)
    assert deadlocks(sessions) == 0


def test_everything_races_with_the_sweeper_and_the_book_stays_exact(sessions: Sessions) -> None:
    random = Random(6)
    do(sessions, *(grant(f"g:{name}", EACH, cents=EACH, agent=name) for name in AGENTS))
    wanted: list[Operation] = []
    for name in AGENTS:
        for number in range(30):
            held = hold(
                f"h:{name}:{number}", 5, agent=name, minutes=number % 3 - 1, in_flight=number % 2 == 0
            )
            ending = (
                capture(f"e:{name}:{number}", held, 3) if number % 3 else release(f"e:{name}:{number}", held)
            )
            wanted += [held, ending]
            bought = f"g:{name}:{number}"
            wanted += [
                grant(bought, 3, cents=4, agent=name, expires_at=after(1)),
                refund(f"r:{bought}", bought, cents=2, agent=name),
                reinstate(f"i:{bought}", f"r:{bought}", agent=name),
            ]
    told = mixed(wanted * 2, random)

    over = Event()
    with ThreadPoolExecutor(2) as sweepers:
        swept = [sweepers.submit(sweep_until, sessions, over) for _ in range(2)]
        try:
            outcomes = race(sessions, told)
        finally:
            over.set()
        assert sum(each.result() for each in swept) > 0

    assert len(outcomes) == 2 * len(wanted)
    assert sum(outcome.replayed for outcome in outcomes) == len(wanted)
    sweep(sessions, 10)
    invariants.check_book(sessions)
    assert count(sessions, "SELECT count(*) FROM hold WHERE state = 'open'") == 0
    assert deadlocks(sessions) == 0


def sweep_until(sessions: Sessions, over: Event) -> int:
    swept = 0
    while not over.is_set():
        swept += sum(sweep(sessions, minute) for minute in (0, 0.5, 1, 2))
    return swept


def sweep(sessions: Sessions, minute: float) -> int:
    with sessions() as session:
        return credits.settle_due(session, now=after(minute))


def test_one_key_told_for_many_agents_at_once_is_done_for_one(sessions: Sessions) -> None:
    names = [f"new_{number}" for number in range(CLIENTS)]

    for turn in range(15):
        keys = [f"k:{turn}:{number}" for number in range(4)]
        told: list[list[Operation]] = [
            [grant(key, 1, agent=name) for key in Random(place).sample(keys, place % 4 + 1)]
            for place, name in enumerate(names)
        ]
        outcomes = race(sessions, told)
        done = Counter(outcome.transaction_id for outcome in outcomes if outcome.done)
        assert set(done.values()) == {1}
        assert {outcome.code for outcome in outcomes} == {"done", "conflict"}

    invariants.check_book(sessions)
    assert sum(has(sessions, agent=name)[0] for name in names) == count(
        sessions, "SELECT count(*) FROM ledger_transaction"
    )


def test_the_first_grants_of_an_agent_wait_for_each_other_and_none_is_lost(sessions: Sessions) -> None:
    def give(told: Operation) -> bool:
        # Not again if somebody was faster: nobody here has the key of another.
        with sessions() as session:
            return credits.apply_one(session, told, now=NOON).done

    for turn in range(10):
        name = f"new_{turn}"
        with ThreadPoolExecutor(CLIENTS) as clients:
            given = [grant(f"g:{turn}:{number}", 1, agent=name) for number in range(CLIENTS)]
            assert all(clients.map(give, given))
        assert has(sessions, agent=name) == (CLIENTS, 0)

    invariants.check_book(sessions)


def test_a_deadlock_with_somebody_else_is_tried_again(sessions: Sessions) -> None:
    do(sessions, grant("g:a", 5, agent="a"), grant("g:b", 5, agent="b"))
    lock = text(
        "SELECT FROM balance JOIN account ON id = account_id WHERE name = :name FOR UPDATE OF balance"
    )

    with ThreadPoolExecutor(1) as clients:
        with sessions() as other:
            # The first to look for a deadlock loses: not this one.
            other.connection().execute(text("SET LOCAL deadlock_timeout = '60s'"))
            other.connection().execute(lock, {"name": "agent:b"})
            told = [debit("a", 1, agent="a"), debit("b", 1, agent="b")]
            spent = clients.submit(credits.perform, sessions, told, now=NOON)
            eventually(lambda: count(sessions, WAITING))
            other.connection().execute(lock, {"name": "agent:a"})

        assert [outcome.code for outcome in spent.result()] == ["done", "done"]
    assert (has(sessions, agent="a"), has(sessions, agent="b")) == ((4, 0), (4, 0))
    # Tried again, it may take the first row once more before the other one has woken up.
    assert 1 <= deadlocks(sessions) < credits.TRIES
