"""Many headers in one request: every one is answered, once, or the batch does not count."""

from collections.abc import Callable, Iterator

import pytest

from rails.chain import errors, node
from rails.chain.rpc import BATCH, Rpc
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import CHAIN_ID
from tests.chain.fault_proxy import FaultProxy, Reply

Change = Callable[[list[Reply]], object]
ELSEWHERE = {"jsonrpc": "2.0", "id": 987_654, "result": None}


@pytest.fixture
def proxy(net: Devnet) -> Iterator[FaultProxy]:
    with fault_proxy.before(net.rpc_url) as proxy:
        yield proxy


def numbers_and_hashes(net: Devnet, first: int, last: int) -> dict[int, str]:
    return {number: net.block_hash(number) for number in range(first, last + 1)}


def read(proxy: FaultProxy, first: int, last: int) -> dict[int, str]:
    with Rpc(proxy.url, expect_chain_id=CHAIN_ID) as rpc:
        return {number: found.hash for number, found in node.headers(rpc, range(first, last + 1)).items()}


def test_many_headers_are_one_request(net: Devnet, proxy: FaultProxy) -> None:
    found = read(proxy, 1, 20)

    assert found == numbers_and_hashes(net, 1, 20)
    assert [each["method"] for each in proxy.questions] == ["eth_chainId", "eth_getBlockByNumber"]


def test_more_than_a_batch_are_several_and_come_in_order(net: Devnet, proxy: FaultProxy) -> None:
    net.mine(2 * BATCH)

    found = read(proxy, 1, 2 * BATCH + 5)

    assert list(found) == list(range(1, 2 * BATCH + 6))
    assert proxy.asked("eth_getBlockByNumber") == 3


BAD_BATCHES: dict[str, Change] = {
    "one missing": lambda replies: replies[1:],
    "one twice": lambda replies: [replies[0], *replies[:-1]],
    "one too many": lambda replies: [*replies, replies[0]],
    "one of another request": lambda replies: [*replies[1:], ELSEWHERE],
    "none": lambda _: [],
    "an answer that is no array": lambda replies: replies[0],
    "one refused": lambda replies: [
        *replies[1:],
        {"jsonrpc": "2.0", "id": replies[0]["id"], "error": {"code": -32600, "message": "no batches here"}},
    ],
    "one with a result and an error": lambda replies: [
        *replies[1:],
        replies[0] | {"error": {"code": 1, "message": "oops"}},
    ],
}


@pytest.mark.parametrize("what", BAD_BATCHES)
def test_a_batch_that_is_not_answered_whole_does_not_count_and_each_is_asked_alone(
    net: Devnet, proxy: FaultProxy, what: str
) -> None:
    proxy.spoil_batches(BAD_BATCHES[what])

    found = read(proxy, 1, 12)

    assert found == numbers_and_hashes(net, 1, 12)
    assert proxy.asked("eth_getBlockByNumber") == 13


def test_a_batch_that_is_too_much_at_once_is_asked_one_by_one_the_next_time(
    net: Devnet, proxy: FaultProxy
) -> None:
    proxy.spoil("eth_getBlockByNumber", faults.BROKEN_ANSWERS["429 with a pause"], times=1)

    with Rpc(proxy.url, expect_chain_id=CHAIN_ID) as rpc:
        with pytest.raises(errors.RateLimited):
            node.headers(rpc, range(1, 13))
        found = node.headers(rpc, range(1, 13))

    assert {number: each.hash for number, each in found.items()} == numbers_and_hashes(net, 1, 12)
    assert proxy.asked("eth_getBlockByNumber") == 13


def test_items_in_another_order_are_put_in_ours(net: Devnet, proxy: FaultProxy) -> None:
    proxy.spoil_batches(lambda replies: replies[::-1])

    assert read(proxy, 1, 12) == numbers_and_hashes(net, 1, 12)
    assert proxy.asked("eth_getBlockByNumber") == 1


def test_a_block_that_the_node_lacks_is_a_node_that_lags(proxy: FaultProxy) -> None:
    with pytest.raises(errors.NodeLags, match="no block 21"):
        read(proxy, 10, 21)


def test_a_connection_that_breaks_in_a_batch_is_unreachable(proxy: FaultProxy) -> None:
    proxy.spoil("eth_getBlockByNumber", faults.BROKEN_ANSWERS["truncated"])

    with pytest.raises(errors.RpcUnreachable):
        read(proxy, 1, 12)
