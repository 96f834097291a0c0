"""What an address holds is what came in less what left; a log that everybody lost shows here."""

from dataclasses import replace

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import text

from ledger.database import Sessions
from rails.chain import errors, scanner, watcher
from rails.chain.balances import BalanceReport, Mismatch
from rails.chain.scanner import Limits
from sandbox.devnet import TOKEN, Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import NOON, OTHER_SHOP, SHOP, STRANGER, states
from tests.chain.test_scanner import pay
from tests.chain.watching import PLAN, Watcher, watching


def settle(net: Devnet, own: Watcher) -> BalanceReport:
    """Let everything become final, read it, read it again, and compare."""
    net.mine(10)
    own.read()
    watcher.audit(own.sessions, own.providers, own.watch, own.plan, now=NOON)
    return watcher.check_balances(own.sessions, own.providers, own.watch, own.plan, now=NOON)


def test_an_address_that_holds_what_came_in_is_no_alarm(net: Devnet, sessions: Sessions) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 5)
        pay(net, 7)

        report = settle(net, own)

        assert (report.checked, report.outflows, report.mismatches) == (2, 0, ())
        assert own.kinds() == set()


def test_a_sweep_by_whoever_holds_the_keys_is_no_alarm(net: Devnet, sessions: Sessions) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 12)
        net.transfer(SHOP, STRANGER, 10)
        net.mine()
        first = settle(net, own)
        net.transfer(SHOP, STRANGER, 2)
        net.mine()
        second = settle(net, own)

        assert (first.outflows, first.mismatches) == (1, ())
        assert (second.outflows, second.mismatches) == (1, ())
        assert own.kinds() == set()


def test_a_deposit_whose_log_every_reading_lost_is_an_alarm_until_it_is_found(
    net: Devnet, sessions: Sessions
) -> None:
    with (
        fault_proxy.before(net.rpc_url) as proxy,
        watching(sessions, proxy.url, plan=replace(PLAN, limits=Limits(bloom_blocks=0))) as own,
    ):
        pay(net, 9)
        proxy.spoil("eth_getLogs", faults.EMPTY)
        lost = settle(net, own)
        alarmed = own.alarms()
        proxy.heal()
        scanner.rescan(
            sessions, own.providers.nodes[0], own.watch, token=TOKEN, from_block=20, to_block=30, now=NOON
        )
        found = settle(net, own)

        assert lost.mismatches == (Mismatch(SHOP, balance=9, expected=0),)
        assert alarmed == [("balance_mismatch", SHOP)]
        assert found.mismatches == ()
        assert (own.kinds(), own.ended()) == (set(), ["balance_mismatch"])
    assert states(sessions) == ["final"]


def test_money_that_appeared_without_a_transfer_is_an_alarm(net: Devnet, sessions: Sessions) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 9)
        net.call("anvil_dealERC20", SHOP, TOKEN, hex(1_009))

        report = settle(net, own)

        assert report.mismatches == (Mismatch(SHOP, balance=1_009, expected=9),)


def test_a_transfer_to_oneself_changes_nothing(net: Devnet, sessions: Sessions) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 9)
        net.transfer(SHOP, SHOP, 9)
        net.mine()

        assert settle(net, own).mismatches == ()


def test_a_sweep_that_fails_leaves_the_deposit_and_the_balance_as_they_were(
    net: Devnet, sessions: Sessions
) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 9)
        failed = net.transfer(SHOP, STRANGER, 10)
        net.mine()
        report = settle(net, own)

        receipt = net.call("eth_getTransactionReceipt", failed)
        assert isinstance(receipt, dict)
        assert receipt["status"] == "0x0"
        assert (report.outflows, report.mismatches) == (0, ())
    assert states(sessions) == ["final"]


def test_a_token_that_is_stopped_loses_no_credit_and_the_failing_comparison_is_visible(
    net: Devnet, sessions: Sessions
) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 9)
        settle(net, own)
        net.call("anvil_setCode", TOKEN, "0x60006000fd")
        net.mine()

        with pytest.raises(errors.RpcRefused, match="revert"):
            settle(net, own)

    assert states(sessions) == ["final"]


def test_who_received_something_is_compared_first_and_everybody_in_turn(
    net: Devnet, sessions: Sessions
) -> None:
    with watching(sessions, net.rpc_url, plan=replace(PLAN, balance_addresses=1)) as own:
        pay(net, 3, to=OTHER_SHOP)
        settle(net, own)
        with sessions() as session:
            first = session.execute(text("SELECT address FROM chain_balance")).scalars().all()
        settle(net, own)
        with sessions() as session:
            both = session.execute(text("SELECT address FROM chain_balance")).scalars().all()

    assert (first, sorted(both)) == ([OTHER_SHOP], [SHOP, OTHER_SHOP])


@pytest.mark.parametrize("change", ["UPDATE chain_outflow SET amount = 0", "DELETE FROM chain_outflow"])
def test_the_database_keeps_what_left(net: Devnet, sessions: Sessions, change: str) -> None:
    with watching(sessions, net.rpc_url) as own:
        pay(net, 9)
        net.transfer(SHOP, STRANGER, 9)
        net.mine()
        settle(net, own)

    with pytest.raises(IntegrityError, match="does not change"), sessions() as session:
        session.execute(text(change))
