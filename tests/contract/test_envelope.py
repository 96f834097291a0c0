"""Rows 1 to 9, 151 and 152: the one shape of every reply, whatever was asked."""

import logging
import socket

import pytest

from tests.app.conftest import Json, ok
from tests.contract.house import X402, Caller, House, commands_in
from tests.waiting import eventually

PUBLIC = ("/healthz", "/v1/models", "/v1/payment-methods", "/v1/credit-packs")
AUTHENTICATED = ("/v1/whoami", "/v1/quota", "/v1/credit-purchases/status", "/v1/activity")
POSTS = (
    "/v1/agent-signups",
    "/v1/agent-claims",
    "/v1/credit-quotes",
    "/v1/credit-purchases/stripe-checkout-sessions",
    "/v1/credit-purchases/stripe-x402-deposits",
)
LABELS = {
    "/healthz": "image-skill doctor",
    "/v1/payment-methods": "image-skill credits methods",
    "/v1/credit-packs": "image-skill credits packs list",
    "/v1/whoami": "image-skill whoami",
    "/v1/quota": "image-skill usage quota",
    "/v1/credit-purchases/status": "image-skill credits status",
    "/v1/activity": "image-skill activity list",
    "/v1/activity/evt_none": "image-skill activity show",
    "/v1/agent-signups": "image-skill signup",
    "/v1/agent-claims": "image-skill claim request",
    "/v1/credit-quotes": "image-skill credits quote",
    "/v1/credit-purchases/stripe-checkout-sessions": "image-skill credits buy",
    "/v1/credit-purchases/stripe-x402-deposits": "image-skill credits buy",
}


def everywhere(caller: Caller) -> list[Json]:
    """A reply of every door, most of them refusals for somebody without a token."""
    gets = [caller.get(path) for path in (*PUBLIC, *AUTHENTICATED, "/v1/activity/evt_none", "/nowhere")]
    return gets + [caller.post(path) for path in POSTS]


def hang_up(house: House) -> None:
    """Leave in the middle of a request."""
    address = house.http.base_url
    with socket.create_connection((address.host, address.port or 80)) as line:
        line.sendall(b"POST /v1/credit-quotes HTTP/1.1\r\ncontent-length: 500\r\n\r\n{")


def test_row_001_every_reply_is_json_with_the_seven_parts(house: House, agent: Caller) -> None:
    replies = [*everywhere(agent), *everywhere(house.visitor())]

    parts = {"ok", "command", "trace_id", "actor", "data", "warnings", "error"}
    assert all(set(reply) == parts for reply in replies)
    assert all((reply["error"] is None) is reply["ok"] for reply in replies)
    assert all((reply["data"] is None) is not reply["ok"] for reply in replies)
    for path, label in LABELS.items():
        reply = agent.post(path) if path in POSTS else agent.get(path)
        assert reply["command"] == label


def test_row_002_a_trace_id_starts_with_trace_and_is_fresh(agent: Caller) -> None:
    names = [reply["trace_id"] for reply in everywhere(agent)]

    assert all(name.startswith("trace_") for name in names)
    assert len(set(names)) == len(names)


def test_row_003_warnings_is_an_array_on_every_reply(house: House, agent: Caller) -> None:
    for reply in [*everywhere(agent), *everywhere(house.visitor()), house.sign_up()]:
        assert isinstance(reply["warnings"], list)


def test_row_004_an_authenticated_reply_names_its_actor(agent: Caller) -> None:
    for path in AUTHENTICATED:
        actor = agent.get(path)["actor"]

        assert set(actor) == {"actor_type", "actor_id", "organization_id", "claim_state"}
        assert (actor["actor_type"], actor["claim_state"]) == ("agent", "unclaimed")
        assert actor["actor_id"].startswith("agt_")
        assert actor["organization_id"].startswith("org_")
    assert all(agent.get(path)["actor"] is None for path in PUBLIC)


def test_row_005_errors_are_machine_readable_and_repeat_nothing(agent: Caller) -> None:
    reply = agent.post("/v1/credit-quotes", credits="my secret wish", payment_method=X402)

    error = reply["error"]
    assert set(error) == {"code", "message", "retryable", "recovery"}
    assert error["code"] == "INVALID_ARGUMENTS"
    assert "secret wish" not in str(reply)
    assert error["retryable"] is False
    assert error["recovery"]["suggested_command"].startswith("image-skill credits quote ")
    assert error["recovery"]["docs_url"].startswith("https://")


def test_row_006_the_exit_code_header_is_a_whole_number_of_the_table(house: House, agent: Caller) -> None:
    quote = agent.quote(credits=10, payment_method="stripe_checkout", idempotency_key="k")
    asked = [
        (agent.get("/v1/quota"), "0"),
        (house.visitor().get("/v1/quota"), "3"),
        (agent.post("/v1/credit-quotes", credits=0, payment_method=X402), "2"),
        (agent.post("/v1/credit-quotes", credits=11, payment_method=X402, idempotency_key="k"), "1"),
        (agent.get("/v1/activity/evt_none"), "1"),
        (agent.get("/nowhere"), "1"),
        (agent.ask_to_buy(quote), "2"),
    ]

    codes = [response.headers["x-image-skill-exit-code"] for response in house.everything[-len(asked) :]]

    assert codes == [code for _, code in asked]


def test_row_007_an_unknown_path_is_an_envelope(house: House) -> None:
    for method, path in (("GET", "/index.html"), ("PUT", "/v1/quota"), ("POST", "/v1/cli")):
        response = house.http.request(method, path, headers={"accept": "text/html"})

        assert response.headers["content-type"] == "application/json"
        assert house.visitor().envelope(response)["error"]["code"] in ("NOT_FOUND", "METHOD_NOT_ALLOWED")


def test_row_008_healthz_reports_readiness(house: House) -> None:
    data = ok(house.visitor().get("/healthz"))

    assert data == {"status": "ok", "api_version": "v1"}


def test_row_009_logs_hold_the_outcome_and_never_a_token_or_payload(
    agent: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        reply = agent.post(
            "/v1/credit-quotes", credits=5, pack_id="pack-of-mine", idempotency_key="key-of-mine"
        )
        eventually(lambda: reply["trace_id"] in caplog.text)

    [line] = [record.getMessage() for record in caplog.records if reply["trace_id"] in record.getMessage()]
    assert line.startswith("POST /v1/credit-quotes 400 ")
    assert "INVALID_ARGUMENTS" in line
    assert "ms" in line
    assert "of-mine" not in caplog.text
    assert str(agent.token) not in caplog.text


def test_row_151_bearer_tokens_appear_in_no_output(house: House, agent: Caller) -> None:
    before = len(house.everything)

    everywhere(agent)
    house.paid(agent)
    agent.get(f"/v1/activity/{agent.token}")

    later = house.everything[before:]
    assert len(later) > 15
    assert all(str(agent.token) not in reply.text + str(reply.headers) for reply in later)


def test_row_152_whatever_is_sent_an_envelope_comes_back(house: House, agent: Caller) -> None:
    bearer = {"authorization": f"Bearer {agent.token}"}
    bodies = [
        b"",
        b"{",
        b"null",
        b"[1,2]",
        b'"x"',
        b"\xff\xfe\x00",
        b'{"credits": NaN}',
        b'{"credits": 1e999}',
        b'{"a": ' * 900 + b"1" + b"}" * 900,
        b'{"idempotency_key": "\\u0000", "credits": 5}',
        b'{"idempotency_key": "\\ud800", "credits": 5}',
        b"x" * 20_000,
    ]
    replies = [
        house.http.post(path, content=body, headers={**bearer, "content-type": "application/json"})
        for path in POSTS
        for body in bodies
    ]
    replies += [
        house.http.get(path, params={name: value}, headers=bearer)
        for path in AUTHENTICATED
        for name, value in (("limit", "9" * 400), ("quote_id", "\x00"), ("subject", "é" * 300), ("x", "y"))
    ]

    answered = [house.visitor().envelope(reply) for reply in replies]

    assert all(isinstance(reply["ok"], bool) for reply in answered)
    assert not [reply for reply in replies if reply.status_code >= 500]
    assert all(command.endswith("--json") for reply in answered for command in commands_in(reply["error"]))
    hang_up(house)
    assert ok(agent.get("/healthz"))["status"] == "ok"
