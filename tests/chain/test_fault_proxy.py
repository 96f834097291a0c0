"""The proxy forwards what nobody asked it to spoil, and one seed gives one history."""

import msgspec

from rails.chain.rpc import Rpc
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import CHAIN_ID

TEXT = msgspec.json.Decoder(str)


def answers(net: Devnet, seed: int) -> list[str]:
    """What sixty calls through a proxy of this seed came to."""
    said = []
    with fault_proxy.before(net.rpc_url) as proxy, Rpc(proxy.url, expect_chain_id=CHAIN_ID) as rpc:
        proxy.spoil_at_random(list(faults.BROKEN_ANSWERS.values()), seed=seed, rate=0.5)
        for _ in range(60):
            try:
                said.append(rpc.call("eth_blockNumber", [], answer=TEXT))
            except Exception as error:
                said.append(type(error).__name__)
    return said


def test_a_proxy_that_spoils_nothing_cannot_be_told_from_the_node(net: Devnet) -> None:
    with fault_proxy.before(net.rpc_url) as proxy, Rpc(proxy.url, expect_chain_id=CHAIN_ID) as rpc:
        assert rpc.call("eth_blockNumber", [], answer=TEXT) == hex(net.head())
        assert [each["method"] for each in proxy.questions] == ["eth_chainId", "eth_blockNumber"]


def test_one_seed_is_one_history_of_faults(net: Devnet) -> None:
    first, again, other = answers(net, 7), answers(net, 7), answers(net, 8)

    assert first == again != other
    assert hex(net.head()) in first
    assert len(set(first)) > 3
