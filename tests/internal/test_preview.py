"""The free preview: some credits at signup, and few jobs a day on them."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from ledger.database import Sessions
from tests.internal.conftest import Home, Service, code, done, opened


@pytest.fixture
def home(sessions: Sessions, database_url: str) -> Iterator[Home]:
    with opened(sessions, database_url, preview_credits=20, preview_daily_jobs=2) as found:
        yield found


def quota(home: Home, token: str) -> dict[str, object]:
    data: dict[str, object] = home.http.get("/v1/quota", headers={"authorization": f"Bearer {token}"}).json()[
        "data"
    ]
    return data


def signup(home: Home, contact: str | None = None) -> tuple[str, str]:
    body = {"agent_name": "painter", "runtime": "tests", "return_token": True, "agent_contact": contact}
    data = home.http.post("/v1/agent-signups", json=body).json()["data"]
    return data["actor"]["actor_id"], data["token"]


def test_an_agent_gets_its_free_credits_once(home: Home) -> None:
    api = home.service()

    agent_id, _ = signup(home, "a@example.invalid")
    same, token = signup(home, "a@example.invalid")

    assert agent_id == same
    assert api.balance(agent_id) == (20, 0)
    assert quota(home, token)["limits"] == {"remaining_credits": 20, "payment_backed_remaining_credits": 0}


def test_free_credits_pay_for_few_jobs_a_day(home: Home) -> None:
    api, (agent_id, token) = home.service(), signup(home)
    done(api.hold(agent_id, 1))
    done(api.debit(agent_id, 1))

    refused = api.hold(agent_id, 1, idempotency_key="third")

    assert (code(refused), api.seen[-1].status_code) == ("DAILY_JOB_CAP_REACHED", 429)
    assert refused["error"]["recovery"]["resets_at"] == "2026-11-21T00:00:00.000Z"
    assert quota(home, token)["daily_jobs"] == {
        "limit": 2,
        "used": 2,
        "remaining": 0,
        "resets_at": "2026-11-21T00:00:00.000Z",
    }


def test_the_next_day_has_jobs_of_its_own_and_the_old_key_its_old_answer(home: Home) -> None:
    api, (agent_id, _) = home.service(), signup(home)
    for _ in range(2):
        done(api.debit(agent_id, 1))
    refused = api.debit(agent_id, 1, idempotency_key="third")
    home.clock.now += timedelta(days=1)

    again, fresh = api.debit(agent_id, 1, idempotency_key="third"), api.debit(agent_id, 1)

    assert again["error"] == refused["error"]
    assert done(fresh)["credits"] == 1


def test_who_has_bought_credits_is_not_capped_and_is_shown_no_cap(home: Home) -> None:
    api, agent_id = home.service(), home.agent(bought=100)

    for _ in range(5):
        done(api.debit(agent_id, 1))

    assert done(api.get(f"agents/{agent_id}/balance"))["free"] == {"promotional": 15, "bought": 100}


def test_the_quota_of_who_has_bought_credits_has_no_daily_jobs(home: Home) -> None:
    _, token = signup(home, "a@example.invalid")
    before = quota(home, token)
    agent_id, token = signup(home, "a@example.invalid")
    home.buy(agent_id, 5)

    assert "daily_jobs" in before
    assert "daily_jobs" not in quota(home, token)


def test_without_free_credits_nothing_is_granted(sessions: Sessions, database_url: str) -> None:
    with opened(sessions, database_url, preview_credits=0) as home:
        agent_id, _ = signup(home)
        data = done(home.service().get(f"agents/{agent_id}/balance"))

    assert (data["balance"]["version"], data["lots"]) == (0, [])


def test_a_tried_job_does_not_count(home: Home) -> None:
    api, (agent_id, token) = home.service(), signup(home)
    body = {"agent_id": agent_id, "credits": 1, "job_id": "j"}

    for _ in range(4):
        done(api.post("debits", body, dry=True))

    assert quota(home, token)["daily_jobs"]["used"] == 0  # type: ignore[index]


def test_services_see_the_cap_in_the_agents_own_words(home: Home) -> None:
    api: Service = home.service()
    agent_id, _ = signup(home)
    for _ in range(2):
        done(api.debit(agent_id, 1))

    recovery = api.debit(agent_id, 1)["error"]["recovery"]

    assert recovery["top_up"]["quote_command"].startswith("pennyrail credits quote ")
