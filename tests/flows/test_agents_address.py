"""An agent that keeps its address buys twice, over real processes, while no webhook ever comes."""

from sandbox import stripe_twin
from sandbox.agent import Agent
from sandbox.house import House, answers
from sandbox.wallet import Wallet
from tests.flows.buying import X402, deposit_address, succeeded
from tests.waiting import eventually


def test_two_transfers_to_one_address_pay_two_purchases_of_one_price(home: House, agent: Agent) -> None:
    home.twin.control.set_switches(stripe_twin.Switches(drop_all=True))
    home.children["api"].stop()
    # Only who opens payments has to know: whoever looks one up does it as it was opened.
    home.start("api", PENNYRAIL_STRIPE_X402_STRATEGY="transaction_verification")
    eventually(lambda: answers(home.addresses.api_url))
    attempts = []
    for number in ("1", "2"):
        quoted = agent.quote(pack_id="starter-500", method=X402[0], key=f"quote-{number}")
        attempts.append(agent.buy(quoted["quote_id"], endpoint=X402[1], key=f"buy-{number}"))
    wallet = Wallet.create(home.addresses.rpc_url)

    wallet.send_usdc(deposit_address(attempts[0]), 5_000_000)
    agent.wait(attempts[0]["payment_attempt_id"], until=succeeded)
    wallet.send_usdc(deposit_address(attempts[1]), 5_000_000)
    agent.wait(attempts[1]["payment_attempt_id"], until=succeeded)
    home.children["api"].stop()
    home.start("api")
    eventually(lambda: answers(home.addresses.api_url))

    assert deposit_address(attempts[0]) == deposit_address(attempts[1])
    assert (agent.paid_credits(), len(agent.grants())) == (1000, 2)
