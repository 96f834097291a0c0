"""The watcher over nodes that fail, lag, lie and contradict each other."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from ledger.database import Sessions
from rails.chain import alarms, errors, scanner, watcher
from rails.chain.alarms import Kind
from rails.chain.providers import Provider
from rails.chain.rpc import Rpc
from rails.chain.scanner import Limits, Outcome
from sandbox.devnet import Devnet
from tests.chain import fault_proxy, faults
from tests.chain.fakes import CHAIN_ID, NOON, SHOP, states
from tests.chain.fault_proxy import FaultProxy
from tests.chain.test_scanner import pay
from tests.chain.watching import PLAN, Clock, watching

TEXT = msgspec.json.Decoder(str)
UNDOUBTED = replace(PLAN, limits=Limits(bloom_blocks=0))
ONE_IS_ENOUGH = replace(PLAN, agreement=1)


@pytest.fixture
def first(net: Devnet) -> Iterator[FaultProxy]:
    with fault_proxy.before(net.rpc_url) as proxy:
        yield proxy


@pytest.fixture
def second(net: Devnet) -> Iterator[FaultProxy]:
    with fault_proxy.before(net.rpc_url) as proxy:
        yield proxy


def origin(proxy: FaultProxy) -> str:
    return proxy.url


@pytest.mark.parametrize("fault", faults.BROKEN_ANSWERS)
def test_a_pass_that_meets_a_broken_answer_writes_nothing_and_the_next_one_loses_nothing(
    net: Devnet, first: FaultProxy, sessions: Sessions, fault: str
) -> None:
    with watching(sessions, first.url) as own:
        own.read()
        pay(net)
        before = own.cursor()
        first.spoil("eth_getLogs", faults.BROKEN_ANSWERS[fault])

        with pytest.raises(errors.RpcError):
            own.read()
        unchanged = own.cursor()
        first.heal()
        own.read()

    assert unchanged == before
    assert states(sessions) == ["seen"]


def test_a_node_that_drips_is_cut_at_the_deadline_and_the_next_pass_loses_nothing(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, deadline_seconds=0.5) as own:
        pay(net)
        first.spoil("eth_getLogs", faults.DRIPS, times=1)

        with pytest.raises(errors.RpcUnreachable, match="deadline"):
            own.read()
        own.read()

    assert states(sessions) == ["seen"]


@pytest.mark.parametrize("method", ["eth_chainId", "eth_getBlockByNumber", "eth_getLogs"])
def test_a_node_that_goes_away_before_any_kind_of_call_is_asked_again(
    net: Devnet, first: FaultProxy, sessions: Sessions, method: str
) -> None:
    with watching(sessions, first.url) as own:
        pay(net)
        first.spoil(method, faults.BROKEN_ANSWERS["reset"], times=1)

        # A connection that had served before is opened anew at once, so the pass may not even notice.
        try:
            own.read()
        except errors.RpcUnreachable:
            own.read()

    assert states(sessions) == ["seen"]


@pytest.mark.parametrize("fault", faults.HARMLESS_ROWS)
def test_rows_that_were_not_asked_for_change_nothing(
    net: Devnet, first: FaultProxy, sessions: Sessions, fault: str
) -> None:
    with watching(sessions, first.url) as own:
        pay(net, 1)
        pay(net, 2)
        first.spoil("eth_getLogs", faults.HARMLESS_ROWS[fault])

        report = own.read()

    assert report is not None
    assert (report.outcome, report.new) == (Outcome.KEPT, 2)
    assert states(sessions) == ["seen", "seen"]


def test_an_empty_answer_is_doubted_where_the_blocks_bloom_names_our_address(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        own.read()
        pay(net)
        first.spoil("eth_getLogs", faults.EMPTY, times=1)

        with pytest.raises(errors.NodeLags, match="left transfers in block 22 out"):
            own.read()
        own.read()

    assert states(sessions) == ["seen"]


def test_a_block_whose_bloom_names_nothing_of_ours_is_not_asked_for_twice(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        net.mine(5)

        own.read()

    assert first.asked("eth_getLogs") == 1


def test_half_of_the_logs_are_completed_by_the_second_reading_at_finality(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, plan=UNDOUBTED) as own:
        for units in (1, 2, 3, 4):
            pay(net, units)
        first.spoil("eth_getLogs", faults.HALF, times=1)
        own.read()
        half = len(states(sessions))
        net.mine(10)
        own.read()

        watcher.audit(sessions, own.providers, own.watch, own.plan, now=NOON)
        alarmed = own.kinds()
        net.mine(10)
        own.read()
        watcher.audit(sessions, own.providers, own.watch, own.plan, now=NOON)

        assert (half, len(states(sessions))) == (2, 4)
        assert alarmed == {"audit_missing"}
        assert (own.kinds(), own.ended()) == (set(), ["audit_missing"])


def test_the_second_reading_goes_through_another_node(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url, plan=UNDOUBTED) as own:
        pay(net)
        first.spoil("eth_getLogs", faults.EMPTY)
        net.mine(20)
        own.read()
        missed = states(sessions)

        watcher.audit(sessions, own.providers, own.watch, own.plan, now=NOON)

        assert (missed, states(sessions)) == ([], ["seen"])
        assert own.kinds() == {"audit_missing"}


def test_a_node_behind_a_load_balancer_that_lags_loses_nothing(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        own.read()
        pay(net)
        first.spoil("eth_getLogs", faults.lagging(10), times=1)

        with pytest.raises(errors.NodeLags):
            own.read()
        own.read()

    assert states(sessions) == ["seen"]


def test_another_chain_behind_the_same_name_is_refused_at_start_and_after_a_reconnect(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    first.spoil("eth_chainId", faults.WRONG_CHAIN, times=1)
    with watching(sessions, first.url) as own:
        with pytest.raises(errors.WrongChain):
            own.providers.check_chains()
        own.read()
        pay(net)
        before = own.cursor()
        own.providers.close()
        first.spoil("eth_chainId", faults.WRONG_CHAIN)
        with pytest.raises(errors.WrongChain):
            own.read()
        alarmed = own.alarms()
        unchanged = own.cursor()
        first.heal()
        own.read()

        assert unchanged == before
        assert alarmed == [("wrong_chain", origin(first))]
        assert own.alarms() == []
    assert states(sessions) == ["seen"]


def test_one_node_that_fails_is_replaced_by_the_next_within_the_same_pass(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url, plan=ONE_IS_ENOUGH) as own:
        pay(net)
        first.refuse()

        report = own.read()

        assert report is not None
        assert (report.outcome, report.new) == (Outcome.KEPT, 1)
        assert own.providers.in_order()[0].origin == origin(second)


def test_a_node_that_fails_again_and_again_is_an_alarm_until_it_answers(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url, plan=ONE_IS_ENOUGH) as own:
        first.refuse()
        for _ in range(3):
            own.read()
        alarmed = own.alarms()
        first.heal()

        own.read()

        assert alarmed == [("node_failing", origin(first))]
        assert (own.alarms(), own.ended()) == ([], ["node_failing"])


def test_a_key_that_is_no_longer_good_is_a_failing_node(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        own.read()
        first.spoil("*", faults.BROKEN_ANSWERS["401"])

        for _ in range(3):
            with pytest.raises(errors.RpcRefused):
                own.read()

        assert own.alarms() == [("node_failing", origin(first))]


def test_with_two_nodes_nothing_counts_until_both_have_it(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url) as own:
        pay(net)
        net.mine(10)
        second.spoil("*", faults.frozen(22))
        own.read()
        waiting = states(sessions)
        second.heal()

        own.read()

        assert (waiting, states(sessions)) == (["seen"], ["final"])


@pytest.mark.parametrize(("agreement", "expected"), [(2, "seen"), (1, "final")])
def test_whether_one_node_is_enough_while_the_other_is_down_is_a_setting(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions, agreement: int, expected: str
) -> None:
    with watching(sessions, first.url, second.url, plan=replace(PLAN, agreement=agreement)) as own:
        pay(net)
        net.mine(10)
        second.refuse()

        report = own.read()
        alarmed = own.kinds()
        second.heal()
        own.read()

        assert report is not None
        assert (report.outcome, report.too_few_nodes) == (Outcome.KEPT, agreement == 2)
        assert alarmed == ({"too_few_nodes"} if agreement == 2 else set())
        assert own.kinds() == set()
    assert report.new == 1
    assert states(sessions) == ["final"]


@pytest.mark.parametrize("agreement", [1, 2])
def test_two_nodes_that_tell_different_chains_grant_nothing_and_alarm_until_they_agree(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions, agreement: int
) -> None:
    with watching(sessions, first.url, second.url, plan=replace(PLAN, agreement=agreement)) as own:
        own.read()
        pay(net)
        net.mine(10)
        before = own.cursor()
        second.spoil("*", faults.forked(21))

        report = own.read()
        unchanged, alarmed = own.cursor(), own.kinds()
        second.heal()
        own.read()

        assert report is not None
        assert (report.outcome, unchanged) == (Outcome.NODES_DISAGREE, before)
        assert alarmed == {"nodes_disagree"}
        assert own.kinds() == set()
    assert states(sessions) == ["final"]


def test_a_node_on_a_wrong_fork_cannot_freeze_the_watcher_against_another_nodes_word(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url) as own:
        pay(net)
        net.mine(10)
        own.read()
        first.spoil("*", faults.forked(5))

        report = own.read()

        assert report is not None
        assert report.outcome is Outcome.NODES_DISAGREE
        assert own.cursor().deeper_than_final_at is None


def test_a_node_without_the_tag_says_nothing_of_depth(
    net: Devnet, first: FaultProxy, second: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url, second.url) as own:
        pay(net)
        net.mine(10)
        second.spoil("*", faults.tag("safe", None))

        report = own.read()

        assert report is not None
        assert report.too_few_nodes
        assert states(sessions) == ["seen"]


def test_a_block_that_every_node_refuses_stops_the_watcher_and_alarms_until_one_takes_it(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        pay(net)
        first.spoil("eth_getLogs", faults.refuses("block range is too wide", code=-32600))
        with pytest.raises(errors.RangeRefused):
            own.read()
        alarmed = own.kinds()
        first.heal()

        own.read()

        assert (alarmed, own.kinds()) == ({"block_refused"}, set())
    assert states(sessions) == ["seen"]


def test_a_final_block_that_changes_freezes_alarms_and_tells_once_and_a_restart_ends_it(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        pay(net)
        net.mine(10)
        own.read()
        net.reorg(12)
        net.mine(2)

        outcomes = {report.outcome for report in (own.read(), own.read()) if report}
        alarmed = own.kinds()
        lost = scanner.restart(sessions, own.providers.nodes[0], from_block=20, now=NOON)
        after = own.read()

        assert outcomes == {Outcome.DEEPER_THAN_FINAL}
        assert alarmed == {"deeper_than_final"}
        assert len(own.watch.stopped) == 1
        assert [each.address for each in lost] == [SHOP]
        assert after is not None
        assert (after.outcome, own.kinds()) == (Outcome.KEPT, set())
    assert states(sessions) == ["final"]


def test_a_pause_that_a_provider_asks_for_is_kept(net: Devnet, first: FaultProxy, sessions: Sessions) -> None:
    clock = Clock()
    with watching(sessions, first.url, clock=clock) as own:
        first.spoil("*", faults.BROKEN_ANSWERS["429 with a pause"], times=1)
        with pytest.raises(errors.RateLimited):
            own.read()
        asked = len(first.questions)
        clock.seconds = 6.9
        with pytest.raises(errors.RpcUnreachable, match="rests"):
            own.read()
        during = len(first.questions)
        clock.seconds = 7.1

        report = own.read()

    assert during == asked
    assert report is not None
    assert report.outcome is Outcome.KEPT


def test_a_node_that_fails_twice_rests_ever_longer_and_never_for_long(net: Devnet) -> None:
    clock = Clock()
    rests = []
    with fault_proxy.before(net.rpc_url) as proxy, Rpc(proxy.url, expect_chain_id=CHAIN_ID) as rpc:
        proxy.refuse()
        node = Provider(rpc, clock=clock)
        for _ in range(8):
            with pytest.raises(errors.RpcUnreachable):
                node.call("eth_blockNumber", [], answer=TEXT)
            began_at = clock.seconds
            while node.resting:
                clock.seconds += 0.5
            rests.append(clock.seconds - began_at)

    assert rests == [0, 1, 2, 4, 8, 15, 15, 15]


def test_a_head_that_stands_still_is_an_alarm_until_blocks_come_again(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        own.read()
        head_time = own.cursor().head_time
        halted = head_time + timedelta(hours=2)
        own.read(halted)
        with sessions() as session:
            watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=halted)
        alarmed = own.kinds()
        net.call("evm_setNextBlockTimestamp", int(halted.timestamp()))
        pay(net)
        own.read(halted)
        with sessions() as session:
            watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=halted)

        assert (alarmed, own.kinds()) == ({"head_age"}, set())
    assert states(sessions) == ["seen"]


def test_a_watcher_that_does_not_run_is_an_alarm_until_it_does(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    with watching(sessions, first.url) as own:
        with sessions() as session:
            watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=NOON)
        never_read = own.kinds()
        now = NOON
        own.read()
        head_time = own.cursor().head_time
        for now in (head_time, head_time + timedelta(seconds=121)):
            own.read(head_time)
            with sessions() as session:
                watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=now)
        dead = own.kinds()
        own.read(now)
        with sessions() as session:
            watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=now)

        assert (never_read, dead) == ({"cursor_age"}, {"cursor_age"})
        assert own.ended() == ["cursor_age", "cursor_age"]


def test_catching_up_from_far_behind_is_an_alarm_of_the_cursor(
    net: Devnet, first: FaultProxy, sessions: Sessions
) -> None:
    limits = Limits(pass_blocks=10, start_margin_blocks=500)
    net.call("anvil_mine", hex(200), "0x2")
    with watching(sessions, first.url, plan=replace(PLAN, limits=limits)) as own:
        own.read()
        with sessions() as session:
            watcher.check_ages(session, own.plan, chain_id=CHAIN_ID, now=own.cursor().head_time)

        assert "cursor_age" in own.kinds()


def test_an_alarm_is_one_row_while_it_lasts_and_another_when_it_comes_back(sessions: Sessions) -> None:
    def ring(minute: int) -> bool:
        with sessions() as session:
            return alarms.ring(
                session,
                Kind.HEAD_AGE,
                f"minute {minute}",
                chain_id=CHAIN_ID,
                now=NOON + timedelta(minutes=minute),
            )

    news = [ring(0), ring(1)]
    with sessions() as session:
        alarms.calm(session, Kind.HEAD_AGE, chain_id=CHAIN_ID, now=NOON + timedelta(minutes=2))
    news.append(ring(3))
    with sessions() as session:
        newest, oldest = alarms.history(session, chain_id=CHAIN_ID)

    assert news == [True, False, True]
    assert (oldest.opened_at, oldest.last_seen_at) == (NOON, NOON + timedelta(minutes=1))
    assert (oldest.closed_at, oldest.detail) == (NOON + timedelta(minutes=2), "minute 1")
    assert newest.closed_at is None
