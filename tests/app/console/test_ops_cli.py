"""`pennyrail ops` over real HTTP: the same roles, the same log."""

import json
from pathlib import Path

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.ops_cli.command import cli
from office.models import AuditRow
from tests.app.console.seats import PASSWORD, Console, Seat

runner = CliRunner()


@pytest.fixture(autouse=True)
def session_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the session is kept: nobody else's."""
    file = tmp_path / "operator.json"
    monkeypatch.setenv("PENNYRAIL_OPS_SESSION_FILE", str(file))
    return file


def ops(*words: str) -> Result:
    """Run a command."""
    return runner.invoke(cli, words)


def login(seat: Seat) -> Result:
    """Sign in on the command line."""
    who = ("--email", seat.email, "--password", PASSWORD, "--code", seat.code())
    return ops("login", "--url", seat.console.url, *who)


def test_an_admin_invites_from_the_command_line(console: Console, session_file: Path) -> None:
    admin = console.enrolled("admin", "ada@example.com")
    assert login(admin).exit_code == 0
    assert session_file.stat().st_mode & 0o777 == 0o600
    words = ("operators", "invite", "--email", "new@example.com", "--name", "New", "--role", "finance")
    done = ops(*words, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["invitation"].startswith("pninv-")
    assert told["person"]["state"] == "invited"
    with console.sessions() as session:
        last = session.exec(select(AuditRow).order_by(col(AuditRow.audit_id).desc())).first()
    assert last is not None
    assert (last.action, last.actor, last.via) == ("operator.invite", "operator:ada@example.com", "ops")


def test_a_role_binds_on_the_command_line_too(console: Console) -> None:
    login(console.enrolled("viewer", "vic@example.com"))
    done = ops("operators", "list")
    assert done.exit_code == 4
    assert "the role viewer may not" in done.stderr


def test_a_stale_code_is_asked_for(console: Console) -> None:
    admin = console.enrolled("admin", "ada@example.com")
    login(admin)
    admin.code()
    for _ in range(12):
        admin.code()
    words = ("operators", "invite", "--email", "new@example.com", "--name", "New", "--role", "finance")
    refused = ops(*words)
    assert (refused.exit_code, "add --code" in refused.stderr) == (1, True)
    assert ops(*words, "--code", admin.code()).exit_code == 0


def test_whoever_is_not_signed_in_is_told_how(console: Console) -> None:
    done = ops("sessions", "list")
    assert (done.exit_code, "pennyrail ops login" in done.stderr) == (1, True)


def test_without_the_address_nothing_is_asked_for() -> None:
    done = ops("login", "--email", "ada@example.com")

    assert (done.exit_code, "--url" in done.stderr) == (2, True)
    assert "Password" not in done.output


def test_the_address_may_be_a_setting(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    seat = console.enrolled("viewer", "vic@example.com")
    monkeypatch.setenv("PENNYRAIL_OPS_URL", console.url)

    assert ops("login", "--email", seat.email, "--password", PASSWORD, "--code", seat.code()).exit_code == 0


def test_signing_out_ends_the_session_there(console: Console, session_file: Path) -> None:
    seat = console.enrolled("viewer", "vic@example.com")
    login(seat)
    kept = session_file.read_text()
    assert ops("logout").exit_code == 0
    assert not session_file.exists()
    session_file.write_text(kept)
    assert ops("sessions", "list").exit_code == 3


def test_a_saved_session_goes_nowhere_else(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    login(console.enrolled("viewer", "vic@example.com"))
    monkeypatch.setenv("PENNYRAIL_OPS_URL", "http://127.0.0.1:9")
    done = ops("sessions", "list")
    assert (done.exit_code, "you are signed in at" in done.stderr) == (1, True)


@pytest.mark.parametrize("path", ["http://127.0.0.1:9/console/", "//127.0.0.1:9/console/", "/v1/status"])
def test_no_path_leads_out_of_the_console(console: Console, path: str, tmp_path: Path) -> None:
    login(console.enrolled("viewer", "vic@example.com"))
    for words in (("get", path), ("download", path, "--to", str(tmp_path / "file"))):
        done = ops(*words)
        assert (done.exit_code, "no page of the console" in done.stderr) == (1, True)
