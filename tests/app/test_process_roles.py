"""Each process may do its own work in the database, and not the work of the others."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy.engine import make_url

from app import agents
from app.migrations.run import migrate
from ledger import credits, database, seals
from ledger.database import Sessions
from ledger.money import USDC, Amount
from office import figures
from outbound import telling
from rails import purchase, resolutions
from rails.conformance.fakes import crypto_deposit
from rails.exceptions import Wanted, listed
from rails.resolutions import Decision
from rails.stripe_x402 import claims
from sandbox.house import COMMANDS, LOGINS
from tests.conftest import new_database
from tests.ledger.story import do, paid
from tests.rails.conftest import NOON, buy

BOOK = ("account", "balance", "ledger_transaction", "entry", "lot", "lot_entry", "hold", "reversal")
# What the chain, Stripe and the receivers of our news say: evidence against whoever serves.
WITNESSED = (
    *("chain_cursor", "chain_lease", "chain_alarm", "chain_outflow", "chain_balance", "deposit"),
    *("stripe_balance_transaction", "stripe_payout", "stripe_payout_part", "stripe_booking", "notice_cursor"),
    *("reconciliation_cursor", "reconciliation_posting", "reconciliation_item", "reconciliation_run"),
    *("reconciliation_day", "reconciliation_progress"),
    *("figure_day", "figure_outstanding", "figure_funnel", "webhook_event", "webhook_attempt"),
)
# Who may come in, what people decided, and what agents began.
DECIDED = (
    *("agent", "agent_token", "agent_claim", "service_token", "operator", "operator_session"),
    *("proposal", "policy_change", "rail_switch", "period_draft", "period_close", "note", "assignment"),
    *("notice_action", "quote", "buy_key", "payment_attempt", "export", "webhook_endpoint", "webhook_secret"),
)
CREDENTIALS = ("agent_token", "service_token", "operator", "operator_session")


@pytest.fixture
def urls(postgres_url: str) -> Iterator[dict[str, str]]:
    """The database as its owner and as each process logs in."""
    with new_database(postgres_url) as owner:
        logins = {
            role: make_url(owner).set(username=f"{role}_{uuid4().hex[:8]}").render_as_string()
            for role in ("service", "api", "worker")
        }
        migrate(owner, service_url=logins["service"], api_url=logins["api"], worker_url=logins["worker"])
        yield {"owner": owner, **logins}


@pytest.fixture
def api(urls: dict[str, str]) -> Iterator[Sessions]:
    engine = database.connect(urls["api"], pool_size=2)
    yield database.sessions(engine)
    engine.dispose()


@pytest.fixture
def worker(urls: dict[str, str]) -> Iterator[Sessions]:
    engine = database.connect(urls["worker"], pool_size=2)
    yield database.sessions(engine)
    engine.dispose()


def may(url: str, privilege: str) -> set[str]:
    """The tables on which a login has a privilege, be it for one column."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            """
            SELECT relname FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
                AND (
                    has_table_privilege(oid, %(privilege)s)
                    OR CASE WHEN %(privilege)s IN ('INSERT', 'UPDATE', 'SELECT')
                        THEN has_any_column_privilege(oid, %(privilege)s) END
                )
            """,
            {"privilege": privilege},
        )
        return {name for (name,) in rows}


@pytest.mark.parametrize("role", ["api", "worker", "service"])
def test_nobody_writes_the_book_but_its_functions(urls: dict[str, str], role: str) -> None:
    assert not (may(urls[role], "INSERT") | may(urls[role], "UPDATE")) & set(BOOK)
    assert not may(urls[role], "DELETE") | may(urls[role], "TRUNCATE")


def test_who_serves_agents_cannot_write_what_the_witnesses_say(urls: dict[str, str]) -> None:
    assert not may(urls["api"], "INSERT") & set(WITNESSED)
    # Operators explain items of reconciliation: that changes their state, and is kept beside it.
    assert may(urls["api"], "UPDATE") & set(WITNESSED) == {"reconciliation_item"}
    assert set(WITNESSED) <= may(urls["worker"], "INSERT")


def test_who_works_cannot_let_people_in_or_decide_for_them(urls: dict[str, str]) -> None:
    assert not may(urls["worker"], "INSERT") & set(DECIDED)
    assert not may(urls["worker"], "UPDATE") & {*CREDENTIALS, "proposal", "policy_change", "rail_switch"}


def test_who_works_reads_no_credentials_and_who_serves_no_secrets_of_receivers(urls: dict[str, str]) -> None:
    assert not may(urls["worker"], "SELECT") & set(CREDENTIALS)
    assert "webhook_secret" not in may(urls["api"], "SELECT")
    for name, hidden in (("api", "webhook_secret"), ("worker", "operator")):
        with psycopg.connect(urls[name]) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(hidden)))


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT", "UPDATE"])
def test_the_service_is_both_and_no_more(urls: dict[str, str], privilege: str) -> None:
    assert may(urls["service"], privilege) == may(urls["api"], privilege) | may(urls["worker"], privilege)


def test_a_purchase_goes_through_the_hands_of_both(api: Sessions, worker: Sessions) -> None:
    rail = crypto_deposit()
    rails = {rail.rail_id: rail}
    attempt = buy(api, rails, rail).attempt
    assert attempt is not None
    rail.pay(str(attempt.reference))

    purchase.settle(worker, rails, payment_attempt_id=attempt.payment_attempt_id, now=NOON)
    seals.seal_all(worker, now=NOON)
    telling.tell_all(worker, now=NOON)
    figures.count_all(worker, now=NOON)

    with api() as session:
        assert credits.outcome_of(session, key=f"purchase:{attempt.payment_attempt_id}") is not None


def test_an_operator_at_the_api_looks_and_decides(api: Sessions, worker: Sessions) -> None:
    rail = crypto_deposit()
    rails = {rail.rail_id: rail}
    attempt = buy(api, rails, rail).attempt
    assert attempt is not None
    rail.pay_wrongly(str(attempt.reference), "underpaid", received=Amount(4_000_000, USDC))
    # The console asks the rail itself, and so may have to close what was to be paid.
    purchase.settle(api, rails, payment_attempt_id=attempt.payment_attempt_id, now=NOON)
    with api() as session:
        claims.close(session, payment_attempt_id=attempt.payment_attempt_id, now=NOON)
        [line] = listed(session, Wanted(), now=NOON)
        decided = resolutions.credit(session, Decision(line.exception_id, "ann", "because"), now=NOON)

    assert decided.cents.units == 400


def test_the_api_signs_agents_up_and_holds_for_them(api: Sessions) -> None:
    with api() as session:
        agent = agents.sign_up(
            session, contact=None, agent_name="painter", runtime="tests", discovery_source=None, now=NOON
        )
        assert agents.rotate(session, agent_id=agent.agent_id, now=NOON)
    [granted] = do(api, paid("purchase:api", 5))

    assert granted.done


def test_each_process_of_the_sandbox_logs_in_as_itself() -> None:
    assert LOGINS["api"] != LOGINS["worker"]
    # The clock asks the database nothing.
    assert set(COMMANDS) - set(LOGINS) <= {"beat"}
