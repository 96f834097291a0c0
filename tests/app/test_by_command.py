"""What people do by commands stands in the audit log, with its effect or not at all."""

import json
from pathlib import Path

import pytest
from sqlmodel import col, select, text
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger.database import Sessions
from office import trail
from office.models import AuditRow
from office.trail import Wanted
from tests.app.test_exceptions_cli import WHY, reviewed
from tests.ledger import full_book
from tests.office.exporting import LATER, written


@pytest.fixture(autouse=True)
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def audited(sessions: Sessions) -> list[tuple[str, str, str, str, str, str]]:
    with sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    return [(row.actor, row.via, row.action, row.about_id, row.outcome, row.reason) for row in rows]


def agent(sessions: Sessions) -> None:
    with sessions() as session:
        session.connection().execute(
            text("INSERT INTO agent VALUES ('agt_1', 'org_1', NULL, 'painter', 'tests', NULL, now())")
        )


def test_a_decision_is_in_the_log(sessions: Sessions) -> None:
    reviewed(sessions, "agt_1", "underpaid", 4_990_001, hours_ago=3)

    assert run("exceptions", "wait", "1", "--for", "1d", *WHY).exit_code == 0
    assert run("exceptions", "resolve", "1", "--as", "write_off", *WHY).exit_code == 0

    ann = ("operator:ann", "command")
    assert audited(sessions) == [
        (*ann, "exception.wait", "1", "done", "the payer wrote"),
        (*ann, "exception.resolve", "1", "done", "the payer wrote"),
    ]
    with sessions() as session:
        newest = trail.page(session, Wanted(about_kind="exception")).entries[0]
    assert (newest.after["resolution"], newest.after["cents"]) == ("write_off", 499)


def test_a_decision_that_was_refused_is_not_told_as_done(sessions: Sessions) -> None:
    assert run("exceptions", "resolve", "99", "--as", "credit", *WHY).exit_code != 0

    assert audited(sessions) == []


def test_a_freeze_and_its_end_are_in_the_log_once(sessions: Sessions) -> None:
    full_book.write(sessions)
    agent(sessions)

    for command in ("freeze", "unfreeze", "unfreeze"):
        words = ("agent-spending", command, "agt_1", "--reason", "stolen token", "--by", "mia")
        assert run(*words).exit_code == 0

    mia = ("mia", "command")
    assert audited(sessions) == [
        (*mia, "agent.freeze", "agt_1", "done", "stolen token"),
        (*mia, "agent.lift_freeze", "agt_1", "done", "stolen token"),
    ]


def test_tokens_and_endpoints_are_in_the_log_and_their_secrets_are_not(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = run("webhook-endpoint", "keygen").stdout.strip()
    monkeypatch.setenv("PENNYRAIL_WEBHOOK_KEYS", key)
    token = run("service-token", "create", "api", "--scope", "holds:write")
    made = run("webhook-endpoint", "create", "https://example.com/in?key=hidden")
    assert run("service-token", "revoke", "api").exit_code == 0

    with sessions() as session:
        rows = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id))).all()
    told = json.dumps([row.model_dump(mode="json") for row in rows])
    assert [row.action for row in rows] == ["service_token.create", "endpoint.create", "service_token.revoke"]
    for secret in (token.stdout.strip().splitlines()[-1], made.stdout.strip().splitlines()[-1], "hidden"):
        assert len(secret) > 5
        assert secret not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("service-token list", "there are no tokens\n"),
        ("webhook-endpoint list", "there are no endpoints\n"),
        ("webhook deliveries", "there are no deliveries\n"),
        ("webhook deliveries --event msg_1", "nobody was told of this event\n"),
    ],
)
def test_nothing_is_said_to_be_nothing(sessions: Sessions, words: str, said: str) -> None:
    done = run(*words.split())

    assert (done.exit_code, done.stdout) == (0, said)


@pytest.mark.parametrize("form", ["hledger", "beancount", "csv", "jsonl"])
def test_the_journal_is_written_to_a_file(sessions: Sessions, tmp_path: Path, form: str) -> None:
    full_book.write(sessions)
    file = tmp_path / "book"

    done = run("ledger", "export", "--format", form, "--to", str(file), "--until", "2099-01-01")

    assert done.exit_code == 0, done.stdout
    assert file.read_bytes() == written(sessions, "journal", form, ends_at=LATER)
    assert [path.name for path in tmp_path.iterdir()] == ["book"]


def test_a_file_is_never_written_over(sessions: Sessions, tmp_path: Path) -> None:
    file = tmp_path / "book"
    file.write_text("mine")

    assert run("ledger", "export", "--format", "csv", "--to", str(file)).exit_code == 2
    assert file.read_text() == "mine"
    assert run("ledger", "export", "--format", "docx", "--to", str(tmp_path / "other")).exit_code != 0
    assert not (tmp_path / "other").exists()


def test_a_user_without_a_name_is_told_by_number(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    agent(sessions)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.setattr("os.getuid", lambda: 10001)

    ran = run("agent-spending", "freeze", "agt_1", "--reason", "a wave of disputes")

    assert ran.exit_code == 0, ran.output
    assert [row[0] for row in audited(sessions)] == ["uid-10001"]
