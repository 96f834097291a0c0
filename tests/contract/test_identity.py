"""Rows 10 to 35 and 153: who an agent is, and how it says so."""

from datetime import datetime, timedelta

import pytest

from tests.app.conftest import ok
from tests.contract.house import X402, Caller, House

ONCE = (
    "hosted restricted token is returned once; store it in the agent runtime secret store and never paste it"
    " into prompts, logs, issues, or product feedback"
)


def inbox(name: str) -> str:
    """A contact that no other test uses."""
    return f"{name}@example.invalid"


def test_row_010_a_signup_makes_a_restricted_token_of_an_unclaimed_agent(house: House) -> None:
    data = ok(house.sign_up(agent_contact=inbox("row010")))

    assert (data["token_class"], data["token_status"]) == ("restricted", "active")
    assert data["claim_state"] == data["actor"]["claim_state"] == "unclaimed"
    assert ok(house.visitor(data["token"]).get("/v1/whoami"))["actor"] == data["actor"]


def test_row_011_signing_up_again_rotates_the_token_of_the_same_agent(house: House) -> None:
    first = ok(house.sign_up(agent_contact=inbox("row011")))

    second = ok(house.sign_up(agent_contact=inbox("row011")))

    assert second["actor"] == first["actor"]
    assert second["token"] != first["token"]
    assert house.visitor(first["token"]).get("/v1/quota")["error"]["code"] == "AUTH_REQUIRED"
    assert house.visitor(second["token"]).get("/v1/quota")["ok"]


def test_row_012_a_rotation_leaves_other_agents_alone(house: House) -> None:
    bystander = house.agent(agent_contact=inbox("row012-other"))
    house.sign_up(agent_contact=inbox("row012"))

    house.sign_up(agent_contact=inbox("row012"))

    assert bystander.get("/v1/whoami")["ok"]


def test_row_013_a_token_begins_with_isk_r(house: House) -> None:
    token = ok(house.sign_up())["token"]

    assert token.startswith("isk_r_")
    assert len(token) > 40


def test_row_019_the_raw_token_is_in_the_reply_only_if_it_was_asked_for(house: House) -> None:
    with_it = ok(house.sign_up(return_token=True))
    without = [
        house.sign_up(return_token=False),
        house.visitor().post("/v1/agent-signups", agent_name="painter", runtime="tests"),
    ]

    assert with_it["token"] is not None
    assert [ok(reply)["token"] for reply in without] == [None, None]
    assert all("isk_r_" not in str(reply) for reply in without)


@pytest.mark.parametrize("contact", ["nobody", "a@b", "two words@example.invalid", "", 7])
def test_row_021_a_contact_must_be_email_shaped(house: House, contact: object) -> None:
    error = house.sign_up(agent_contact=contact)["error"]

    assert error["code"] == "INVALID_ARGUMENTS"
    assert error["message"] == "agent_contact must be an email-shaped durable contact inbox"
    assert error["recovery"]["required_flag"] == "--agent-contact"
    assert house.everything[-1].headers["x-image-skill-exit-code"] == "2"


def test_row_022_a_harness_contact_is_fine(house: House) -> None:
    data = ok(house.sign_up(agent_contact="harness+row022@example.invalid"))

    assert data["agent_contact"].endswith("@example.invalid")


def test_row_023_human_email_is_the_old_name_of_agent_contact(house: House) -> None:
    old = ok(house.sign_up(human_email=inbox("row023")))

    new = ok(house.sign_up(agent_contact=inbox("row023")))

    assert old["actor"] == new["actor"]


def test_row_024_the_contact_is_redacted_everywhere(house: House) -> None:
    before = len(house.everything)
    data = ok(house.sign_up(agent_contact="Some.Body024@Example.Invalid"))
    agent = house.visitor(data["token"])

    agent.get("/v1/whoami")
    agent.get("/v1/quota")

    assert data["agent_contact"] == "s***@example.invalid"
    assert all("body024" not in reply.text.lower() for reply in house.everything[before:])


def test_row_025_the_same_bearer_header_authenticates_wherever_the_token_was_kept(house: House) -> None:
    token = ok(house.sign_up())["token"]

    answers = [
        house.http.get("/v1/whoami", headers={"authorization": header}).status_code
        for header in (f"Bearer {token}", f"bearer {token}", f"Bearer  {token}", token, f"Basic {token}")
    ]

    assert answers == [200, 200, 200, 401, 401]


def test_row_026_an_unknown_token_is_auth_required_at_every_door(house: House) -> None:
    stranger = house.visitor("isk_r_nobody-was-ever-given-this-one")
    bought = {"quote_id": "quote_1", "idempotency_key": "k"}
    replies = [
        *map(stranger.get, ("/v1/whoami", "/v1/quota", "/v1/credit-purchases/status", "/v1/activity")),
        stranger.get("/v1/activity/evt_1"),
        stranger.post("/v1/credit-quotes", credits=5, payment_method=X402, idempotency_key="k"),
        stranger.post("/v1/agent-claims", contact=inbox("row026")),
        stranger.post("/v1/credit-purchases/stripe-checkout-sessions", **bought),
        stranger.post("/v1/credit-purchases/stripe-x402-deposits", **bought),
    ]

    seen = house.everything[-len(replies) :]

    assert {reply["error"]["code"] for reply in replies} == {"AUTH_REQUIRED"}
    assert {(each.status_code, each.headers["x-image-skill-exit-code"]) for each in seen} == {(401, "3")}


def test_row_027_auth_required_suggests_a_signup(house: House) -> None:
    recovery = house.visitor().get("/v1/quota")["error"]["recovery"]

    assert recovery["suggested_command"].startswith("image-skill signup --agent ")
    assert recovery["docs_url"]


def test_row_028_without_a_contact_every_signup_is_a_fresh_agent(house: House) -> None:
    signed_up = [ok(house.sign_up()) for _ in range(3)]

    assert len({each["actor"]["actor_id"] for each in signed_up}) == 3
    assert all(house.visitor(each["token"]).get("/v1/whoami")["ok"] for each in signed_up)


def test_row_029_a_claim_attaches_repeats_as_unchanged_and_claims_nothing(agent: Caller) -> None:
    asked = [inbox("row029"), f"  {inbox('Row029')} ", inbox("row029-other"), inbox("row029")]

    told = [ok(agent.post("/v1/agent-claims", contact=contact)) for contact in asked]

    assert [each["state"] for each in told] == ["attached", "unchanged", "attached", "attached"]
    assert {each["claim_state"] for each in told} == {"unclaimed"}
    assert {each["claim_request_state"] for each in told} == {"requested"}
    assert agent.get("/v1/whoami")["actor"]["claim_state"] == "unclaimed"


def test_row_030_whoami_and_quota_show_that_a_claim_was_requested(house: House, agent: Caller) -> None:
    other = house.agent()
    before = [ok(agent.get(path))["claim_request_state"] for path in ("/v1/whoami", "/v1/quota")]

    agent.post("/v1/agent-claims", contact=inbox("row030"))

    after = [ok(agent.get(path))["claim_request_state"] for path in ("/v1/whoami", "/v1/quota")]
    assert (before, after) == (["none"] * 2, ["requested"] * 2)
    assert other.quota()["claim_request_state"] == "none"


def test_row_031_a_claim_echoes_a_redacted_contact_and_refuses_bad_ones(house: House, agent: Caller) -> None:
    reply = agent.post("/v1/agent-claims", contact="Owner031@Example.Invalid")
    refused = [agent.post("/v1/agent-claims", contact=bad) for bad in ("owner", "a@b", "", 7, None)]
    refused += [agent.post("/v1/agent-claims"), agent.post("/v1/agent-claims", contact=inbox("a"), more=1)]

    taken_over = ok(house.sign_up(agent_contact="owner031@example.invalid"))

    assert "owner031" not in str(reply).lower()
    assert ok(reply)["contact"] == "o***@example.invalid"
    assert {each["error"]["code"] for each in refused} == {"INVALID_ARGUMENTS"}
    assert refused[0]["error"]["recovery"]["suggested_command"].startswith("image-skill claim request ")
    # Naming an inbox must not let whoever signs up with it become this agent.
    assert taken_over["actor"]["actor_id"] != agent.actor_id()


def test_row_032_discovery_source_is_first_touch_a_slug_and_optional(house: House) -> None:
    contact = inbox("row032")
    first = ok(house.sign_up(agent_contact=contact, discovery_source="docs.site_1"))
    later = ok(house.sign_up(agent_contact=contact, discovery_source="another"))
    never = ok(house.sign_up())

    refused = [house.sign_up(discovery_source=bad) for bad in ("Upper", "with space", "x" * 65, "")]

    assert first["discovery_source"] == later["discovery_source"] == "docs.site_1"
    assert never["discovery_source"] is None
    assert {each["error"]["code"] for each in refused} == {"INVALID_ARGUMENTS"}


def test_row_033_whoami_is_the_durable_identity(house: House) -> None:
    signed_up = ok(house.sign_up(agent_contact=inbox("row033")))

    data = ok(house.visitor(signed_up["token"]).get("/v1/whoami"))

    assert (data["authenticated"], data["token_status"]) == (True, "active")
    assert data["actor"] == signed_up["actor"]


def test_row_034_whoami_tells_the_sessions_origin_and_the_tokens_age(house: House, agent: Caller) -> None:
    data = ok(agent.get("/v1/whoami"))

    assert data["session_origin"] == "loaded_from_config"
    age = house.time() - datetime.fromisoformat(data["token_created_at"])
    assert timedelta() <= age < timedelta(minutes=1)


def test_row_035_whoami_shows_organization_claim_class_and_grants(agent: Caller) -> None:
    reply = agent.get("/v1/whoami")

    data = ok(reply)
    assert data["organization"]["organization_id"] == reply["actor"]["organization_id"]
    assert (data["claim_state"], data["token_class"]) == ("unclaimed", "restricted")
    assert {"credits.quote", "credits.buy", "claim.request"} <= set(data["grants"])


def test_row_153_the_signup_warning_is_word_for_word_the_one_clients_filter(house: House) -> None:
    assert house.sign_up()["warnings"] == [ONCE]
    assert ONCE not in house.sign_up(return_token=False)["warnings"]
