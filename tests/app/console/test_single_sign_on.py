"""Whom the house's issuer names comes in, and nobody else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from ledger.database import Sessions
from office import operators
from office.actor import Actor
from office.roles import Role
from tests.app.conftest import Clock
from tests.app.console.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuing
from tests.app.console.seats import Console, opened


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """The issuer."""
    with issuing(Clock()) as found:
        yield found


@pytest.fixture
def console(sessions: Sessions, issuer: Issuer) -> Iterator[Console]:
    """A console that trusts it."""
    given: dict[str, Any] = {
        "sso_issuer": issuer.url,
        "sso_client_id": CLIENT_ID,
        "sso_client_secret": SecretStr(CLIENT_SECRET),
    }
    with opened(sessions, **given) as found:
        issuer.clock = found.clock
        yield found


def invite(console: Console, email: str = "ada@example.com", role: Role = "finance") -> str:
    """An operator who never chose a password."""
    with console.sessions() as session:
        made, _ = operators.invite(
            session,
            email=email,
            name="Ada",
            role=role,
            by=Actor("tests"),
            good_for=timedelta(hours=1),
            now=console.clock.now,
        )
        return made.operator_id


def test_whom_the_issuer_names_comes_in(console: Console, issuer: Issuer) -> None:
    invite(console)
    browser = console.client()
    answer = issuer.go(browser, "/console/sso/start?on=/console/sessions")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sessions")
    assert "Ada" in browser.get("/console/sessions").text
    assert issuer.asked["code_challenge_method"] == "S256"


def test_nobody_else_comes_in(console: Console, issuer: Issuer) -> None:
    answer = issuer.go(console.client(), "/console/sso/start")
    assert answer.status_code == 401
    assert "ask an admin" in answer.text


def test_an_email_given_on_to_another_person_opens_nothing(console: Console, issuer: Issuer) -> None:
    invite(console)
    assert issuer.go(console.client(), "/console/sso/start").status_code == 303
    issuer.subject = "sub-2"
    assert issuer.go(console.client(), "/console/sso/start").status_code == 401


def test_whoever_is_disabled_stays_out(console: Console, issuer: Issuer) -> None:
    operator_id = invite(console)
    with console.sessions() as session:
        operators.disable(session, operator_id, reason="left", by=Actor("tests"), now=console.clock.now)
    assert issuer.go(console.client(), "/console/sso/start").status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-client"},
        {"nonce": "of another question"},
        {"exp": 1},
        {"email_verified": False},
        {"sub": None},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_what_does_not_hold_opens_nothing(console: Console, issuer: Issuer, lie: dict[str, Any]) -> None:
    invite(console)
    issuer.claims = lie
    browser = console.client()
    answer = issuer.go(browser, "/console/sso/start")
    assert answer.status_code == 401
    assert "does not hold" in answer.text
    assert browser.get("/console/sessions").status_code == 303


def test_a_signature_of_another_key_opens_nothing(console: Console, issuer: Issuer) -> None:
    invite(console)
    issuer.signs_with = RSAKey.generate_key(2048, {"kid": "1"})
    assert issuer.go(console.client(), "/console/sso/start").status_code == 401


def test_an_answer_to_another_browser_opens_nothing(console: Console, issuer: Issuer) -> None:
    invite(console)
    browser, other = console.client(), console.client()
    browser.get("/console/sso/start")
    state = issuer.asked.get("state", "none")
    assert other.get("/console/sso/back", params={"code": "the-code", "state": state}).status_code == 401
    browser.get("/console/sso/start")
    answer = browser.get("/console/sso/back", params={"code": "the-code", "state": "made up"})
    assert answer.status_code == 401


def test_to_confirm_is_to_prove_it_again(console: Console, issuer: Issuer) -> None:
    invite(console, role="admin")
    browser = console.client()
    issuer.go(browser, "/console/sso/start")
    console.clock.now += timedelta(minutes=6)
    page = browser.get("/console/operators").text
    assert "/console/sso/start?again=1" in page
    issuer.claims = {"auth_time": int((console.clock.now - timedelta(minutes=6)).timestamp())}
    assert issuer.go(browser, "/console/sso/start?again=1").status_code == 401
    issuer.claims = {}
    answer = issuer.go(browser, "/console/sso/start?again=1&on=/console/operators")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/operators")
    assert issuer.asked["prompt"] == "login"
    assert "/console/sso/start?again=1" not in browser.get("/console/operators").text


def test_without_an_issuer_there_is_no_such_page(sessions: Sessions) -> None:
    with opened(sessions) as found:
        assert found.client().get("/console/sso/start").status_code == 404
