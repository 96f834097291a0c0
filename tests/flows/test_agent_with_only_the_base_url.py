"""An agent that was given an address and a wallet, and nothing to read, ends with credits."""

from sandbox.house import House
from sandbox.wallet import Wallet
from tests.flows.stranger import Stranger

MOST_REQUESTS = 7


def test_an_agent_that_knows_only_the_base_url_ends_with_credits(home: House) -> None:
    wallet = Wallet.create(home.addresses.rpc_url)
    before = wallet.usdc_units()
    stranger = Stranger(home.addresses.api_url)

    credits = stranger.buy_credits(pay=wallet.send_usdc)

    assert credits == 500
    assert len(stranger.requests) <= MOST_REQUESTS, stranger.requests
    assert stranger.polls[-1]["state"] == "succeeded"
    assert before - wallet.usdc_units() == 5_000_000
