"""Naming an inbox: it is kept, it is told to nobody, and it opens nothing."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import text

from tests.app.conftest import Doors, ok

INBOX = "owner@example.invalid"


def test_racing_requests_for_one_inbox_attach_it_once(doors: Doors) -> None:
    agent = doors.agent()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: ok(agent.post("/v1/agent-claims", contact=INBOX))["state"], range(16)))

    assert sorted(told) == ["attached"] + ["unchanged"] * 15


def test_signing_up_with_a_claimed_inbox_and_the_same_name_is_another_agent(doors: Doors) -> None:
    agent = doors.agent("painter")
    agent.post("/v1/agent-claims", contact=INBOX)
    body = {"agent_name": "painter", "runtime": "tests", "return_token": True, "agent_contact": INBOX}

    taken = ok(doors.visitor().post("/v1/agent-signups", **body))

    assert taken["actor"]["actor_id"] != agent.get("/v1/whoami")["actor"]["actor_id"]
    assert ok(doors.visitor(taken["token"]).get("/v1/whoami"))["claim_request_state"] == "none"
    assert ok(agent.get("/v1/whoami"))["claim_request_state"] == "requested"


@pytest.mark.parametrize("change", ["UPDATE agent_claim SET contact = 'x'", "DELETE FROM agent_claim"])
def test_what_was_asked_for_is_never_changed(doors: Doors, change: str) -> None:
    doors.agent().post("/v1/agent-claims", contact=INBOX)

    with pytest.raises(DBAPIError, match="never changed"), doors.sessions() as session:
        session.connection().execute(text(change))
