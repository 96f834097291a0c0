"""Credits bought on both rails, over real processes, however badly the webhooks are delivered."""

import pytest

from sandbox import paying, stripe_twin
from sandbox.agent import Agent
from sandbox.house import House, answers
from sandbox.wallet import Wallet
from tests.flows.buying import CHECKOUT, X402, buy, deposit_address, succeeded, witness
from tests.waiting import eventually

BADLY = {
    "well": stripe_twin.Switches(),
    "three times": stripe_twin.Switches(duplicate=2),
    "in another order": stripe_twin.Switches(reorder=2),
    "late": stripe_twin.Switches(delay_seconds=2),
    "never": stripe_twin.Switches(drop_all=True),
}


@pytest.mark.parametrize("delivered", list(BADLY))
def test_a_wallet_buys_without_a_browser_and_both_witnesses_are_on_the_receipt(
    home: House, agent: Agent, delivered: str
) -> None:
    home.twin.control.set_switches(BADLY[delivered])
    attempt = buy(agent, X402)

    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 5_000_000)
    settled = agent.wait(attempt["payment_attempt_id"], until=succeeded)

    assert {row["source"] for row in settled["receipt"]["witnesses"]} == {"stripe", "chain"}
    assert settled["receipt"]["chain_evidence"] in ("confirmed", "final")
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


@pytest.mark.parametrize("delivered", list(BADLY))
def test_a_person_pays_on_the_page_and_the_agent_gets_the_credits(
    home: House, agent: Agent, delivered: str
) -> None:
    home.twin.control.set_switches(BADLY[delivered])
    attempt = buy(agent, CHECKOUT)

    paying.press_pay(attempt["checkout_url"])
    agent.wait(attempt["payment_attempt_id"], until=succeeded)

    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_redelivering_every_event_after_the_grant_changes_nothing(home: House, agent: Agent) -> None:
    attempt = buy(agent, CHECKOUT)
    paying.press_pay(attempt["checkout_url"])
    settled = agent.wait(attempt["payment_attempt_id"], until=succeeded)

    events = {delivery.event for delivery in home.twin.control.deliveries()}
    before = len(home.twin.control.attempts())
    for event in events:
        home.twin.control.redeliver(event)
    eventually(lambda: len(home.twin.control.attempts()) >= before + len(events))

    assert agent.status(attempt["payment_attempt_id"])["receipt"] == settled["receipt"]
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_losing_everything_that_redis_held_loses_no_payment(home: House, agent: Agent) -> None:
    import redis

    home.children["worker"].stop()
    attempt = buy(agent, CHECKOUT)
    paying.press_pay(attempt["checkout_url"])
    eventually(lambda: any(each.status == 200 for each in home.twin.control.attempts()))
    with redis.Redis.from_url(home.addresses.redis_url) as queue:
        queue.flushall()
    home.start("worker")

    agent.wait(attempt["payment_attempt_id"], until=succeeded)

    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_a_webhook_is_kept_and_answered_while_the_api_cannot_reach_redis(home: House, agent: Agent) -> None:
    home.children["api"].stop()
    home.start("api", REDIS_URL="redis://127.0.0.1:1/0")
    eventually(lambda: answers(home.addresses.api_url))
    attempt = buy(agent, CHECKOUT)

    paying.press_pay(attempt["checkout_url"])
    agent.wait(attempt["payment_attempt_id"], until=succeeded)
    eventually(lambda: all(each.state == "delivered" for each in home.twin.control.deliveries()))

    # Giving up on a queue takes some seconds, and nobody waits for it.
    eventually(lambda: "wait for the sweeper" in (home.logs / "api.log").read_text())
    home.children["api"].stop()


def test_an_underpaid_deposit_grants_nothing_and_says_so(home: House, agent: Agent) -> None:
    attempt = buy(agent, X402)

    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 4_999_999)
    seen = agent.wait(
        attempt["payment_attempt_id"], until=lambda status: bool(status["state"] == "needs_review")
    )

    told = seen["payment_attempt"]["exception"]
    assert (told["kind"], told["expected_atomic"], told["received_atomic"]) == (
        "underpaid",
        "5000000",
        "4999999",
    )
    assert seen["receipt"] is None
    assert witness(seen, "chain") <= {"confirmed", "final"}
    assert (agent.paid_credits(), agent.grants()) == (0, [])


def test_while_stripe_is_down_an_agent_that_has_paid_is_not_told_to_pay(home: House, agent: Agent) -> None:
    attempt = buy(agent, X402)
    down = stripe_twin.Fault(kind="status", path_prefix="/v1/payment_intents", times=1000, status=503)
    home.twin.control.fail(down)

    Wallet.create(home.addresses.rpc_url).send_usdc(deposit_address(attempt), 5_000_000)
    waiting = agent.wait(
        attempt["payment_attempt_id"], until=lambda status: bool(status["state"] == "processing")
    )
    home.twin.control.clear_faults()
    agent.wait(attempt["payment_attempt_id"], until=succeeded)

    assert waiting["next"].get("agent_action") == "wait_for_settlement"
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)


def test_a_deposit_that_is_reorganised_away_grants_nothing_until_it_comes_back(
    home: House, agent: Agent
) -> None:
    attempt = buy(agent, X402)
    attempt_id = attempt["payment_attempt_id"]
    wallet = Wallet.create(home.addresses.rpc_url)
    home.devnet.set_block_seconds(0)
    sent = wallet.submit_usdc(deposit_address(attempt), 5_000_000)
    raw = home.devnet.call("eth_getRawTransactionByHash", sent)
    home.devnet.mine()
    agent.wait(attempt_id, until=lambda status: witness(status, "chain") == {"seen"})

    home.devnet.reorg(1)
    orphaned = agent.wait(attempt_id, until=lambda status: witness(status, "chain") == {"orphaned"})
    nothing = (orphaned["state"], orphaned["receipt"], agent.paid_credits())
    home.devnet.call("eth_sendRawTransaction", raw)
    home.devnet.set_block_seconds(1)
    settled = agent.wait(attempt_id, until=succeeded)

    # Not "pay": most transfers that a reorganisation takes back come back, and paying again would be twice.
    assert nothing == ("processing", None, 0)
    assert witness(settled, "chain") & {"confirmed", "final"}
    assert (agent.paid_credits(), len(agent.grants())) == (500, 1)
