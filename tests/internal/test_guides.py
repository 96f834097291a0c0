"""docs/guides/api-server.md: its server works for agents, and takes what their jobs cost."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.cli import cli
from ledger.database import Sessions
from pennyrail_client import Client, Unavailable
from tests import guides
from tests.internal.conftest import Home, Json, opened, served

PRICE = 4
"""Of the sample model, in credits."""


@dataclass
class Provider:
    """Draws, or breaks as a test likes; counts how often it was asked."""

    failed: Callable[[], Exception]
    breaks: Exception | None = None
    asked: list[str] = field(default_factory=list)

    def draw(self, prompt: str) -> str:
        """What the server of the guide calls."""
        self.asked.append(prompt)
        if self.breaks is not None:
            raise self.breaks
        return f"a picture of {prompt}"


@dataclass
class Shop:
    """The server of the guide at work."""

    http: httpx.Client
    home: Home
    client: Client
    provider: Provider
    page: SimpleNamespace
    ended: dict[str, str | None]

    def agent(self, *, bought: int = 0) -> tuple[str, str]:
        """A new agent: its id and its token."""
        body = {"agent_name": "painter", "runtime": "tests", "return_token": True}
        told = self.home.http.post("/v1/agent-signups", json=body).json()["data"]
        if bought:
            self.home.buy(told["actor"]["actor_id"], bought)
        return told["actor"]["actor_id"], told["token"]

    def ask(self, token: str, key: str = "job-1") -> httpx.Response:
        """Ask for a picture."""
        headers = {"authorization": f"Bearer {token}", "idempotency-key": key}
        return self.http.post("/pictures", params={"prompt": "a lighthouse"}, headers=headers)

    def left(self, agent_id: str) -> tuple[int, int]:
        """What the agent has, and what of it is held."""
        balance = self.client.balance(agent_id).balance
        return balance.posted, balance.held


def token_of_the_guide(database_url: str) -> str:
    """What the command of the guide prints, and the right to read balances for the tests."""
    (command,) = guides.lines(guides.blocks("api-server", "sh")[0])
    words = [*command.split()[1:], "--scope", "balances:read"]
    ran = CliRunner().invoke(cli, words, env={"DATABASE_URL": database_url})
    assert ran.exit_code == 0, ran.output
    return ran.stdout.strip()


def page() -> SimpleNamespace:
    """The Python of the guide, from its first block to its last."""
    known: dict[str, Any] = {}
    for example in guides.blocks("api-server", "python"):
        exec(compile(example, "docs/guides/api-server.md", "exec"), known)  # noqa: S102
    return SimpleNamespace(**known)


@pytest.fixture
def shop(sessions: Sessions, database_url: str) -> Iterator[Shop]:
    """The server of the guide, before a house whose agents get free credits."""
    known, ended = page(), dict[str, str | None]()
    provider = Provider(known.ProviderFailed)
    with (
        opened(
            sessions, database_url, token_cache_seconds=0, preview_credits=20, preview_daily_jobs=2
        ) as home,
        Client(home.url, token_of_the_guide(database_url)) as client,
        served(known.create_app(client, provider.draw, ended)) as url,
        httpx.Client(base_url=url, timeout=30) as http,
    ):
        yield Shop(http, home, client, provider, known, ended)


def test_a_picture_is_drawn_and_paid_once_however_often_it_is_asked_for(shop: Shop) -> None:
    agent_id, token = shop.agent(bought=100)

    first, again = shop.ask(token), shop.ask(token)

    assert (first.status_code, again.status_code) == (200, 200), first.text + again.text
    assert first.json() == again.json() == {"picture": "a picture of a lighthouse"}
    assert shop.provider.asked == ["a lighthouse"]
    assert shop.left(agent_id) == (120 - PRICE, 0)


def test_what_the_provider_failed_at_costs_nothing_and_is_not_drawn_under_the_same_key(shop: Shop) -> None:
    agent_id, token = shop.agent(bought=100)
    shop.provider.breaks = shop.provider.failed()
    failed = shop.ask(token)
    shop.provider.breaks = None

    again, anew = shop.ask(token), shop.ask(token, "job-2")

    assert (failed.status_code, again.status_code, anew.status_code) == (502, 502, 200)
    assert len(shop.provider.asked) == 2
    assert shop.left(agent_id) == (120 - PRICE, 0)


def test_whoever_has_too_little_is_told_how_to_buy_and_comes_again_under_a_new_key(shop: Shop) -> None:
    agent_id, token = shop.agent()
    shop.client.debit(agent_id=agent_id, credits=18, job_id="before")

    refused = shop.ask(token)
    shop.home.buy(agent_id, 100)
    same_key, new_key = shop.ask(token), shop.ask(token, "job-2")

    told: Json = refused.json()
    assert (refused.status_code, told["code"]) == (402, "INSUFFICIENT_CREDITS")
    assert "credits quote" in str(told["recovery"]["top_up"])
    assert (same_key.status_code, new_key.status_code) == (402, 200)


def test_free_credits_begin_so_many_jobs_a_day_and_bought_ones_any(shop: Shop) -> None:
    agent_id, token = shop.agent()

    answers = [shop.ask(token, f"job-{number}") for number in range(3)]
    shop.home.buy(agent_id, 100)
    after = shop.ask(token, "job-3")

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert {"resets_at", "top_up"} <= answers[2].json()["recovery"].keys()
    assert after.status_code == 200


def test_a_stranger_is_sent_to_sign_up(shop: Shop) -> None:
    assert shop.ask("nobody").status_code == 401
    assert shop.provider.asked == []


def test_an_agent_that_is_frozen_is_told_so(shop: Shop, database_url: str) -> None:
    agent_id, token = shop.agent(bought=100)
    words = ["agent-spending", "freeze", agent_id, "--reason", "a token leaked"]
    assert CliRunner().invoke(cli, words, env={"DATABASE_URL": database_url}).exit_code == 0

    refused = shop.ask(token)

    assert (refused.status_code, refused.json()["code"]) == (403, "AGENT_FROZEN")


def test_the_sum_is_503_while_the_house_is_away_and_the_same_key_finds_it_done(shop: Shop) -> None:
    agent_id, token = shop.agent(bought=100)
    sent = shop.client._http.request

    def lost(method: str, path: str, **more: Any) -> httpx.Response:
        answer = sent(method, path, **more)
        if path.endswith("capture"):
            raise httpx.ReadError("the answer is lost")
        return answer

    shop.client._retries = 0
    shop.client._http.request = lost  # type: ignore[assignment]
    unknown = shop.ask(token)
    shop.client._http.request = sent  # type: ignore[method-assign]
    known = shop.ask(token)

    assert (unknown.status_code, unknown.json()["code"]) == (503, "NO_ANSWER")
    assert known.status_code == 200
    assert shop.left(agent_id) == (120 - PRICE, 0)


@pytest.mark.parametrize(
    ("made", "left", "said"), [(True, 120 - PRICE, "captured"), (False, 120, "released")]
)
def test_what_a_crash_left_in_the_middle_is_settled_once(
    shop: Shop, made: bool, left: int, said: str
) -> None:
    agent_id, token = shop.agent(bought=100)
    shop.provider.breaks = RuntimeError("the power went")
    assert shop.ask(token).status_code == 500
    held, job_id = shop.left(agent_id), f"{agent_id}:job-1"

    done = [shop.page.settle(shop.client, agent_id, job_id, made=made) for _ in range(2)]

    assert held == (120, PRICE)
    assert (done, shop.left(agent_id)) == ([said, said], (left, 0))


def test_a_job_that_was_never_held_refused_or_captured_before_has_nothing_to_settle(shop: Shop) -> None:
    agent_id, token = shop.agent(bought=100)
    shop.ask(token)
    poor, poor_token = shop.agent()
    shop.client.debit(agent_id=poor, credits=18, job_id="before")
    shop.ask(poor_token)

    settled = {
        job: shop.page.settle(shop.client, who, f"{who}:{job}", made=False)
        for who, job in ((agent_id, "job-1"), (agent_id, "job-2"))
    }
    refused = shop.page.settle(shop.client, poor, f"{poor}:job-1", made=False)

    assert settled == {"job-1": "settled before", "job-2": "never held"}
    assert refused == "refused"
    assert shop.left(agent_id) == (120 - PRICE, 0)


def test_small_jobs_are_charged_together_and_each_is_told_by_itself(shop: Shop) -> None:
    agent_id, _ = shop.agent(bought=1)
    shop.client.debit(agent_id=agent_id, credits=19, job_id="before")

    refused = shop.page.charge(shop.client, agent_id, ["search-1", "search-2", "search-3"])

    assert refused == {"search-3": "INSUFFICIENT_CREDITS"}
    assert shop.left(agent_id) == (0, 0)


def test_unavailable_carries_the_key_to_repeat_with(shop: Shop) -> None:
    with Client("http://127.0.0.1:9", "isk_svc_x", retries=0) as away, pytest.raises(Unavailable) as unknown:
        away.hold(agent_id="agt_x", credits=1, job_id="job-1", idempotency_key="job-1:hold")

    assert unknown.value.idempotency_key == "job-1:hold"
