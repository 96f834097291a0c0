"""What the roles may do in the database, and that nobody at all changes the past."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from app.cli import main
from app.migrations import roles
from app.migrations.run import migrate
from ledger import balances, chart, credits, database, explain, freezes, reports, seals, statements
from ledger.database import Sessions
from ledger.money import USD, USDC, Amount
from office import dashboard, figures, house_health, rail_health
from rails import exceptions, inbox, purchase, refunds, resolutions, switches
from rails.conformance.fakes import crypto_deposit
from rails.notice import Incoming
from rails.resolutions import Decision
from rails.settings import story
from tests.conftest import in_database, new_database
from tests.ledger.story import AGENT, NOON, do, everything, paid, processor_fee
from tests.office.proposing import Office
from tests.rails.conftest import NOON as BUYING_NOON
from tests.rails.conftest import buy
from tests.rails.reversing import opened

COUNTERS = {"preview_day"}
BOOK = (
    "account_class",
    "account",
    "balance",
    "ledger_transaction",
    "entry",
    "lot",
    "lot_entry",
    "hold",
    "reversal",
    "preview_day",
)
NEVER_CHANGED = ("account_class", "account", "ledger_transaction", "entry", "lot_entry")
GRANTED = set(re.findall(r"^    (\w+)\(", roles.GRANTS.read_text(), re.MULTILINE))


def login(owner_url: str) -> str:
    """The URL of a new login that is a member of the service's role and of nothing else."""
    return make_url(owner_url).set(username=f"app_{uuid4().hex[:8]}").render_as_string()


def as_user(url: str, name: str, password: str | None = None) -> str:
    return make_url(url).set(username=name, password=password).render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def owner_url(postgres_url: str) -> Iterator[str]:
    """A database with a story in it, and with a login of the service."""
    with new_database(postgres_url) as url:
        engine = database.connect(url)
        everything(database.sessions(engine))
        engine.dispose()
        yield url


@pytest.fixture(scope="module")
def service_url(owner_url: str) -> str:
    url = login(owner_url)
    migrate(owner_url, service_url=url)
    return url


@pytest.fixture
def service(service_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(service_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def owner(owner_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(owner_url) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def service_sessions(service_url: str) -> Iterator[Sessions]:
    engine = database.connect(service_url, pool_size=5)
    yield database.sessions(engine)
    engine.dispose()


def second_column(connection: psycopg.Connection, table: str) -> str:
    found = connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum = 2", (table,)
    ).fetchone()
    assert found is not None
    return str(found[0])


@pytest.mark.parametrize("table", BOOK)
@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}",
        "UPDATE {table} SET {column} = {column}",
        "DELETE FROM {table}",
        "TRUNCATE {table}",
        "SELECT * FROM {table} FOR UPDATE",
    ],
)
def test_the_service_changes_no_table_of_the_book(
    service: psycopg.Connection, table: str, change: str
) -> None:
    column = sql.Identifier(second_column(service, table))

    with pytest.raises(errors.InsufficientPrivilege):
        service.execute(sql.SQL(change).format(table=sql.Identifier(table), column=column))


def test_the_service_deletes_and_truncates_nothing_at_all(service: psycopg.Connection) -> None:
    allowed = service.execute(
        """
        SELECT relname, privilege
        FROM pg_class
        CROSS JOIN unnest(ARRAY['DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS privilege
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
            AND has_table_privilege(current_user, oid, privilege)
        """
    ).fetchall()

    assert allowed == []


@pytest.mark.parametrize("role", ["service", "reader", "stranger"])
def test_every_function_that_is_not_on_the_list_belongs_to_its_owner_alone(
    owner: psycopg.Connection, role: str
) -> None:
    stranger = f"stranger_{uuid4().hex[:8]}"
    owner.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(stranger)))
    named = stranger if role == "stranger" else f"pennyrail_{role}"
    functions = owner.execute(
        """
        SELECT proname, has_function_privilege(%s, oid, 'EXECUTE')
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
        """,
        (named,),
    ).fetchall()

    callable_by_role = {name for name, allowed in functions if allowed}

    reading = {"outcome_of", "shards_at", "balance_at", "seal_time", "closed_until"}
    assert len(functions) > 30
    assert callable_by_role == {"service": GRANTED, "reader": reading, "stranger": set()}[role]


def test_a_new_function_is_nobodys_until_it_is_granted(owner: psycopg.Connection) -> None:
    owner.execute("CREATE FUNCTION fresh() RETURNS integer LANGUAGE sql RETURN 1")

    allowed = owner.execute("SELECT has_function_privilege('pennyrail_service', 'fresh()', 'EXECUTE')")

    assert allowed.fetchone() == (False,)


@pytest.mark.parametrize("inner", ["tell", "book", "write_house", "use_lot", "refuse", "open_accounts"])
def test_the_service_cannot_call_an_inner_function(service: psycopg.Connection, inner: str) -> None:
    found = service.execute("SELECT pronargs FROM pg_proc WHERE proname = %s", (inner,)).fetchone()
    assert found is not None
    nothing = sql.SQL(", ").join([sql.SQL("NULL")] * int(found[0]))

    with pytest.raises(errors.InsufficientPrivilege):
        service.execute(sql.SQL("SELECT {}({})").format(sql.Identifier(inner), nothing))


def test_the_service_cannot_make_objects_or_change_the_schema(service: psycopg.Connection) -> None:
    for change in (
        "CREATE TABLE mine (id integer)",
        "ALTER TABLE entry DISABLE TRIGGER ALL",
        "DROP TRIGGER entry_is_append_only ON entry",
        "SET session_replication_role = replica",
    ):
        with pytest.raises(errors.InsufficientPrivilege), service.transaction():
            service.execute(change)


def test_tables_of_the_service_do_not_mislead_the_pens(service: psycopg.Connection) -> None:
    service.execute("CREATE TEMPORARY TABLE balance (LIKE public.balance INCLUDING ALL)")
    service.execute("CREATE TEMPORARY TABLE entry (LIKE public.entry INCLUDING ALL)")

    found = service.execute("SELECT posted FROM balance_at('spent', now())").fetchone()
    public = service.execute("SELECT sum(posted)::bigint FROM public.balance JOIN account ON id = account_id"
                             " WHERE name = 'spent'").fetchone()  # fmt: skip

    assert found == public


def test_the_service_does_everything_that_the_book_offers(service_sessions: Sessions) -> None:
    do(service_sessions, paid("as_service", 10, agent="agt_service"))
    processor_fee(service_sessions, 1, reference="fee:as_service")

    with service_sessions() as session:
        assert credits.settle_due(session, now=NOON) >= 0
        assert credits.outcome_of(session, key="as_service") is not None
        assert balances.snapshot(session, agent_id="agt_service", now=NOON).posted.units == 10
        assert statements.page(
            session,
            account=chart.agent(AGENT),
            begins_at=NOON.replace(year=2020),
            ends_at=NOON.replace(year=2100),
        ).lines
        assert explain.explain(session, agent_id=AGENT, at=NOON.replace(year=2100)).reconciles
    with service_sessions() as session:
        rolled = reports.roll_forward(
            session, begins_at=NOON.replace(year=2020), ends_at=NOON.replace(year=2100)
        )
        assert rolled.reconciles


def test_the_service_decides_exceptions_and_changes_no_decision(
    service_sessions: Sessions, service: psycopg.Connection
) -> None:
    rail = crypto_deposit()
    attempt = buy(service_sessions, {rail.rail_id: rail}, rail).attempt
    assert attempt is not None
    reference = str(attempt.reference)
    decided = []
    for kind, units, decide in (
        ("underpaid", 4_000_000, resolutions.credit),
        ("topped_up", 5_000_000, resolutions.write_off),
    ):
        rail.pay_wrongly(reference, kind, received=Amount(units, USDC))
        purchase.settle(
            service_sessions,
            {rail.rail_id: rail},
            payment_attempt_id=attempt.payment_attempt_id,
            now=BUYING_NOON,
        )
        with service_sessions() as session:
            [line] = exceptions.listed(session, exceptions.Wanted(), now=BUYING_NOON)
            decision = Decision(line.exception_id, "ann", "because")
            decided.append(decide(session, decision, now=BUYING_NOON).cents.units)

    assert decided == [400, 100]
    with pytest.raises(errors.InsufficientPrivilege):
        service.execute("UPDATE exception_action SET cents = 0")


def test_the_service_writes_down_what_two_people_decide(
    service_sessions: Sessions, service: psycopg.Connection
) -> None:
    do(service_sessions, paid("of_office", 100, agent="agt_office"))
    people = Office.opened(service_sessions)
    taken = {"agent_id": "agt_office", "direction": "down", "credits": "30"}
    people.approve(people.propose("adjustment", taken))
    people.approve(people.propose("policy", {"name": "late", "outcome": "credit"}))

    assert people.holds("agent:agt_office") == 70
    changes = ("proposal SET cents = 0", "proposal_decision SET reason = ''", "policy_change SET value = ''")
    for change in changes:
        with pytest.raises(errors.InsufficientPrivilege):
            service.execute(f"UPDATE {change}".encode())
        service.rollback()


def test_the_service_hears_of_money_that_leaves_refunds_and_freezes(
    service_sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PENNYRAIL_DISPUTE", "freeze")
    story.cache_clear()
    bought = opened(service_sessions, crypto_deposit(), agent_id="agt_reversed")
    notice = Incoming("stripe", "evt_service", "refund.created", (bought.attempt_id,), b"{}")
    bought.settle()
    refunds.request(
        service_sessions,
        bought.rails,
        payment_attempt_id=bought.attempt_id,
        amount=Amount(100, USD),
        reason="asked",
        requested_by="ann",
        key="service",
        now=BUYING_NOON,
    )
    bought.rail.dispute(bought.reference, "dp_service", 400)
    with service_sessions() as session:
        notice_id = inbox.receive(session, notice, now=BUYING_NOON)
    assert notice_id is not None

    state = inbox.handle(service_sessions, bought.rails, notice_id=notice_id, now=BUYING_NOON)

    story.cache_clear()
    with service_sessions() as session:
        assert [each.reference for each in freezes.standing(session, agent_id="agt_reversed")] == [
            "dispute:dp_service"
        ]
    assert (state, sorted(booked for _, booked in bought.rows().values())) == ("handled", [100, 400])


def test_the_service_counts_figures_and_turns_switches_and_forgets_none(service_sessions: Sessions) -> None:
    seals.seal_all(service_sessions, now=NOON)
    counted = figures.count_all(service_sessions, now=NOON)
    with service_sessions() as session:
        switches.turn_off(session, rail_id="fake_page", reason="why", by="ann", now=NOON)
        house = house_health.of_house(session, now=NOON)
        rails = rail_health.of_rails(session, ["fake_page"], now=NOON)
        told = dashboard.overview(session, days=7, now=NOON)

    with pytest.raises(ProgrammingError, match="permission denied"), service_sessions() as session:
        figures.forget(session)
    assert counted
    assert told.outstanding.units
    assert [each.is_on for each in rails] == [False]
    assert house.difference == house_health.Difference(0, 0)


def test_a_reader_reads_and_no_more(owner: psycopg.Connection) -> None:
    owner.execute("SET LOCAL ROLE pennyrail_reader")

    assert owner.execute("SELECT count(*) FROM entry").fetchone() != (0,)
    assert owner.execute("SELECT posted FROM balance_at('issued', now())").fetchone() is not None
    for change in (
        "DELETE FROM notice",
        "INSERT INTO quote DEFAULT VALUES",
        "SELECT settle_all_due(now(), 1)",
    ):
        with pytest.raises(errors.InsufficientPrivilege), owner.transaction():
            owner.execute(change)


@pytest.mark.parametrize(
    "table", [*("agent_token", "service_token", "webhook_secret"), "operator", "operator_session"]
)
def test_a_reader_reads_no_credentials(owner: psycopg.Connection, table: str) -> None:
    owner.execute("SET LOCAL ROLE pennyrail_reader")

    with pytest.raises(errors.InsufficientPrivilege):
        owner.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO webhook_endpoint DEFAULT VALUES",
        "UPDATE webhook_endpoint SET url = url",
        "UPDATE webhook_endpoint SET event_types = event_types",
        "INSERT INTO webhook_secret DEFAULT VALUES",
        "UPDATE webhook_secret SET sealed = sealed",
        "UPDATE webhook_attempt SET error = NULL",
    ],
)
def test_the_service_sends_no_news_elsewhere(service: psycopg.Connection, change: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        service.execute(change)


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("table", [table for table in BOOK if table not in COUNTERS])
def test_the_superuser_deletes_and_empties_no_table_of_the_book(
    owner: psycopg.Connection, table: str, mode: str
) -> None:
    owner.execute(sql.SQL("SET LOCAL session_replication_role = {}").format(sql.Literal(mode)))
    for change in ("DELETE FROM {}", "TRUNCATE {} CASCADE"):
        with pytest.raises(psycopg.Error, match="append-only") as refusal, owner.transaction():
            owner.execute(sql.SQL(change).format(sql.Identifier(table)))
        assert refusal.value.sqlstate == "PR001"


@pytest.mark.parametrize("mode", ["origin", "replica"])
@pytest.mark.parametrize("table", [each for each in NEVER_CHANGED if each != "account_class"])
def test_the_superuser_updates_no_row_of_the_past(owner: psycopg.Connection, table: str, mode: str) -> None:
    owner.execute(sql.SQL("SET LOCAL session_replication_role = {}").format(sql.Literal(mode)))
    column = sql.Identifier(second_column(owner, table))

    with pytest.raises(psycopg.Error, match="append-only"):
        owner.execute(
            sql.SQL("UPDATE {} SET {column} = {column}").format(sql.Identifier(table), column=column)
        )


def test_an_owner_that_is_no_superuser_migrates_and_lets_the_service_in(postgres_url: str) -> None:
    name, service = f"owner_{uuid4().hex[:8]}", f"app_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE").format(sql.Identifier(name)))
        for role in ("pennyrail_service", "pennyrail_reader"):
            # As PostgreSQL 16 does by itself for who made the role, which here was the superuser.
            admin.execute(
                sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(sql.Identifier(role), sql.Identifier(name))
            )
        admin.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    owned = as_user(in_database(postgres_url, name), name)
    wanted = as_user(owned, service, "a-password")

    migrate(owned, service_url=wanted)
    migrate(owned, service_url=wanted)

    engine = database.connect(wanted)
    do(database.sessions(engine), paid("purchase:1", 5))
    engine.dispose()
    with psycopg.connect(wanted) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute("UPDATE balance SET posted = 1")


def test_who_may_not_make_a_login_is_told_what_to_run(postgres_url: str) -> None:
    name = f"owner_{uuid4().hex[:8]}"
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))
        admin.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(name)))
    owned = as_user(in_database(postgres_url, name), name)

    with pytest.raises(roles.NotAllowed, match="CREATE ROLE"):
        migrate(owned, service_url=as_user(owned, "somebody_new"))


def test_who_is_not_the_owner_is_told_which_setting_is_missing(service_url: str) -> None:
    with pytest.raises(roles.NotAllowed, match="PENNYRAIL_MIGRATE_DATABASE_URL"):
        migrate(service_url, service_url=service_url)


def test_a_command_of_the_owner_tells_the_service_whose_login_it_needs(
    service_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", service_url)
    monkeypatch.delenv("PENNYRAIL_MIGRATE_DATABASE_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["pennyrail", "service-token", "revoke", "jobs"])

    with pytest.raises(SystemExit) as ended:
        main()

    told = capsys.readouterr()
    assert ended.value.code == 1
    assert "PENNYRAIL_MIGRATE_DATABASE_URL" in told.err
    assert "Traceback" not in told.err


def test_databases_of_one_cluster_are_migrated_at_the_same_time(postgres_url: str) -> None:
    names = [f"at_once_{uuid4().hex[:8]}" for _ in range(3)]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for name in names:
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    service = f"app_{uuid4().hex[:8]}"
    urls = [in_database(postgres_url, name) for name in names]

    # In processes of their own: Alembic keeps what it works on in its module.
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "app.cli", "migrate"],
            env={
                **os.environ,
                "DATABASE_URL": as_user(url, service),
                "PENNYRAIL_MIGRATE_DATABASE_URL": url,
            },
        )
        for url in urls
    ]

    assert [each.wait(120) for each in running] == [0] * len(urls)
    for url in urls:
        with psycopg.connect(as_user(url, service)) as connection:
            assert connection.execute("SELECT count(*) FROM quote").fetchone() == (0,)


def test_the_owner_alone_needs_no_second_url(database_url: str, sessions: Sessions) -> None:
    migrate(database_url, service_url=database_url)

    [outcome] = do(sessions, paid("purchase:1", 5))

    assert outcome.done
