"""A chain mined by hand, a node that can be meddled with, and somebody who waits for money."""

from collections.abc import Iterator

import pytest

from rails.chain.rpc import Rpc
from sandbox import devnet
from sandbox.devnet import Devnet
from tests.chain.fakes import CHAIN_ID, MeddledRpc, Watched


@pytest.fixture
def net() -> Iterator[Devnet]:
    with devnet.start(block_seconds=0, slots_in_an_epoch=4) as net:
        net.mine(20)
        yield net


@pytest.fixture
def rpc(net: Devnet) -> Iterator[Rpc]:
    with Rpc(net.rpc_url, expect_chain_id=CHAIN_ID) as rpc:
        yield rpc


@pytest.fixture
def meddled(net: Devnet) -> Iterator[MeddledRpc]:
    with MeddledRpc(net.rpc_url) as rpc:
        yield rpc


@pytest.fixture
def watch() -> Watched:
    return Watched()
