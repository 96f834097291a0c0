"""`pennyrail ops first-admin`: whom nobody of the console can invite, and what that person is told."""

from datetime import UTC, datetime

import pytest
from sqlmodel import col, select
from typer.testing import CliRunner, Result

from app.cli import cli
from ledger.database import Sessions
from office import errors, operators, proofs
from office.models import AuditRow, Operator
from outbound.vault import Vault, new_key

EMAIL = "you@example.com"
PASSWORD = "a long one of my own"


@pytest.fixture(autouse=True)
def service(sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Sessions:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("PENNYRAIL_PUBLIC_URL", "https://pay.example.com/")
    monkeypatch.setenv("PENNYRAIL_CONSOLE_KEYS", new_key())
    return sessions


def invite(email: str = EMAIL) -> Result:
    return CliRunner().invoke(cli, ["ops", "first-admin", "--email", email, "--name", "You"])


def enrol(sessions: Sessions, invitation: str) -> None:
    secret, now = proofs.new_secret(), datetime.now(UTC)
    with sessions() as session:
        operators.enrol(
            session,
            email=EMAIL,
            invitation=invitation,
            password=PASSWORD,
            secret=secret,
            code=proofs.code(secret, now=now),
            vault=Vault.of([new_key()]),
            now=now,
        )


def test_the_first_admin_is_told_the_whole_address_and_the_invitation_alone_is_output() -> None:
    invited = invite()

    assert invited.exit_code == 0, invited.output
    assert invited.stderr == (
        f"Enrol at https://pay.example.com/console/enrol with the email {EMAIL}"
        " and this invitation, which is used once:\n"
    )
    assert invited.stdout.startswith("pninv-")
    assert len(invited.stdout.splitlines()) == 1


def test_an_address_that_is_not_known_here_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PENNYRAIL_PUBLIC_URL")

    assert "Enrol at /console/enrol of the service (its PENNYRAIL_PUBLIC_URL is not" in invite().stderr


def test_without_keys_the_first_admin_is_told_that_there_is_no_console_yet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PENNYRAIL_CONSOLE_KEYS", "")

    told = invite().stderr

    assert told.startswith("There is no console yet: PENNYRAIL_CONSOLE_KEYS is not set; `pennyrail ops ")


def test_who_has_not_enrolled_is_invited_again_and_the_first_invitation_opens_nothing(
    service: Sessions,
) -> None:
    lost, found = invite().stdout.strip(), invite(EMAIL.upper()).stdout.strip()

    with pytest.raises(errors.EnrolmentRefused):
        enrol(service, lost)
    enrol(service, found)

    with service() as session:
        written = session.exec(select(AuditRow.action).order_by(col(AuditRow.audit_id))).all()
        [only] = operators.listed(session, now=datetime.now(UTC))
    assert written == ["operator.invite", "operator.invite_again", "operator.enrol"]
    assert (only.email, only.role, only.state) == (EMAIL, "admin", "active")


def test_who_has_enrolled_invites_the_others(service: Sessions) -> None:
    enrol(service, invite().stdout.strip())

    for email in (EMAIL, "another@example.com"):
        refused = invite(email)
        assert refused.exit_code == 1
        assert "there is an admin already, who can invite others" in str(refused.exception)


@pytest.mark.parametrize("changed", [{"role": "viewer"}, {"disabled_at": datetime(2026, 10, 1, tzinfo=UTC)}])
def test_who_cannot_become_the_first_admin_is_named_and_another_email_works(
    service: Sessions, changed: dict[str, object]
) -> None:
    invite()
    with service() as session:
        operator = session.exec(select(Operator)).one()
        for name, value in changed.items():
            setattr(operator, name, value)

    refused, another = invite(), invite("another@example.com")

    assert refused.exit_code == 1
    assert "invite the first admin under another email" in str(refused.exception)
    assert another.exit_code == 0, another.output
