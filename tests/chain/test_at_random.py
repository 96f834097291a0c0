"""Two nodes that do anything to us, in an order that a seed decides: nothing is lost, doubled or made up."""

from contextlib import suppress

import pytest

from ledger.database import Sessions
from rails.chain import errors, watcher
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import NOON
from tests.chain.test_scanner import pay, view
from tests.chain.watching import watching


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_two_nodes_do_every_payment_is_counted_once_in_the_end(
    net: Devnet, sessions: Sessions, seed: int
) -> None:
    with (
        fault_proxy.before(net.rpc_url) as first,
        fault_proxy.before(net.rpc_url) as second,
        watching(sessions, first.url, second.url) as own,
    ):
        own.read()
        first.spoil_at_random(faults.ANY, seed=seed, rate=0.2)
        second.spoil_at_random(faults.ANY, seed=seed + 100, rate=0.2)
        for units in range(1, 16):
            pay(net, units)
            for _ in range(2):
                with suppress(errors.ChainError):
                    own.read()
        spoilt = len(first.spoilt) + len(second.spoilt)
        first.heal()
        second.heal()
        net.mine(10)
        own.read()
        watcher.audit(sessions, own.providers, own.watch, own.plan, now=NOON)
        own.read()

        assert spoilt > 20
        assert [(each.amount.units, each.state) for each in view(sessions)] == [
            (units, "final") for units in range(1, 16)
        ]
        assert own.kinds() <= {"audit_missing"}
