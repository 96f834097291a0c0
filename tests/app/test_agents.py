"""Signing up, coming back, and who the token says one is. Numbers are rows of the contract."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlmodel import text

from tests.app.conftest import Doors, Json, ok

INBOX = "Painter.Bot@Example.Invalid"
ONCE = (
    "hosted restricted token is returned once; store it in the agent runtime secret store and never paste it"
    " into prompts, logs, issues, or product feedback"
)

WHO_KNOWS_BOTH = (
    "whoever signs up with this contact and name gets this agent's token; keep both unknown, or sign up"
    " without a contact"
)
NOBODY_REACHES_IT = (
    "nobody can reach this agent: it has no contact and its token was not returned; sign up again with"
    " return_token true"
)


def sign_up(doors: Doors, **fields: object) -> Json:
    body = {"agent_name": "painter", "runtime": "tests", "return_token": True, **fields}
    return doors.visitor().post("/v1/agent-signups", **body)


def test_rows_10_13_24_and_153_a_signup_shows_a_token_once_and_never_the_contact(doors: Doors) -> None:
    reply = sign_up(doors, agent_contact=INBOX)

    data = ok(reply)
    assert data["token"].startswith("isk_r_")
    assert len(data["token"]) >= len("isk_r_") + 43
    assert reply["warnings"][0] == ONCE
    assert reply["actor"] is None
    assert (data["token_class"], data["claim_state"]) == ("restricted", "unclaimed")
    assert data["agent_contact"] == "p***@example.invalid"
    assert "painter.bot" not in str(reply).lower()


def test_row_11_the_same_contact_and_name_come_back_as_the_same_agent_with_a_fresh_token(
    doors: Doors,
) -> None:
    first = ok(sign_up(doors, agent_contact=INBOX))

    second = ok(sign_up(doors, agent_contact=f"  {INBOX.lower()} "))

    assert second["actor"] == first["actor"]
    assert second["token"] != first["token"]
    assert doors.visitor(first["token"]).get("/v1/whoami")["error"]["code"] == "AUTH_REQUIRED"
    assert ok(doors.visitor(second["token"]).get("/v1/whoami"))["actor"] == first["actor"]


def test_row_11_another_name_under_one_contact_is_another_agent(doors: Doors) -> None:
    painter = ok(sign_up(doors, agent_contact=INBOX))

    writer = ok(sign_up(doors, agent_contact=INBOX, agent_name="writer"))

    assert writer["actor"]["actor_id"] != painter["actor"]["actor_id"]


def test_row_12_rotating_one_agent_leaves_the_others_alone(doors: Doors) -> None:
    bystander = doors.agent("bystander")
    sign_up(doors, agent_contact=INBOX)

    sign_up(doors, agent_contact=INBOX)

    assert ok(bystander.get("/v1/whoami"))["authenticated"] is True


def test_row_11_racing_signups_make_one_agent_with_one_valid_token(doors: Doors) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ok(sign_up(doors, agent_contact=INBOX)), range(8)))

    valid = [each for each in replies if doors.visitor(each["token"]).get("/v1/whoami")["ok"]]
    assert len({each["actor"]["actor_id"] for each in replies}) == 1
    assert len(valid) == 1


def test_row_19_without_return_token_nobody_is_shown_one_and_nobody_is_locked_out(doors: Doors) -> None:
    first = ok(sign_up(doors, agent_contact=INBOX))

    reply = sign_up(doors, agent_contact=INBOX, return_token=False)

    assert ok(reply)["token"] is None
    assert ONCE not in reply["warnings"]
    assert ok(doors.visitor(first["token"]).get("/v1/whoami"))["actor"] == reply["data"]["actor"]


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({}, [ONCE]),
        ({"agent_contact": INBOX}, [ONCE, WHO_KNOWS_BOTH]),
        ({"human_email": INBOX, "return_token": False}, [WHO_KNOWS_BOTH]),
        ({"return_token": False}, [NOBODY_REACHES_IT]),
    ],
)
def test_a_signup_warns_of_what_its_contact_and_its_token_mean(
    doors: Doors, fields: Json, warnings: list[str]
) -> None:
    reply = sign_up(doors, **fields)

    assert ok(reply)["agent_name"] == "painter"
    assert reply["warnings"] == warnings


@pytest.mark.parametrize("path", ["/v1/whoami", "/v1/quota", "/v1/activity"])
def test_a_refusal_suggests_a_signup_that_runs_as_it_stands_and_names_no_contact(
    doors: Doors, path: str
) -> None:
    recovery = doors.visitor().get(path)["error"]["recovery"]

    assert recovery["suggested_command"] == (
        "pennyrail signup --agent --agent-name my-agent --runtime my-runtime --json"
    )
    assert recovery["optional_flags"] == ["--agent-contact"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"agent_contact": "nobody"}, "agent_contact must be an email-shaped durable contact inbox"),
        ({"agent_contact": "a@b"}, "agent_contact must be an email-shaped durable contact inbox"),
        (
            {"agent_contact": "é@example.invalid"},
            "agent_contact must be an email-shaped durable contact inbox",
        ),
        ({"agent_contact": ""}, "agent_contact must be an email-shaped durable contact inbox"),
        ({"agent_contact": 7}, "agent_contact must be an email-shaped durable contact inbox"),
        (
            {"human_email": "no body@example.invalid"},
            "human_email is a legacy alias for agent_contact"
            " and must be an email-shaped durable contact inbox",
        ),
    ],
)
def test_row_21_a_contact_that_is_no_inbox_is_refused_in_the_words_clients_know(
    doors: Doors, fields: dict[str, object], message: str
) -> None:
    error = sign_up(doors, **fields)["error"]

    assert (error["code"], error["message"]) == ("INVALID_ARGUMENTS", message)
    assert error["recovery"]["suggested_command"].startswith("pennyrail signup --agent ")
    assert error["recovery"]["required_flag"] == f"--{next(iter(fields)).replace('_', '-')}"


def test_rows_22_and_23_a_harness_inbox_and_the_old_name_of_the_field_are_fine(doors: Doors) -> None:
    old_name = ok(sign_up(doors, human_email=INBOX))

    new_name = ok(sign_up(doors, agent_contact=INBOX))

    assert old_name["actor"] == new_name["actor"]


def test_row_28_without_a_contact_every_signup_is_a_fresh_agent(doors: Doors) -> None:
    first, second = ok(sign_up(doors)), ok(sign_up(doors))

    assert first["actor"]["actor_id"] != second["actor"]["actor_id"]
    assert first["agent_contact"] is None
    assert ok(doors.visitor(first["token"]).get("/v1/whoami"))["actor"] == first["actor"]


def test_row_32_where_an_agent_came_from_is_told_once(doors: Doors) -> None:
    sign_up(doors, agent_contact=INBOX, discovery_source="blog.post_1-a")

    again = ok(sign_up(doors, agent_contact=INBOX, discovery_source="elsewhere"))

    assert again["discovery_source"] == "blog.post_1-a"


def test_row_32_a_discovery_source_that_is_no_slug_is_refused_without_repeating_it(doors: Doors) -> None:
    for source in ("Upper", "with space", "", "x" * 65, "snow☃", 5):
        reply = sign_up(doors, discovery_source=source)

        assert reply["error"]["code"] == "INVALID_ARGUMENTS", source
        assert "discovery_source" in reply["error"]["message"]
        assert not source or str(source) not in reply["error"]["message"]


def test_rows_33_to_35_whoami_shows_the_durable_identity(doors: Doors) -> None:
    signed_up = ok(sign_up(doors, agent_contact=INBOX))
    doors.clock.now += timedelta(hours=1)

    data = ok(doors.visitor(signed_up["token"]).get("/v1/whoami"))

    assert data["authenticated"] is True
    assert (data["token_status"], data["token_class"]) == ("active", "restricted")
    assert data["session_origin"] == "loaded_from_config"
    assert data["token_created_at"] == "2026-11-20T12:00:00.000Z"
    assert data["agent_contact"] == "p***@example.invalid"
    assert data["claim_request_state"] == "none"
    assert "credits.buy" in data["grants"]


def test_rows_36_37_39_40_and_154_a_fresh_agent_has_no_credits(doors: Doors) -> None:
    data = ok(doors.agent().get("/v1/quota"))

    assert data["authenticated"] is True
    assert data["limits"] == {"remaining_credits": 0, "payment_backed_remaining_credits": 0}
    assert (data["claim_state"], data["token_status"]) == ("unclaimed", "active")


def test_row_43_quota_names_the_way_to_top_up_without_placeholders(doors: Doors) -> None:
    top_up = ok(doors.agent().get("/v1/quota"))["top_up"]

    assert top_up["available"] is True
    assert top_up["preferred_payment_method"] == "fake_deposit"
    assert top_up["recommendation_reason"] == "credits_depleted"
    assert top_up["quote_command"] == (
        "pennyrail credits quote --pack starter-500 --payment-method fake_deposit --json"
    )
    assert set(top_up["commands"]) == {
        "inspect_methods",
        "inspect_packs",
        "quote",
        "buy",
        "status",
        "fallback_quote",
        "fallback_buy",
    }
    assert all(isinstance(command, str) for command in top_up["commands"].values())


def test_tokens_rest_as_hashes(doors: Doors, engine: Engine) -> None:
    token = ok(sign_up(doors))["token"]

    with engine.connect() as connection:
        rows: Any = connection.execute(text("SELECT row_to_json(agent_token)::text FROM agent_token")).all()

    assert len(rows) == 1
    assert token.removeprefix("isk_r_") not in str(rows)
    assert token.encode().hex() not in str(rows)
