"""Deposits found, followed through every change of the chain, and never counted twice."""

import json
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, text
from web3 import Web3

from ledger.database import Sessions
from ledger.money import USDC, Amount
from rails.chain import deposits, errors, scanner
from rails.chain.models import ChainCursor, Deposit
from rails.chain.rpc import Rpc
from rails.chain.scanner import Limits, Outcome
from sandbox.devnet import TOKEN, Devnet
from sandbox.wallet import Wallet
from tests.chain.fakes import (
    CHAIN_ID,
    NOON,
    OTHER_SHOP,
    PAYER,
    SHOP,
    STRANGER,
    MeddledRpc,
    Watched,
    scan,
    states,
)

FIVE_DOLLARS = 5_000_000


def pay(net: Devnet, units: int = FIVE_DOLLARS, *, to: str = SHOP) -> str:
    """Send USDC in a block of its own; the transaction's hash."""
    net.mint(PAYER, units)
    net.mine()
    sent = net.transfer(PAYER, to, units)
    net.mine()
    return sent


def view(sessions: Sessions, address: str = SHOP) -> tuple[deposits.DepositView, ...]:
    with sessions() as session:
        return deposits.at_address(session, address=address, token=TOKEN)


def watcher(sessions: Sessions) -> deposits.WatcherState:
    with sessions() as session:
        state = deposits.watcher_state(session, chain_id=CHAIN_ID)
    assert state is not None
    return state


def everything(sessions: Sessions) -> list[object]:
    """Both tables, whole."""
    with sessions() as session:
        rows = [row.model_dump() for row in session.exec(select(ChainCursor))]
        rows += [row.model_dump() for row in session.exec(select(Deposit).order_by(col(Deposit.block_hash)))]
    return list(rows)


def test_an_exact_deposit_is_seen_then_confirmed_then_final(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    sent = pay(net)

    reports = [scan(sessions, rpc, watch)]
    (seen,) = view(sessions)
    net.mine(4)
    reports.append(scan(sessions, rpc, watch))
    (confirmed,) = view(sessions)
    net.mine(4)
    reports.append(scan(sessions, rpc, watch))
    (final,) = view(sessions)

    assert [seen.state, confirmed.state, final.state] == ["seen", "confirmed", "final"]
    assert [(each.new, each.confirmed, each.final) for each in reports] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert (seen.confirmations, seen.confirmations_needed) == (1, 5)
    assert (confirmed.confirmations, confirmed.confirmed_at, confirmed.final_at) == (5, NOON, None)
    assert final.amount == Amount(FIVE_DOLLARS, USDC)
    assert (final.tx_hash, final.sender, final.block_hash) == (sent, PAYER, net.block_hash(22))
    assert (final.confirmed_at, final.final_at, final.orphaned_at) == (NOON, NOON, None)
    assert watch.told == [SHOP, SHOP, SHOP]


def test_a_second_pass_over_the_same_chain_changes_and_tells_nothing(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    scan(sessions, rpc, watch)

    again = scan(sessions, rpc, watch)

    assert (again.outcome, again.new, again.behind) == (Outcome.KEPT, 0, 0)
    assert states(sessions) == ["seen"]
    assert watch.told == [SHOP]


@pytest.mark.parametrize("chunk_blocks", [1, 2, 3, 500])
def test_no_block_lies_between_two_passes_or_two_calls(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, chunk_blocks: int
) -> None:
    limits = Limits(chunk_blocks=chunk_blocks)
    scan(sessions, rpc, watch, limits=limits)
    for units in range(1, 8):
        net.mint(SHOP, units)
        net.mine()

    scan(sessions, rpc, watch, limits=limits)
    net.mint(SHOP, 8)
    net.mine()
    scan(sessions, rpc, watch, limits=limits)

    assert [each.amount.units for each in view(sessions)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_two_transfers_in_a_block_are_two_deposits(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mint(PAYER, 3 * FIVE_DOLLARS)
    net.mine()
    net.transfer(PAYER, SHOP, FIVE_DOLLARS)
    net.transfer(PAYER, SHOP, FIVE_DOLLARS)
    net.transfer(PAYER, OTHER_SHOP, FIVE_DOLLARS)
    net.mine()

    report = scan(sessions, rpc, watch)

    assert report.new == 3
    assert len({(each.block_number, each.amount) for each in view(sessions)}) == 1
    assert states(sessions) == ["seen", "seen"]
    assert states(sessions, OTHER_SHOP) == ["seen"]
    assert watch.told == [SHOP, OTHER_SHOP]


@pytest.mark.parametrize("units", [0, 1, 2**63, 2**200])
def test_every_amount_a_token_can_carry_is_kept_exactly(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, units: int
) -> None:
    pay(net, units)

    scan(sessions, rpc, watch)

    assert [each.amount for each in view(sessions)] == [Amount(units, USDC)]


def test_a_mint_and_a_transfer_to_oneself_are_deposits(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mint(SHOP, 7)
    net.mine()
    net.transfer(SHOP, SHOP, 7)
    net.mine()

    scan(sessions, rpc, watch)

    assert [each.sender for each in view(sessions)] == ["0x" + "00" * 20, SHOP]


def test_another_token_of_the_same_make_is_not_a_deposit(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    look_alike = "0xd9aAEc86B65D86f6A7B5B1b0c42FFA531710b6CA"
    net.call("anvil_setCode", look_alike, net.call("eth_getCode", TOKEN, "latest"))
    mint_to_shop = "0x40c10f19" + SHOP[2:].rjust(64, "0") + f"{FIVE_DOLLARS:064x}"
    net.send(PAYER, look_alike, mint_to_shop)
    net.mine()

    scan(sessions, rpc, watch)

    assert net.call("eth_getLogs", {"address": look_alike, "fromBlock": "0x0"}) != []
    assert view(sessions) == ()


def test_a_payment_to_an_address_nobody_watches_is_not_kept(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net, to=STRANGER)

    report = scan(sessions, rpc, watch)

    assert (report.new, report.skipped) == (0, 0)
    assert everything(sessions)[1:] == []


def test_nobody_to_watch_means_no_call_for_logs(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = set()
    pay(net)

    report = scan(sessions, meddled, watch)

    assert meddled.log_calls() == 0
    assert (report.outcome, report.to_block) == (Outcome.KEPT, net.head())


def test_a_thousand_addresses_are_split_over_calls_and_none_is_lost(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = {f"0x{number:040x}" for number in range(1, 1_002)}
    first, last = min(watch.listed), max(watch.listed)
    pay(net, to=first)
    pay(net, to=last)

    scan(sessions, meddled, watch)

    assert meddled.log_calls() == 3
    assert states(sessions, first) == states(sessions, last) == ["seen"]


def test_beyond_five_thousand_addresses_all_transfers_are_read_once_and_filtered_here(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = {f"0x{number:040x}" for number in range(1, 5_002)}
    last = max(watch.listed)
    pay(net, to=last)
    pay(net, to=STRANGER)

    report = scan(sessions, meddled, watch)

    assert meddled.log_calls() == 1
    assert states(sessions, last) == ["seen"]
    assert (report.new, report.skipped) == (1, 3)


def test_a_deposit_whose_block_is_reorganised_away_is_orphaned_and_told(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    scan(sessions, rpc, watch)
    net.reorg(1)

    report = scan(sessions, rpc, watch)

    assert (report.rewound, report.orphaned) == (True, 1)
    (gone,) = view(sessions)
    assert (gone.state, gone.confirmations, gone.orphaned_at) == ("orphaned", 0, NOON)
    assert watch.told == [SHOP, SHOP]


def test_a_transaction_that_is_included_again_elsewhere_is_one_new_row(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    wallet = Wallet.create(net.rpc_url)
    sent = wallet.submit_usdc(Web3.to_checksum_address(SHOP), FIVE_DOLLARS)
    signed = net.call("eth_getRawTransactionByHash", sent)
    net.mine()
    scan(sessions, rpc, watch)
    net.reorg(1)
    scan(sessions, rpc, watch)
    net.mine(2)
    net.call("eth_sendRawTransaction", signed)
    net.mine(9)

    scan(sessions, rpc, watch)
    scan(sessions, rpc, watch)

    assert [each.state for each in view(sessions)] == ["orphaned", "final"]
    assert {each.tx_hash for each in view(sessions)} == {sent}


def test_a_reorg_that_moves_the_transfer_within_one_pass_orphans_the_old_row_and_keeps_the_new(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    net.mine()
    scan(sessions, rpc, watch)
    call = {"from": PAYER, "to": TOKEN, "data": transfer_data(SHOP, FIVE_DOLLARS), "gas": "0x30d40"}
    net.reorg(2, [(call, 1)])

    report = scan(sessions, rpc, watch)

    assert (report.new, report.orphaned) == (1, 1)
    assert states(sessions) == ["orphaned", "seen"]


def transfer_data(to: str, units: int) -> str:
    return "0xa9059cbb" + to[2:].rjust(64, "0") + f"{units:064x}"


def test_a_block_that_comes_back_revives_its_deposit(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    scan(sessions, meddled, watch)

    def node_on_another_branch(method: str, parameters: Sequence[object]) -> bytes | None:
        if method == "eth_getLogs":
            return b"[]"
        block = str(parameters[0])
        number = net.head() if block == "latest" else 0 if block in ("safe", "finalized") else int(block, 16)
        header = {"number": hex(number), "hash": f"0x{number:064x}", "timestamp": "0x6a000000"}
        return json.dumps(header).encode() if number > 20 else None

    meddled.before = node_on_another_branch
    scan(sessions, meddled, watch)
    orphaned = states(sessions)
    meddled.before = lambda *_: None
    report = scan(sessions, meddled, watch)

    assert orphaned == ["orphaned"]
    assert (report.rewound, report.revived, report.new) == (True, 1, 0)
    assert states(sessions) == ["seen"]
    assert view(sessions)[0].orphaned_at is None


def test_a_reorg_while_the_watcher_was_down_is_noticed_by_the_next_pass(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mine(10)
    pay(net, 1)
    pay(net, 2)
    scan(sessions, rpc, watch)
    net.reorg(7)
    net.mine(3)
    pay(net, 3)
    net.mine(2)

    scan(sessions, rpc, watch)

    amounts = {(each.amount.units, each.state) for each in view(sessions)}
    assert amounts == {(1, "orphaned"), (2, "orphaned"), (3, "seen")}


def test_a_confirmed_deposit_can_still_be_orphaned_above_the_final_block(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mine(10)
    pay(net)
    net.mine(4)
    scan(sessions, rpc, watch)
    confirmed = states(sessions)
    net.reorg(6)

    report = scan(sessions, rpc, watch)

    assert confirmed == ["confirmed"]
    assert (report.outcome, states(sessions)) == (Outcome.KEPT, ["orphaned"])


def test_a_change_below_the_final_block_stops_everything_until_a_person_decides(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    net.mine(10)
    scan(sessions, rpc, watch)
    net.reorg(12)
    net.mine(2)

    reports = [scan(sessions, rpc, watch), scan(sessions, rpc, watch)]
    stopped = watcher(sessions)
    scanner.restart(sessions, rpc, from_block=20, now=NOON)
    after = scan(sessions, rpc, watch)

    assert {report.outcome for report in reports} == {Outcome.DEEPER_THAN_FINAL}
    assert stopped.deeper_than_final_at == NOON
    assert states(sessions) == ["final"]
    assert (after.outcome, after.from_block) == (Outcome.KEPT, 21)
    assert watcher(sessions).deeper_than_final_at is None


def test_a_final_block_ahead_of_the_cursor_that_changes_stops_everything(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mine(80)
    limits = Limits(pass_blocks=10, start_margin_blocks=80)
    scan(sessions, rpc, watch, limits=limits)
    net.reorg(20)

    report = scan(sessions, rpc, watch, limits=limits)

    assert (watcher(sessions).block_number, watcher(sessions).finalized_number) == (30, 92)
    assert report.outcome is Outcome.DEEPER_THAN_FINAL


def test_a_change_below_the_final_block_is_noticed_while_catching_up_too(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    net.mine(80)
    limits = Limits(pass_blocks=10, start_margin_blocks=80)
    scan(sessions, meddled, watch, limits=limits)
    header = {"number": "0x1e", "hash": "0x" + "0b" * 32, "timestamp": "0x6a000000"}
    other = json.dumps(header).encode()
    meddled.before = lambda _, parameters: other if parameters[0] == "0x1e" else None

    report = scan(sessions, meddled, watch, limits=limits)

    assert (watcher(sessions).block_number, watcher(sessions).finalized_number) == (30, 92)
    assert report.outcome is Outcome.DEEPER_THAN_FINAL


def test_a_node_behind_the_cursor_is_waited_for(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    scan(sessions, rpc, watch)
    before = everything(sessions)
    net.rollback(1)

    with pytest.raises(errors.NodeLags):
        scan(sessions, rpc, watch)
    unchanged = everything(sessions)
    net.mine(3)
    scan(sessions, rpc, watch)

    assert unchanged == before
    assert states(sessions) == ["orphaned"]


def test_the_cursor_moves_only_together_with_the_rows(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    scan(sessions, rpc, watch)
    before = everything(sessions)
    pay(net)
    watch.broken = True

    with pytest.raises(RuntimeError, match="the story broke"):
        scan(sessions, rpc, watch)
    after_the_failure = everything(sessions)
    watch.broken = False
    scan(sessions, rpc, watch)

    assert after_the_failure == before
    assert states(sessions) == ["seen"]


def test_the_heads_are_read_before_the_list_of_addresses(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    scan(sessions, meddled, watch)
    watch.listed = set()

    def address_is_made_and_paid_while_the_pass_runs(method: str, _: Sequence[object]) -> None:
        if method == "eth_getBlockByNumber" and not watch.listed:
            watch.listed = {SHOP}
            pay(net)

    meddled.before = address_is_made_and_paid_while_the_pass_runs
    scan(sessions, meddled, watch)
    meddled.before = lambda *_: None
    scan(sessions, meddled, watch)

    assert states(sessions) == ["seen"]


@pytest.mark.parametrize("first_pass", [True, False])
def test_of_two_passes_at_once_one_is_kept_and_the_other_writes_nothing(
    net: Devnet, rpc: Rpc, meddled: MeddledRpc, sessions: Sessions, watch: Watched, first_pass: bool
) -> None:
    if not first_pass:
        scan(sessions, rpc, watch)
    pay(net)
    rival: list[Outcome] = []

    def rival_runs_in_between(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs" and not rival:
            rival.append(scan(sessions, rpc, watch).outcome)

    meddled.before = rival_runs_in_between
    overtaken = scan(sessions, meddled, watch)

    assert rival == [Outcome.KEPT]
    assert overtaken.outcome is Outcome.OVERTAKEN
    assert states(sessions) == ["seen"]
    assert watch.told == [SHOP]


def test_many_watchers_in_threads_keep_each_deposit_once(net: Devnet, sessions: Sessions) -> None:
    told = Watched()
    outcomes: list[Outcome] = []

    def watch_for_a_while() -> None:
        with Rpc(net.rpc_url, expect_chain_id=CHAIN_ID) as own:
            outcomes.extend(scan(sessions, own, told).outcome for _ in range(6))

    threads = [threading.Thread(target=watch_for_a_while) for _ in range(4)]
    for thread in threads:
        thread.start()
    for units in range(1, 7):
        pay(net, units)
    for thread in threads:
        thread.join()
    with Rpc(net.rpc_url, expect_chain_id=CHAIN_ID) as own:
        scan(sessions, own, told)

    assert [each.amount.units for each in view(sessions)] == [1, 2, 3, 4, 5, 6]
    assert set(outcomes) <= {Outcome.KEPT, Outcome.OVERTAKEN}
    assert len(outcomes) == 24


CALLS_OF_A_PASS = 8


@pytest.mark.parametrize("step", range(CALLS_OF_A_PASS))
def test_a_reorg_before_any_call_of_a_pass_neither_loses_nor_invents_a_deposit(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched, step: int
) -> None:
    net.mine(10)
    pay(net, 1)
    scan(sessions, meddled, watch)
    pay(net, 2)
    meddled.calls.clear()

    def reorganise_at_the_step(*_: object) -> None:
        if len(meddled.calls) == step + 1:
            net.reorg(5)
            net.transfer(PAYER, SHOP, 0)
            net.mine(2)

    meddled.before = reorganise_at_the_step
    scan(sessions, meddled, watch)
    meddled.before = lambda *_: None
    scan(sessions, meddled, watch)
    net.mine(9)
    scan(sessions, meddled, watch)

    found = [(each.amount.units, each.state) for each in view(sessions) if each.state != "orphaned"]
    assert found == [(0, "final")]


def test_rows_of_a_block_that_was_replaced_between_two_calls_are_discarded(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)

    def reorganise_after_the_logs(method: str, _: Sequence[object]) -> None:
        if method == "eth_getBlockByNumber" and meddled.log_calls() == 1:
            meddled.before = lambda *_: None
            net.reorg(3)

    meddled.before = reorganise_after_the_logs
    report = scan(sessions, meddled, watch)

    assert report.outcome is Outcome.HEAD_MOVED
    assert everything(sessions) == []
    assert watch.told == []


def test_a_pass_whose_last_block_was_replaced_meanwhile_is_discarded_even_without_rows(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    def reorganise_before_the_logs(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs":
            net.reorg(1)

    meddled.before = reorganise_before_the_logs
    report = scan(sessions, meddled, watch)

    assert report.outcome is Outcome.HEAD_MOVED
    assert everything(sessions) == []


def test_a_row_of_a_block_that_is_not_on_the_chain_is_discarded_with_its_pass(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    logs = net.call("eth_getLogs", {"fromBlock": "0x16", "toBlock": "0x16"})
    elsewhere = json.dumps(logs).replace(net.block_hash(22), "0x" + "0b" * 32).encode()
    meddled.before = lambda method, _: elsewhere if method == "eth_getLogs" else None

    report = scan(sessions, meddled, watch)

    assert report.outcome is Outcome.HEAD_MOVED
    assert everything(sessions) == []


@pytest.mark.parametrize(("depth", "expected"), [("latest+1", "confirmed"), ("latest+3", "seen")])
def test_a_depth_of_confirmations_counts_the_payments_own_block(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, depth: str, expected: str
) -> None:
    pay(net)
    net.mine()

    scan(sessions, rpc, watch, depth=depth)

    (deposit,) = view(sessions)
    assert (deposit.state, deposit.confirmations) == (expected, 2)
    assert deposit.confirmations_needed == int(depth.removeprefix("latest+"))


def test_under_the_policy_finalized_a_deposit_is_confirmed_and_final_at_once(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    net.mine(7)
    scan(sessions, rpc, watch, depth="finalized")
    waiting = states(sessions)
    net.mine()

    scan(sessions, rpc, watch, depth="finalized")

    assert (waiting, states(sessions)) == (["seen"], ["final"])


def test_the_final_block_is_remembered_as_it_moves_and_while_the_node_forgets_it(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    scan(sessions, meddled, watch)
    net.mine(5)
    scan(sessions, meddled, watch)
    moved = watcher(sessions).finalized_number
    meddled.before = lambda _, parameters: b"null" if parameters[0] == "finalized" else None

    scan(sessions, meddled, watch)

    assert (moved, watcher(sessions).finalized_number) == (17, 17)


@pytest.mark.parametrize("absence", ["null", "refusal"])
def test_a_node_that_knows_no_safe_block_confirms_nothing_and_the_pass_says_so(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched, absence: str
) -> None:
    pay(net)
    net.mine(20)

    def without_tags(method: str, parameters: Sequence[object]) -> bytes | None:
        if method != "eth_getBlockByNumber" or parameters[0] not in ("safe", "finalized"):
            return None
        if absence == "refusal":
            raise errors.RpcRefused("safe block not found")
        return b"null"

    meddled.before = without_tags
    report = scan(sessions, meddled, watch)

    assert (report.outcome, report.depth_unknown) == (Outcome.KEPT, True)
    (deposit,) = view(sessions)
    assert (deposit.state, deposit.confirmations_needed) == ("seen", None)
    assert watcher(sessions).confirmed_number is None


def test_a_long_catch_up_commits_on_the_way_and_says_how_far_it_is_behind(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    limits = Limits(chunk_blocks=7, pass_blocks=20, start_margin_blocks=1_000)
    pay(net)
    net.mine(48)
    pay(net)

    reports = [scan(sessions, rpc, watch, limits=limits) for _ in range(4)]

    assert [report.behind for report in reports] == [52, 32, 12, 0]
    assert [report.new for report in reports] == [0, 1, 0, 1]
    assert watcher(sessions).behind == 0


def test_the_first_pass_starts_a_margin_behind_the_head(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    net.mine(10)

    report = scan(sessions, rpc, watch, limits=Limits(start_margin_blocks=5))

    assert (report.from_block, report.to_block, report.new) == (28, 32, 0)


def test_a_range_that_is_refused_is_halved_until_it_is_taken(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    for units in range(1, 6):
        pay(net, units)
        net.mine(3)

    def at_most_three_blocks(method: str, parameters: Sequence[object]) -> None:
        if method == "eth_getLogs" and blocks_asked(parameters) > 3:
            raise errors.RangeTooLarge("block range too large, try [0x0, 0x1]")

    meddled.before = at_most_three_blocks
    scan(sessions, meddled, watch)

    assert [each.amount.units for each in view(sessions)] == [1, 2, 3, 4, 5]


def blocks_asked(parameters: Sequence[object]) -> int:
    query = parameters[0]
    assert isinstance(query, dict)
    return int(query["toBlock"], 16) - int(query["fromBlock"], 16) + 1


def test_a_single_block_that_is_refused_stops_the_pass_and_is_not_skipped(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)

    def never(method: str, _: Sequence[object]) -> None:
        if method == "eth_getLogs":
            raise errors.RangeTooLarge("block range is too wide")

    meddled.before = never

    with pytest.raises(errors.RangeRefused):
        scan(sessions, meddled, watch)
    assert everything(sessions) == []


def test_a_filter_that_is_refused_is_halved_until_it_is_taken(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = {f"0x{number:040x}" for number in range(1, 41)}
    for address in sorted(watch.listed)[::13]:
        pay(net, to=address)

    def at_most_ten(method: str, parameters: Sequence[object]) -> None:
        if method == "eth_getLogs" and addresses_asked(parameters) > 10:
            raise errors.TooManyAddresses("exceed max addresses or topics per search position")

    meddled.before = at_most_ten
    report = scan(sessions, meddled, watch)

    assert report.new == 4


def addresses_asked(parameters: Sequence[object]) -> int:
    query = parameters[0]
    assert isinstance(query, dict)
    return len(query["topics"][2])


def test_a_range_read_again_adds_what_was_missed_and_nothing_else(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = {SHOP}
    pay(net)
    pay(net, to=OTHER_SHOP)
    scan(sessions, rpc, watch)
    watch.listed = {SHOP, OTHER_SHOP}

    first, second = (
        scanner.rescan(sessions, rpc, watch, token=TOKEN, from_block=0, to_block=10_000, now=NOON)
        for _ in range(2)
    )

    assert (first.rows, first.new, first.to_block) == (2, 1, net.head())
    assert (second.rows, second.new) == (2, 0)
    assert states(sessions, OTHER_SHOP) == ["seen"]
    assert watch.told == [SHOP, OTHER_SHOP]


def test_a_deposit_found_by_reading_again_is_promoted_by_the_next_pass(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    watch.listed = set()
    pay(net)
    net.mine(20)
    scan(sessions, rpc, watch)
    watch.listed = {SHOP}
    scanner.rescan(sessions, rpc, watch, token=TOKEN, from_block=20, to_block=30, now=NOON)

    scan(sessions, rpc, watch)

    assert states(sessions) == ["final"]


def test_reading_again_before_the_first_pass_is_refused(rpc: Rpc, sessions: Sessions, watch: Watched) -> None:
    with pytest.raises(errors.NoSuchCursor):
        scanner.rescan(sessions, rpc, watch, token=TOKEN, from_block=0, to_block=9, now=NOON)


def test_the_audit_finds_what_a_lagging_node_left_out(
    net: Devnet, meddled: MeddledRpc, sessions: Sessions, watch: Watched
) -> None:
    pay(net)
    net.mine(20)
    meddled.before = lambda method, _: b"[]" if method == "eth_getLogs" else None
    missed = scan(sessions, meddled, watch)
    meddled.before = lambda *_: None

    found = scanner.audit(sessions, meddled, watch, token=TOKEN, now=NOON)
    again = scanner.audit(sessions, meddled, watch, token=TOKEN, now=NOON)

    assert missed.new == 0
    assert found is not None
    assert (found.new, found.to_block) == (1, watcher(sessions).finalized_number)
    assert again is None
    assert states(sessions) == ["seen"]


def test_the_watcher_says_how_far_it_read(net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched) -> None:
    with sessions() as session:
        never = deposits.watcher_state(session, chain_id=CHAIN_ID)
    pay(net)

    scan(sessions, rpc, watch)

    state = watcher(sessions)
    assert never is None
    assert (state.scanned_at, state.head_number, state.block_number) == (NOON, 22, 22)
    assert (state.confirmed_number, state.finalized_number, state.depth_policy) == (18, 14, "safe")
    assert state.block_time == state.head_time


@pytest.mark.parametrize("change", ["UPDATE deposit SET state = 'orphaned'", "DELETE FROM deposit"])
def test_the_database_does_not_let_go_of_a_final_deposit(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, change: str
) -> None:
    pay(net)
    net.mine(20)
    scan(sessions, rpc, watch)

    with pytest.raises(IntegrityError, match="a final deposit does not change"), sessions() as session:
        session.execute(text(change))
    assert states(sessions) == ["final"]
