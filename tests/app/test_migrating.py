"""How a migration runs beside everybody's work: it gives way, tries again, and goes alone."""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlmodel import text

from app.errors import WrongSchema
from app.migrations import run, schema
from app.migrations.patience import MIGRATION_LOCK, NotMigrated, Patience
from app.migrations.run import migrate
from ledger.database import Sessions
from tests.waiting import eventually

HEAD = schema.REVISIONS[-1]
NEXT = '''"""The next one, for a test."""

from alembic import op

from app.migrations import steps

revision, down_revision, branch_labels, depends_on = "9999_next", "{head}", None, None
{promise}

def upgrade():
    {step}
'''


@pytest.fixture
def with_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose migrations come after all others."""
    monkeypatch.setattr(run, "VERSIONS", (*run.VERSIONS, tmp_path))
    return tmp_path


def write_next(folder: Path, step: str, promise: str = "") -> None:
    (folder / "9999_next.py").write_text(NEXT.format(head=HEAD, step=step, promise=promise))


def revision(database_url: str) -> tuple[str, str | None]:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(schema.FOUND).fetchone()
    assert found is not None
    return found[0], found[1]


def start(database_url: str, said: list[str], patient: Patience) -> Future[None]:
    pool = ThreadPoolExecutor(1)
    done = pool.submit(migrate, database_url, patient=patient, say=said.append)
    pool.shutdown(wait=False)
    return done


def test_a_migration_that_gets_no_lock_lets_others_pass_and_is_done_when_it_can(
    database_url: str, with_next: Path
) -> None:
    write_next(with_next, "op.execute('ALTER TABLE quote ADD COLUMN told_by text')")
    said: list[str] = []
    with psycopg.connect(database_url) as slow, psycopg.connect(database_url, autocommit=True) as other:
        slow.execute("SELECT count(*) FROM quote")
        done = start(database_url, said, Patience(lock_ms=100, tries=500, pause_most_seconds=0.3))
        eventually(lambda: said)

        # The slow one goes on: whoever came behind a migration that waits for it would wait as long.
        other.execute("SET lock_timeout = '20s'")
        read = [other.execute("SELECT count(*) FROM quote").fetchone() for _ in range(20)]
        unchanged = revision(database_url)[0]
        slow.commit()
        done.result(60)

    assert read == [(0,)] * 20
    assert unchanged == HEAD
    assert revision(database_url)[0] == "9999_next"
    assert "others hold a lock, try 1 of 500; the oldest transaction is open for" in said[0]


def test_a_migration_gives_up_and_says_who_is_in_the_way(database_url: str, with_next: Path) -> None:
    write_next(with_next, "op.execute('ALTER TABLE quote ADD COLUMN told_by text')")

    with psycopg.connect(database_url, application_name="a-long-report") as slow:
        slow.execute("SELECT count(*) FROM quote")
        with pytest.raises(NotMigrated, match="a-long-report"):
            migrate(database_url, patient=Patience(lock_ms=50, tries=2, pause_most_seconds=0.1))
        slow.rollback()
    migrate(database_url)

    assert revision(database_url)[0] == "9999_next"


def test_a_statement_that_takes_too_long_is_taken_back(database_url: str, with_next: Path) -> None:
    write_next(with_next, "op.execute('CREATE TABLE half (id int)'); op.execute('SELECT pg_sleep(60)')")

    with pytest.raises(NotMigrated, match="--statement-seconds"):
        migrate(database_url, patient=Patience(statement_seconds=1))

    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass('half')").fetchone() == (None,)


def test_an_index_is_made_beside_writers_and_beside_another_that_waits_to_migrate(
    database_url: str, with_next: Path
) -> None:
    write_next(with_next, "steps.make_index('quote_by_test', 'ON quote (created_at)')")
    first: list[str] = []
    second: list[str] = []
    with psycopg.connect(database_url) as writer:
        writer.execute("LOCK TABLE quote IN ROW EXCLUSIVE MODE")
        done = start(database_url, first, Patience(lock_ms=100))
        eventually(lambda: _waits_for_writer(database_url))
        also = start(database_url, second, Patience(lock_ms=100))
        eventually(lambda: second)

        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SET lock_timeout = '20s'")
            other.execute("UPDATE quote SET credits = credits")
        writer.commit()
        done.result(60)
        also.result(60)

    assert second == ["another process is migrating this database; waiting for it"]
    with psycopg.connect(database_url) as connection:
        valid = connection.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = 'quote_by_test'::regclass"
        ).fetchone()
    assert valid == (True,)
    assert revision(database_url)[0] == "9999_next"


def _waits_for_writer(database_url: str) -> bool:
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'CREATE INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'"
        ).fetchone()
    return found == (1,)


def test_the_turn_of_a_migration_that_died_is_free(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as dying:
        dying.execute("SELECT pg_advisory_lock(%s)", (MIGRATION_LOCK,))

    migrate(database_url)


def test_a_contraction_writes_down_which_code_it_needs(database_url: str, with_next: Path) -> None:
    write_next(with_next, "pass", promise=f'needs_code = "{HEAD}"\n')

    migrate(database_url)

    assert revision(database_url) == ("9999_next", f"needs code of {HEAD}")


@pytest.mark.parametrize(
    ("found", "promise", "said"),
    [
        ("0002_b", None, None),
        ("0001_a", None, "run `pennyrail migrate` first"),
        (None, None, "run `pennyrail migrate` first"),
        ("0003_c", None, None),
        ("0009_z", "needs code of 0002_b", None),
        ("0009_z", "needs code of 0003_c", "start the newer version"),
    ],
)
def test_code_refuses_an_older_schema_and_takes_a_newer_one_that_still_has_what_it_needs(
    found: str | None, promise: str | None, said: str | None
) -> None:
    refused = schema.refusal(found, promise, known=("0001_a", "0002_b"))

    assert (refused is None) if said is None else (refused is not None and said in refused)


def test_a_process_is_refused_by_an_older_schema_and_by_none(sessions: Sessions) -> None:
    schema.require(sessions)

    with sessions() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '0026_finding'"))
    with pytest.raises(WrongSchema, match="the schema of 0026_finding, and this version needs"):
        schema.require(sessions)
    with sessions() as session:
        session.connection().execute(text("DROP TABLE alembic_version"))
    with pytest.raises(WrongSchema, match="the schema of no version"):
        schema.require(sessions)
