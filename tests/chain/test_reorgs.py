"""A real chain that changes its mind: how deep, how often, and what its nodes say of finality meanwhile."""

from collections.abc import Iterator

import pytest

from ledger.database import Sessions
from rails.chain import errors
from rails.chain.rpc import Rpc
from rails.chain.scanner import Outcome
from sandbox import devnet
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import CHAIN_ID, MeddledRpc, Watched, scan, states
from tests.chain.test_scanner import pay, view, watcher
from tests.chain.watching import watching


@pytest.fixture
def slow_net() -> Iterator[Devnet]:
    """A chain whose blocks become final only after sixteen more."""
    with devnet.start(block_seconds=0, slots_in_an_epoch=8) as net:
        net.mine(20)
        yield net


@pytest.mark.parametrize("depth", [1, 9, 15])
def test_a_reorg_of_any_depth_above_the_final_block_takes_back_what_vanished(
    slow_net: Devnet, sessions: Sessions, watch: Watched, depth: int
) -> None:
    with Rpc(slow_net.rpc_url, expect_chain_id=CHAIN_ID) as rpc:
        pay(slow_net, 1)
        slow_net.mine(14)
        for units in range(2, 9):
            pay(slow_net, units)
        scan(sessions, rpc, watch)
        slow_net.reorg(depth)

        report = scan(sessions, rpc, watch)

        counted = sum(each.amount.units for each in view(sessions) if each.state != "orphaned")
        assert (report.outcome, report.rewound) == (Outcome.KEPT, True)
        assert counted == slow_net.balance("0x" + "51" * 20)
        assert report.orphaned == min(7, (depth + 1) // 2)


def test_a_reorg_deeper_than_the_policy_takes_back_what_was_confirmed_but_not_final(
    slow_net: Devnet, sessions: Sessions, watch: Watched
) -> None:
    with Rpc(slow_net.rpc_url, expect_chain_id=CHAIN_ID) as rpc:
        pay(slow_net)
        slow_net.mine(9)
        scan(sessions, rpc, watch)
        confirmed = states(sessions)
        slow_net.reorg(12)

        scan(sessions, rpc, watch)

        assert (confirmed, states(sessions)) == (["confirmed"], ["orphaned"])


def test_a_chain_that_changes_twice_counts_no_payment_that_is_not_on_it(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    before = net.snapshot()
    pay(net, 5)
    scan(sessions, rpc, watch)
    net.revert(before)
    pay(net, 6)
    net.mine()
    scan(sessions, rpc, watch)
    on_the_second = {each.amount.units: each.state for each in view(sessions)}
    net.reorg(3)
    net.mine(9)

    scan(sessions, rpc, watch)

    assert on_the_second == {5: "orphaned", 6: "seen"}
    assert set(states(sessions)) == {"orphaned"}


def test_a_head_that_goes_backwards_is_waited_for_and_what_is_rebuilt_is_read(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net, 5)
    scan(sessions, rpc, watch)
    net.rollback(2)

    with pytest.raises(errors.NodeLags):
        scan(sessions, rpc, watch)
    pay(net, 6)
    pay(net, 7)
    scan(sessions, rpc, watch)

    assert {each.amount.units: each.state for each in view(sessions)} == {
        5: "orphaned",
        6: "seen",
        7: "seen",
    }


def test_after_a_halt_of_two_hours_the_chain_is_read_on(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net, 5)
    scan(sessions, rpc, watch)
    (before,) = view(sessions)
    net.call("evm_increaseTime", 7_200)
    pay(net, 6)

    scan(sessions, rpc, watch)

    after = view(sessions)[1]
    assert (after.block_time - before.block_time).total_seconds() >= 7_200
    assert after.block_number == before.block_number + 2


def test_two_hundred_blocks_that_become_final_at_once_are_final_in_one_pass(
    net: Devnet, sessions: Sessions
) -> None:
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        for units in (1, 2, 3):
            pay(net, units)
        proxy.spoil("*", faults.tag("finalized", hex(10)))
        net.mine(230)
        own.read()
        waiting = states(sessions)
        proxy.heal()

        report = own.read()

        assert waiting == ["confirmed"] * 3
        assert report is not None
        assert report.final == 3
        assert own.cursor().finalized_number == net.head() - 8


def test_a_final_block_that_stands_still_or_goes_back_at_the_node_takes_nothing_back(
    net: Devnet, sessions: Sessions
) -> None:
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        pay(net)
        net.mine(10)
        own.read()
        known = own.cursor().finalized_number
        proxy.spoil("*", faults.tag("finalized", hex(3)))
        pay(net)
        net.mine(10)
        report = own.read()

        assert report is not None
        assert (report.outcome, own.cursor().finalized_number) == (Outcome.KEPT, known)
    assert states(sessions) == ["final", "confirmed"]


def test_a_final_block_of_a_node_that_is_ahead_of_our_head_counts_no_further_than_our_head(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    head = net.head()
    ahead = '{"number": "0xfff", "hash": "0x' + "ab" * 32 + '", "timestamp": "0x6a000000"}'
    meddled.before = lambda _, parameters: ahead.encode() if parameters[0] == "finalized" else None

    report = scan(sessions, meddled, watch)
    meddled.before = lambda *_: None
    net.mine(2)
    again = scan(sessions, meddled, watch)

    assert (report.outcome, again.outcome) == (Outcome.KEPT, Outcome.KEPT)
    assert watcher(sessions).finalized_number == head
    assert states(sessions) == ["final"]
