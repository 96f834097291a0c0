"""Sixteen clients at once: every event once, no overdraft, no gap, no deadlock."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random

from ledger import audit, book, chart
from ledger.book import Posting
from ledger.database import Sessions
from ledger.errors import NotEnough, ReferenceConflict
from ledger.money import CREDIT, Amount
from tests.ledger.test_book import credit, posting

CLIENTS = 16
AGENTS = [chart.agent(f"agt_{number}") for number in range(4)]
EACH = 50


def moves() -> list[Posting]:
    """Transfers in both directions and purchases, in all more than the agents have."""
    random = Random(7)
    found = []
    for number in range(300):
        payer, payee = random.sample(AGENTS, 2)
        found.append(
            posting(
                (payer, -3, CREDIT), (payee, 2, CREDIT), (chart.SPENT, 1, CREDIT), reference=f"move:{number}"
            )
        )
    return found


def attempt(sessions: Sessions, wanted: Posting) -> str:
    try:
        with sessions() as session:
            return "created" if book.post(session, wanted).created else "exists"
    except (NotEnough, ReferenceConflict) as refusal:
        return refusal.code


def test_sixteen_clients_that_send_everything_twice_leave_an_exact_book(sessions: Sessions) -> None:
    for number, agent in enumerate(AGENTS):
        with sessions() as session:
            book.post(session, credit(EACH, reference=f"opening:{number}", account=agent))
    wanted = moves() * 2
    Random(11).shuffle(wanted)

    with ThreadPoolExecutor(CLIENTS) as clients:
        outcomes = list(clients.map(lambda each: attempt(sessions, each), wanted))

    with sessions() as session:
        report = audit.verify(session)
        spent = book.balance(session, account=chart.SPENT)
        left = [book.balance(session, account=agent).units for agent in AGENTS]
    assert report.clean, list(report.lines())
    assert set(outcomes) == {"created", "exists", "not_enough"}
    assert report.transactions == len(AGENTS) + outcomes.count("created")
    assert spent == Amount(outcomes.count("created"), CREDIT)
    assert min(left) >= 0
    assert sum(left) + spent.units == EACH * len(AGENTS)


def test_one_event_told_by_sixteen_clients_at_once_is_written_once(sessions: Sessions) -> None:
    # Only house accounts, unopened: no row that all of them would have to lock.
    wanted = posting((chart.ISSUED, -1, CREDIT), (chart.SPENT, 1, CREDIT))
    other = posting((chart.ISSUED, -2, CREDIT), (chart.SPENT, 2, CREDIT))

    for turn in range(10):
        told = [
            Posting(f"event:{turn}", each.kind, each.legs, each.effective_at, each.actor)
            for each in [wanted, other] * (CLIENTS // 2)
        ]
        with ThreadPoolExecutor(CLIENTS) as clients:
            outcomes = list(clients.map(lambda each: attempt(sessions, each), told))
        assert outcomes.count("created") == 1
        assert outcomes.count("exists") == CLIENTS // 2 - 1
        assert outcomes.count("reference_conflict") == CLIENTS // 2

    with sessions() as session:
        report = audit.verify(session)
    assert report.clean, list(report.lines())
    assert report.transactions == 10


def test_sixteen_clients_open_the_same_accounts_without_a_deadlock(sessions: Sessions) -> None:
    def grant(turn: int, number: int) -> str:
        agents = [chart.agent(f"new_{turn}_{place}") for place in range(8)]
        order = Random(number).sample(agents, len(agents))
        legs = [(agent, 1, CREDIT) for agent in order]
        wanted = posting((chart.ISSUED, -8, CREDIT), *legs, reference=f"grant:{turn}:{number}")
        return attempt(sessions, wanted)

    outcomes: set[str] = set()
    with ThreadPoolExecutor(CLIENTS) as clients:
        for turn in range(15):
            # Only the first postings of a turn find the accounts missing: many turns, few postings.
            outcomes.update(clients.map(partial(grant, turn), range(CLIENTS)))

    with sessions() as session:
        assert audit.verify(session).clean
    assert outcomes == {"created"}
