"""The API as a process of its own: killed while it opens a payment, and asked too often."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from sandbox.agent import Agent, Refused
from sandbox.house import House, answers
from sandbox.stripe_twin.models import Fault
from tests.flows.buying import CHECKOUT
from tests.waiting import eventually

Restart = Callable[..., None]


@pytest.fixture
def restart(home: House) -> Iterator[Restart]:
    """Starts the API anew, with settings of its own."""

    def restarted(**changed: str) -> None:
        home.children["api"].kill()
        home.start("api", **changed)
        eventually(lambda: answers(home.addresses.api_url))

    yield restarted
    restarted()


def test_a_purchase_whose_process_was_killed_is_finished_by_a_retry_with_one_attempt(
    home: House, agent: Agent, restart: Restart, book: psycopg.Connection[Any]
) -> None:
    restart(PENNYRAIL_OPENING_LEASE_SECONDS="3")
    quote_id = agent.quote(pack_id="starter-500", method=CHECKOUT[0], key="q")["quote_id"]
    home.twin.control.fail(Fault(kind="hang", path_prefix="/v1/checkout/sessions", hang_seconds=4))

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(agent.buy, quote_id, endpoint=CHECKOUT[1], key="b")
        eventually(lambda: _attempts(book, quote_id) == [("opening", True)])
        restart(PENNYRAIL_OPENING_LEASE_SECONDS="3")
        failure = first.exception()
    opened = eventually(lambda: _bought(agent, quote_id))

    assert failure is not None
    assert opened["state"] == "action_required"
    assert _attempts(book, quote_id) == [("requires_action", False)]


def test_the_limits_of_the_settings_hold_at_the_running_api(
    home: House, agent: Agent, restart: Restart
) -> None:
    restart(PENNYRAIL_LIMIT_QUOTES_PER_MINUTE="2")
    for number in range(2):
        agent.quote(pack_id="starter-500", method=CHECKOUT[0], key=f"q-{number}")

    with pytest.raises(Refused, match="RATE_LIMITED"):
        agent.quote(pack_id="starter-500", method=CHECKOUT[0], key="q-2")


def _bought(agent: Agent, quote_id: str) -> dict[str, Any] | None:
    try:
        return agent.buy(quote_id, endpoint=CHECKOUT[1], key="b")
    except Refused:
        return None


def _attempts(book: psycopg.Connection[Any], quote_id: str) -> list[tuple[str, bool]]:
    """The state of every attempt of a quote, and whether somebody is opening it."""
    found = book.execute(
        "SELECT state, opening_until IS NOT NULL FROM payment_attempt WHERE quote_id = %s", (quote_id,)
    )
    return [(state, leased) for state, leased in found]
