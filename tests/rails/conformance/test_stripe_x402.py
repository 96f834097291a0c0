"""The rail `stripe_x402.exact.usdc` keeps what it declares, over the twin and the devnet."""

from collections.abc import Iterator

import pytest

from ledger.database import Sessions
from rails.conformance.harness import Harness
from rails.conformance.suite import RailConformance
from sandbox import devnet
from sandbox.devnet import Devnet
from tests.rails.conformance.stripe_harness import X402Harness
from tests.sandbox import twin_world

pytest_plugins = ["app.rail_kit.plugin"]


@pytest.fixture(scope="module")
def chain() -> Iterator[Devnet]:
    """One chain for every test: each pays to addresses of its own."""
    with devnet.start(block_seconds=0) as started:
        yield started


class TestStripeX402(RailConformance):
    @pytest.fixture
    def harness(self, sessions: Sessions, chain: Devnet) -> Iterator[Harness]:
        with twin_world.running(twin_world.config(rpc_url=chain.rpc_url)) as twin:
            harness = X402Harness(twin, chain, sessions)
            yield harness
            harness.close()
