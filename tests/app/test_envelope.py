"""Whatever is asked, the answer is an envelope that clients can read. Numbers are rows of the contract."""

import logging
import socket
import struct

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import text

from app import http_errors
from app.errors import DoorError
from ledger import database
from ledger.database import Sessions
from rails.errors import RailsError
from tests.app.conftest import Doors, ok, opened, settings
from tests.waiting import eventually

AUTHENTICATED = [
    "/v1/whoami",
    "/v1/quota",
    "/v1/credit-purchases/status",
    "/v1/activity",
    "/v1/activity/evt_1",
]


def test_rows_1_to_4_an_authenticated_reply_names_its_actor(doors: Doors) -> None:
    agent = doors.agent()

    reply = agent.get("/v1/whoami")

    assert reply["command"] == "pennyrail whoami"
    assert reply["actor"] == {
        "actor_type": "agent",
        "actor_id": reply["data"]["actor"]["actor_id"],
        "organization_id": reply["data"]["organization"]["organization_id"],
        "claim_state": "unclaimed",
    }
    assert reply["actor"]["actor_id"].startswith("agt_")
    assert reply["actor"]["organization_id"].startswith("org_")


@pytest.mark.parametrize("path", ["/v1/payment-methods", "/v1/credit-packs", "/healthz"])
def test_row_45_and_57_public_doors_ask_for_no_token_and_name_no_actor(doors: Doors, path: str) -> None:
    agent = doors.agent()

    reply = agent.get(path)

    assert reply["ok"]
    assert reply["actor"] is None
    assert ok(doors.visitor().get(path)) == reply["data"]


@pytest.mark.parametrize(
    ("method", "path", "code", "http_status", "exit_code"),
    [
        ("GET", "/nothing", "NOT_FOUND", 404, 1),
        ("GET", "/v1/whoami/", "NOT_FOUND", 404, 1),
        ("POST", "/v1/credit-purchases", "NOT_FOUND", 404, 1),
        ("GET", "/v1/credit-quotes", "METHOD_NOT_ALLOWED", 405, 1),
        ("DELETE", "/v1/agent-signups", "METHOD_NOT_ALLOWED", 405, 1),
        ("PATCH", "/v1/billing-plans", "NOT_FOUND", 404, 1),
        ("GET", "/v1/quota", "AUTH_REQUIRED", 401, 3),
        ("POST", "/v1/agent-signups", "INVALID_ARGUMENTS", 400, 2),
    ],
)
def test_rows_5_to_7_every_refusal_is_an_envelope_with_the_exit_code_of_its_kind(
    doors: Doors, method: str, path: str, code: str, http_status: int, exit_code: int
) -> None:
    visitor = doors.visitor()

    response = doors.http.request(method, path)

    error = visitor.envelope(response)["error"]
    assert (error["code"], response.status_code) == (code, http_status)
    assert response.headers["x-image-skill-exit-code"] == str(exit_code)
    assert error["retryable"] is False
    assert error["recovery"]["docs_url"] == "https://docs.example"


def test_row_8_health_is_the_database_s_health(doors: Doors) -> None:
    data = ok(doors.visitor().get("/healthz"))

    assert data == {"status": "ok", "api_version": "v1"}


def test_row_8_without_a_database_the_service_says_when_to_try_again() -> None:
    engine = database.connect("postgresql://nobody@127.0.0.1:1/nowhere", pool_size=1)

    with opened(database.sessions(engine), settings()) as closed:
        response = closed.http.get("/healthz")
        error = closed.visitor().envelope(response)["error"]

    engine.dispose()
    assert (response.status_code, error["code"], error["retryable"]) == (503, "SERVICE_UNAVAILABLE", True)
    assert response.headers["x-image-skill-exit-code"] == "7"
    assert response.headers["retry-after"] == str(error["recovery"]["retry_after_seconds"])


def test_row_7_what_breaks_inside_is_an_envelope_and_its_words_stay_inside(
    doors: Doors, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    agent = doors.agent()
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE quote RENAME TO gone_for_a_moment"))

    with caplog.at_level(logging.INFO, "pennyrail.http"):
        response = doors.http.post(
            "/v1/credit-quotes",
            json={"credits": 77, "idempotency_key": "my-own-key"},
            headers={"authorization": f"Bearer {agent.token}"},
        )

    reply = agent.envelope(response)
    assert (response.status_code, reply["error"]["code"]) == (500, "INTERNAL_ERROR")
    assert response.headers["x-image-skill-exit-code"] == "7"
    assert "quote" not in reply["error"]["message"]
    assert reply["trace_id"] in caplog.text
    assert "ProgrammingError" in caplog.text
    assert "does not exist" not in caplog.text
    assert "my-own-key" not in caplog.text


def test_row_9_a_log_line_tells_the_door_and_the_outcome_and_nothing_that_was_sent(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    agent = doors.agent()

    with caplog.at_level(logging.INFO):
        reply = agent.get("/v1/credit-purchases/status", receipt_id="receipt_of_somebody")
        agent.get("/v1/activity/evt_of_somebody")
        agent.get("/no/such/path_of_somebody")
        doors.http.request("PROPFIND", "/v1/quota")
        # A line is written after its reply was sent, so the last one may still be on its way.
        eventually(lambda: len(_gets(caplog)) == 3)

    lines = _gets(caplog)
    assert lines[0].startswith("GET /v1/credit-purchases/status 404 ")
    assert lines[0].endswith(f" CREDIT_PURCHASE_NOT_FOUND {reply['trace_id']}")
    assert lines[1].startswith("GET /v1/activity/{reference} 404 ")
    assert lines[2].startswith("GET - 404 ")
    assert "somebody" not in "".join(lines)
    assert not [line for line in _told(caplog) if "PROPFIND" in line]
    assert str(agent.token) not in caplog.text


def _gets(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in _told(caplog) if line.startswith("GET ")]


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "pennyrail.http"]


def test_row_6_every_reply_has_the_header_even_those_for_people_and_machines(doors: Doors) -> None:
    replies = [doors.http.get(path) for path in ("/openapi.json", "/pay/payatt_0", "/v1/quota")]

    codes = [reply.headers["x-image-skill-exit-code"] for reply in replies]

    assert codes == ["0", "1", "3"]


def test_row_26_every_authenticated_door_refuses_every_token_it_does_not_know(doors: Doors) -> None:
    headers = [b"Bearer isk_r_never-given", b"Bearer", b"Basic abc", b"Bearer \xe9", b"isk_r_bare"]

    for path in AUTHENTICATED:
        for header in headers:
            response = doors.http.get(path, headers={b"authorization": header})

            error = doors.visitor().envelope(response)["error"]
            assert (response.status_code, error["code"]) == (401, "AUTH_REQUIRED")
            assert response.headers["x-image-skill-exit-code"] == "3"
            assert error["recovery"]["suggested_command"].startswith("pennyrail signup --agent ")


def test_row_26_a_token_counts_only_as_a_bearer_token(doors: Doors) -> None:
    token = doors.agent().token

    refused = doors.http.get("/v1/whoami", headers={"authorization": f"Basic {token}"})
    known = doors.http.get("/v1/whoami", headers={"authorization": f"bearer  {token}"})

    assert (refused.status_code, known.status_code) == (401, 200)


def test_row_26_the_doors_that_write_refuse_unknown_tokens_too(doors: Doors) -> None:
    buy = {"quote_id": "quote_1", "idempotency_key": "k"}
    stranger = doors.visitor("isk_r_never-given")

    refused = [
        stranger.post("/v1/credit-quotes", credits=1, idempotency_key="k"),
        stranger.post("/v1/credit-purchases/fake-pages", **buy),
        stranger.post("/v1/credit-purchases/fake-deposits", **buy),
    ]

    assert [reply["error"]["code"] for reply in refused] == ["AUTH_REQUIRED"] * 3


def test_row_151_a_token_is_shown_once_and_never_again(doors: Doors) -> None:
    agent = doors.agent()
    quote = agent.quote()
    agent.buy(quote)

    agent.status(quote_id=quote["quote_id"])
    agent.get("/v1/whoami")
    agent.get("/v1/activity")

    assert all(str(agent.token) not in response.text for response in agent.seen)


def test_every_failure_the_house_can_name_has_a_status() -> None:
    named = {kind.code for root in (DoorError, RailsError) for kind in _leaves(root)}

    assert named <= set(http_errors.STATUS)


def test_openapi_describes_what_agents_may_send(doors: Doors) -> None:
    described = doors.http.get("/openapi.json").json()

    assert set(described["components"]["schemas"]["QuoteRequest"]["properties"]) == {
        "credits",
        "pack_id",
        "payment_method",
        "idempotency_key",
    }
    assert "/v1/credit-purchases/fake-deposits" in described["paths"]


def test_a_house_over_one_database_serves_another_client_by_its_name(sessions: Sessions) -> None:
    with opened(sessions, settings(client_command="image-skill")) as house:
        agent = house.agent()
        quote = agent.quote(pack_id="starter-500", credits=None)
        labels = [agent.get(path)["command"] for path in ("/healthz", *AUTHENTICATED)]
        bought = house.http.post(
            "/v1/credit-purchases/fake-deposits",
            json={"quote_id": quote["quote_id"], "idempotency_key": "k"},
            headers={"authorization": f"Bearer {agent.token}"},
        ).json()

    assert labels == [
        "image-skill doctor",
        "image-skill whoami",
        "image-skill usage quota",
        "image-skill credits status",
        "image-skill activity list",
        "image-skill activity show",
    ]
    assert bought["command"] == "image-skill credits buy"
    attempt_id = bought["data"]["payment_attempt_id"]
    assert bought["data"]["next"]["suggested_commands"] == [
        f"image-skill credits status --payment-attempt-id {attempt_id} --json"
    ]


def test_row_152_a_hung_up_client_breaks_nothing(doors: Doors) -> None:
    url = httpx.URL(doors.url)
    with socket.create_connection((url.host, url.port or 80)) as hung_up:
        # A reset, while the answer is still being made.
        hung_up.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        hung_up.sendall(b"GET /healthz HTTP/1.1\r\nHost: pennyrail\r\n\r\n")

    assert ok(doors.visitor().get("/healthz"))["status"] == "ok"


def _leaves(root: type[DoorError] | type[RailsError]) -> list[type[DoorError] | type[RailsError]]:
    children = root.__subclasses__()
    return [leaf for child in children for leaf in _leaves(child)] if children else [root]
