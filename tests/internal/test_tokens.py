"""Who may knock: scopes, expiry, revocation, and whose an agent's token is."""

import time
from datetime import timedelta

import pytest
from sqlmodel import text
from typer.testing import CliRunner

from app import service_tokens
from app.cli import cli
from ledger.database import Sessions
from tests.internal.conftest import Home, Service, code, done, opened

DOORS = {
    "holds:write": [
        ("POST", f"holds{rest}") for rest in ("", "/hold_1/start", "/hold_1/capture", "/hold_1/release")
    ],
    "debits:write": [("POST", "debits"), ("POST", "unwinds")],
    "grants:write": [("POST", "grants")],
    "balances:read": [("GET", "agents/agt_1/balance")],
    "outcomes:read": [("GET", "outcomes/k")],
    "tokens:introspect": [("POST", "tokens/introspect")],
    "pricing:read": [("POST", "pricing")],
}


def test_every_scope_opens_its_own_doors_and_no_other(home: Home) -> None:
    for held in service_tokens.SCOPES:
        api = home.service("one", held)
        for needed, doors in DOORS.items():
            for method, path in doors:
                reply = api.get(path) if method == "GET" else api.post(path, {})
                if held == needed:
                    assert code(reply) != "SCOPE_REQUIRED"
                    continue
                assert (code(reply), api.seen[-1].status_code) == ("SCOPE_REQUIRED", 403)
                assert needed in reply["error"]["message"]
                assert reply["error"]["recovery"]["required_scope"] == needed


def test_a_batch_needs_the_scope_of_each_of_its_operations(home: Home) -> None:
    api, agent_id = home.service("one", "debits:write"), home.agent(bought=10)
    debit = {"operation": "debit", "agent_id": agent_id, "credits": 1, "job_id": "j", "idempotency_key": "1"}
    grant = {"operation": "grant", "agent_id": agent_id, "credits": 1, "idempotency_key": "2"}

    reply = api.post("batch", {"operations": [debit, grant]})

    assert reply["error"]["recovery"]["required_scope"] == "grants:write"
    assert home.service().balance(agent_id) == (10, 0)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer isk_svc_unknown", "isk_svc_x"])
def test_without_a_known_token_every_door_is_closed(home: Home, header: str | None) -> None:
    for method, path in [door for doors in DOORS.values() for door in doors] + [("POST", "batch")]:
        response = home.http.request(
            method, f"/internal/v1/{path}", headers={"authorization": header} if header is not None else {}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (401, "AUTH_REQUIRED")


def test_an_expired_token_is_refused(home: Home) -> None:
    api = home.service("one", expires_at=home.clock.now + timedelta(days=1))
    known = code(api.get("outcomes/k"))
    home.clock.now += timedelta(days=1)

    assert (known, code(api.get("outcomes/k"))) == ("OUTCOME_NOT_FOUND", "AUTH_REQUIRED")


def test_a_remembered_token_is_refused_when_it_expires(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, token_cache_seconds=10) as home:
        api = home.service("one", expires_at=home.clock.now + timedelta(days=1))
        known = code(api.get("outcomes/k"))
        home.clock.now += timedelta(days=1)

        assert (known, code(api.get("outcomes/k"))) == ("OUTCOME_NOT_FOUND", "AUTH_REQUIRED")


def test_a_revoked_token_is_refused_within_the_time_it_may_be_remembered(
    sessions: Sessions, database_url: str
) -> None:
    with opened(sessions, database_url, token_cache_seconds=0.5) as home:
        api = home.service("one")
        api.get("outcomes/k")
        with sessions() as session:
            assert service_tokens.revoke(session, name_or_id="one", now=home.clock.now) == 1
        time.sleep(0.6)

        assert code(api.get("outcomes/k")) == "AUTH_REQUIRED"


def test_an_agents_token_opens_no_door_of_services_and_theirs_none_of_agents(home: Home) -> None:
    signed_up = home.http.post(
        "/v1/agent-signups", json={"agent_name": "a", "runtime": "t", "return_token": True}
    ).json()
    agent = Service(home.http, signed_up["data"]["token"])

    whoami = home.http.get("/v1/whoami", headers=home.service().headers)

    assert code(agent.get("outcomes/k")) == "AUTH_REQUIRED"
    assert whoami.status_code == 401


def test_introspection_tells_whose_a_token_is_and_never_repeats_it(home: Home) -> None:
    api = home.service()
    signed_up = home.http.post(
        "/v1/agent-signups", json={"agent_name": "a", "runtime": "t", "return_token": True}
    ).json()["data"]

    found = done(api.post("tokens/introspect", {"token": signed_up["token"]}))
    others = [api.post("tokens/introspect", {"token": each}) for each in ("isk_r_x", api.token, "a\x00b")]

    assert (found["active"], found["agent_id"]) == (True, signed_up["actor"]["actor_id"])
    assert [done(each) for each in others] == [{"active": False}] * 3
    assert all(signed_up["token"] not in seen.text for seen in api.seen)


@pytest.mark.parametrize("token", [7, "", None, "x" * 501])
def test_introspection_of_what_is_no_token_is_refused(home: Home, token: object) -> None:
    assert code(home.service().post("tokens/introspect", {"token": token})) == "INVALID_ARGUMENTS"


def test_the_command_line_makes_lists_and_revokes_tokens(
    sessions: Sessions, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    run = CliRunner().invoke

    made = run(cli, ["service-token", "create", "api", "--scope", "holds:write", "--expires-in-days", "30"])
    listed = run(cli, ["service-token", "list"])
    revoked = run(cli, ["service-token", "revoke", "api"])
    again = run(cli, ["service-token", "revoke", "api"])

    token = made.stdout.strip()
    token_hash = service_tokens.hashed(token)
    assert token_hash is not None
    with sessions() as session:
        row = service_tokens.known(session, token_hash=token_hash)
        kept = (
            session.connection().execute(text("SELECT service_token::text FROM service_token")).scalar_one()
        )
    assert row is not None
    assert row.revoked_at is not None
    assert token.startswith("isk_svc_")
    assert token not in kept + listed.stdout
    assert "api  active  until" in listed.stdout
    assert (revoked.exit_code, again.exit_code) == (0, 1)


@pytest.mark.parametrize("arguments", [["api", "--scope", "all"], ["A b", "--scope", "holds:write"], ["api"]])
def test_the_command_line_makes_no_token_for_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)

    assert CliRunner().invoke(cli, ["service-token", "create", *arguments]).exit_code == 2
