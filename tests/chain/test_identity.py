"""Which transfers on a real chain are deposits: who sends them, how many, of what, and through what."""

import msgspec
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_typing import HexStr

from ledger.database import Sessions
from rails.chain import deposits
from rails.chain.rpc import Rpc
from rails.chain.transfers import topic
from sandbox.devnet import TOKEN, Devnet, bytecode
from sandbox.devnet.bytecode import APPROVAL, TRANSFER, word
from tests.chain import fault_proxy
from tests.chain.fakes import CHAIN_ID, NOON, OTHER_SHOP, PAYER, SHOP, STRANGER, Watched, scan, states
from tests.chain.test_scanner import pay, view
from tests.chain.watching import USDBC, watching

CONTRACT = "0x" + "c0" * 20
FIVE_DOLLARS = 5_000_000


def call(net: Devnet, sender: str, to: str, calldata: str, *, gas: int = 8_000_000) -> str:
    """Send a call that may need much gas, and mine it."""
    net.give_ether(sender)
    sent = net.call("eth_sendTransaction", {"from": sender, "to": to, "data": calldata, "gas": hex(gas)})
    net.mine()
    return str(sent)


def transfer(to: str, units: int) -> str:
    """The calldata of transfer(to, units)."""
    return "0xa9059cbb" + word(to) + f"{units:064x}"


def test_the_index_of_a_log_that_a_reorg_moves_does_not_make_a_second_deposit(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.mint(PAYER, 20)
    net.mine()
    first = {"from": PAYER, "to": TOKEN, "data": transfer(STRANGER, 1), "gas": "0x30d40"}
    paid = {"from": PAYER, "to": TOKEN, "data": transfer(SHOP, 7), "gas": "0x30d40"}
    net.give_ether(PAYER)
    net.call("eth_sendTransaction", paid)
    net.mine()
    scan(sessions, rpc, watch)
    net.reorg(1, [(first, 0), (paid, 0)])
    net.mine(9)

    scan(sessions, rpc, watch)

    assert [(each.log_index, each.state) for each in view(sessions)] == [(0, "orphaned"), (1, "final")]


def test_a_hundred_transfers_of_one_transaction_are_a_hundred_deposits(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.call("anvil_setCode", CONTRACT, bytecode.forwards(100))
    net.mint(CONTRACT, 100 * 3)
    net.mine()

    sent = call(net, PAYER, CONTRACT, transfer(SHOP, 3))
    report = scan(sessions, rpc, watch)

    assert report.new == 100
    assert {(each.tx_hash, each.amount.units) for each in view(sessions)} == {(sent, 3)}
    assert sum(each.amount.units for each in view(sessions)) == net.balance(SHOP)


def test_one_transaction_that_pays_two_addresses_is_a_deposit_to_each(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.call("anvil_setCode", CONTRACT, bytecode.calls(transfer(SHOP, 4), transfer(OTHER_SHOP, 6)))
    net.mint(CONTRACT, 10)
    net.mine()

    sent = call(net, PAYER, CONTRACT, "0x")
    scan(sessions, rpc, watch)

    assert [(each.tx_hash, each.amount.units) for each in view(sessions)] == [(sent, 4)]
    assert [(each.tx_hash, each.amount.units) for each in view(sessions, OTHER_SHOP)] == [(sent, 6)]


def test_the_payer_is_who_the_token_names_and_not_who_sent_the_transaction(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    relayer = "0x" + "e1" * 20
    net.mint(PAYER, 9)
    net.send(PAYER, TOKEN, "0x095ea7b3" + word(relayer) + f"{9:064x}")
    net.mine()

    call(net, relayer, TOKEN, "0x23b872dd" + word(PAYER) + word(SHOP) + f"{9:064x}")
    scan(sessions, rpc, watch)

    assert [(each.sender, each.amount.units) for each in view(sessions)] == [(PAYER, 9)]


def test_a_wallet_that_is_a_contract_pays_like_any_other(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.call("anvil_setCode", CONTRACT, bytecode.forwards())
    net.mint(CONTRACT, FIVE_DOLLARS)
    net.mine()

    call(net, STRANGER, CONTRACT, transfer(SHOP, FIVE_DOLLARS))
    scan(sessions, rpc, watch)

    assert [(each.sender, each.amount.units) for each in view(sessions)] == [(CONTRACT, FIVE_DOLLARS)]


NO_DEPOSITS = {
    "an ERC-721 transfer": bytecode.emits(TRANSFER, word(PAYER), word(SHOP), f"{1:064x}", size=0),
    "an approval": bytecode.emits(APPROVAL, word(PAYER), word(SHOP)),
    "no topics": bytecode.emits(),
    "another event to us": bytecode.emits("ab" * 32, word(PAYER), word(SHOP)),
}


@pytest.mark.parametrize("what", NO_DEPOSITS)
def test_other_logs_of_the_token_itself_are_no_deposits(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, what: str
) -> None:
    net.call("anvil_setCode", TOKEN, NO_DEPOSITS[what])

    call(net, PAYER, TOKEN, "0x")
    report = scan(sessions, rpc, watch)

    assert net.call("eth_getLogs", {"address": TOKEN, "fromBlock": "0x0"}) != []
    assert (report.new, view(sessions)) == (0, ())


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_a_transfer_of_a_fake_token_with_garbled_data_stops_nobody(
    net: Devnet, sessions: Sessions, size: int
) -> None:
    net.call("anvil_setCode", USDBC, bytecode.emits(TRANSFER, word(PAYER), word(SHOP), size=size))
    with watching(sessions, net.rpc_url) as own:
        call(net, PAYER, USDBC, "0x")
        pay(net, 8)

        own.read()

    assert [each.amount.units for each in view(sessions)] == [8]


def test_a_transfer_of_a_look_alike_is_kept_and_is_never_a_payment(net: Devnet, sessions: Sessions) -> None:
    net.call("anvil_setCode", USDBC, net.call("eth_getCode", TOKEN, "latest"))
    with watching(sessions, net.rpc_url) as own:
        net.send(PAYER, USDBC, "0x40c10f19" + word(SHOP) + f"{FIVE_DOLLARS:064x}")
        net.mine()
        own.read()
        seen = other_tokens(sessions)
        net.mine(8)
        own.read()

    assert view(sessions) == ()
    assert [(each.token, each.units, each.state) for each in seen] == [(USDBC, FIVE_DOLLARS, "seen")]
    assert [each.state for each in other_tokens(sessions)] == ["final"]
    assert own.watch.told == [SHOP, SHOP]


def other_tokens(sessions: Sessions) -> tuple[deposits.OtherToken, ...]:
    with sessions() as session:
        return deposits.of_other_tokens(session, address=SHOP, token=TOKEN)


def test_a_token_that_nobody_configured_is_not_kept_whatever_it_calls_itself(
    net: Devnet, sessions: Sessions
) -> None:
    net.call("anvil_setCode", CONTRACT, net.call("eth_getCode", TOKEN, "latest"))
    with watching(sessions, net.rpc_url) as own:
        net.send(PAYER, CONTRACT, "0x40c10f19" + word(SHOP) + f"{FIVE_DOLLARS:064x}")
        net.mine()

        own.read()

    assert (view(sessions), other_tokens(sessions)) == ((), ())


def test_a_transaction_that_failed_paid_nobody(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    failed = call(net, PAYER, TOKEN, transfer(SHOP, 10**12))

    scan(sessions, rpc, watch)

    receipt = net.call("eth_getTransactionReceipt", failed)
    assert isinstance(receipt, dict)
    assert (receipt["status"], view(sessions)) == ("0x0", ())


def test_ether_sent_to_an_address_of_ours_leaves_no_log_and_is_not_seen(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.give_ether(PAYER)
    net.call("eth_sendTransaction", {"from": PAYER, "to": SHOP, "value": hex(10**17)})
    net.mine()

    report = scan(sessions, rpc, watch)

    assert int(str(net.call("eth_getBalance", SHOP, "latest")), 16) == 10**17
    assert (report.new, view(sessions)) == (0, ())


def test_dust_is_kept_beside_the_payment(net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched) -> None:
    pay(net, 1)
    pay(net, FIVE_DOLLARS)
    pay(net, 0)

    scan(sessions, rpc, watch)

    assert [each.amount.units for each in view(sessions)] == [1, FIVE_DOLLARS, 0]


def test_the_time_of_a_deposit_is_its_blocks_and_not_ours(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched
) -> None:
    net.call("evm_setNextBlockTimestamp", int(NOON.timestamp()) + 900_000_000)
    pay(net)

    scan(sessions, rpc, watch, now=NOON)

    (deposit,) = view(sessions)
    block = net.call("eth_getBlockByNumber", hex(deposit.block_number), False)
    assert isinstance(block, dict)
    assert deposit.block_time.timestamp() == int(block["timestamp"], 16)
    assert (deposit.first_seen_at, deposit.block_time > NOON) == (NOON, True)


def signed(net: Devnet, account: LocalAccount, *, nonce: int, to: str, units: int) -> str:
    """A signed transfer, as a wallet would send it."""
    made = account.sign_transaction(
        {
            "to": HexStr(TOKEN),
            "data": HexStr(transfer(to, units)),
            "value": 0,
            "gas": 200_000,
            "gasPrice": 10**10,
            "nonce": nonce,
            "chainId": CHAIN_ID,
        }
    )
    return "0x" + made.raw_transaction.hex().removeprefix("0x")


@pytest.fixture
def account(net: Devnet) -> LocalAccount:
    account: LocalAccount = Account.create()
    net.give_ether(account.address)
    net.mint(account.address, 100)
    net.mine()
    return account


def test_a_payment_that_is_replaced_by_another_with_its_nonce_is_gone_and_the_other_counts(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, account: LocalAccount
) -> None:
    net.call("eth_sendRawTransaction", signed(net, account, nonce=1, to=SHOP, units=5))
    net.mine()
    scan(sessions, rpc, watch)
    net.reorg(1)
    net.call("eth_sendRawTransaction", signed(net, account, nonce=1, to=SHOP, units=3))
    net.mine(9)

    scan(sessions, rpc, watch)

    assert [(each.amount.units, each.state) for each in view(sessions)] == [(5, "orphaned"), (3, "final")]


def test_a_payment_that_vanishes_and_comes_back_twice_counts_once(
    net: Devnet, rpc: Rpc, sessions: Sessions, watch: Watched, account: LocalAccount
) -> None:
    payment = signed(net, account, nonce=1, to=SHOP, units=5)
    for blocks in (1, 2, 9):
        net.call("eth_sendRawTransaction", payment)
        net.mine(blocks)
        scan(sessions, rpc, watch)
        if blocks != 9:
            net.reorg(blocks)
            scan(sessions, rpc, watch)
    counted = [each for each in view(sessions) if each.state != "orphaned"]

    assert [(each.amount.units, each.state) for each in counted] == [(5, "final")]
    assert set(states(sessions)) == {"orphaned", "final"}


def test_only_blocks_by_number_or_hash_are_ever_asked_for_and_never_what_is_pending(
    net: Devnet, sessions: Sessions
) -> None:
    net.mint(PAYER, 9)
    net.mine()
    net.transfer(PAYER, SHOP, 9)
    with fault_proxy.before(net.rpc_url) as proxy, watching(sessions, proxy.url) as own:
        own.read()
        waiting = view(sessions)
        net.mine()
        own.read()

        said = msgspec.json.encode(proxy.questions).decode()
        methods = {each["method"] for each in proxy.questions}

    assert (waiting, len(view(sessions))) == ((), 1)
    assert methods <= {"eth_chainId", "eth_getBlockByNumber", "eth_getLogs"}
    assert "pending" not in said
    assert topic(SHOP) in said
