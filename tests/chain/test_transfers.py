"""What the decoder takes, what it leaves out, and what it refuses to overlook."""

import msgspec
import pytest

from rails.chain import transfers
from rails.chain.errors import BadAnswer
from rails.chain.transfers import Decoded
from tests.chain.fakes import OTHER_SHOP, PAYER, SHOP

TOKEN = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
BLOCK_HASH = "0x" + "b1" * 32
TX_HASH = "0x" + "7a" * 32
TOPICS = [transfers.TRANSFER_TOPIC, transfers.topic(PAYER), transfers.topic(SHOP)]


def row(**changes: object) -> dict[str, object]:
    """A transfer of 5 USDC to the shop in block 100, as a node tells it."""
    return {
        "address": TOKEN,
        "topics": TOPICS,
        "data": f"0x{5_000_000:064x}",
        "blockNumber": "0x64",
        "blockHash": BLOCK_HASH,
        "transactionHash": TX_HASH,
        "logIndex": "0x3",
        "removed": False,
    } | changes


def decode(*rows: dict[str, object]) -> Decoded:
    logs = transfers.LOGS.decode(msgspec.json.encode(rows))
    return transfers.decode(logs, token=TOKEN, from_block=90, to_block=110, recipients={SHOP, OTHER_SHOP})


def test_a_transfer_is_read_exactly() -> None:
    (transfer,) = decode(row()).transfers

    assert (transfer.block_number, transfer.block_hash, transfer.log_index) == (100, BLOCK_HASH, 3)
    assert (transfer.tx_hash, transfer.token) == (TX_HASH, TOKEN)
    assert (transfer.sender, transfer.recipient, transfer.units) == (PAYER, SHOP, 5_000_000)


def test_letters_of_any_case_are_read_as_lower_case() -> None:
    shouting = row(
        address=TOKEN.upper().replace("0X", "0x"),
        topics=[TOPICS[0], *(topic.upper().replace("0X", "0x") for topic in TOPICS[1:])],
        blockHash=BLOCK_HASH.upper().replace("0X", "0x"),
    )

    assert decode(shouting) == decode(row())


def test_the_largest_value_a_token_can_carry_is_read_exactly() -> None:
    (transfer,) = decode(row(data="0x" + "f" * 64)).transfers

    assert transfer.units == 2**256 - 1


def test_rows_come_back_in_chain_order_and_each_once() -> None:
    late, early = row(blockNumber="0x65"), row(blockNumber="0x5f", blockHash="0x" + "b2" * 32)

    decoded = decode(late, early, late)

    assert [transfer.block_number for transfer in decoded.transfers] == [95, 101]


NOT_ASKED_FOR: dict[str, dict[str, object]] = {
    "another contract": {"address": "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca"},
    "another event": {"topics": ["0x" + "8c" * 32, *TOPICS[1:]]},
    "an ERC-721 transfer": {"topics": [*TOPICS, "0x" + "00" * 31 + "01"]},
    "no topics": {"topics": []},
    "another recipient": {"topics": [*TOPICS[:2], transfers.topic(PAYER)]},
    "a removed row": {"removed": True},
    "a pending row": {"blockNumber": None, "blockHash": None, "logIndex": None},
    "a block before the range": {"blockNumber": "0x59"},
    "a block after the range": {"blockNumber": "0x6f"},
}


@pytest.mark.parametrize("what", NOT_ASKED_FOR)
def test_what_was_not_asked_for_is_skipped_and_counted(what: str) -> None:
    decoded = decode(row(**NOT_ASKED_FOR[what]), row())

    assert len(decoded.transfers) == 1
    assert decoded.skipped == 1


MALFORMED: dict[str, dict[str, object]] = {
    "short data": {"data": "0x4c4b40"},
    "long data": {"data": "0x" + "0" * 128},
    "no data": {"data": "0x"},
    "data that is no number": {"data": "0x" + "g" * 64},
    "data with underscores": {"data": "0x" + "1_" * 32},
    "a sender that is no address": {"topics": [TOPICS[0], "0x" + "1" * 64, TOPICS[2]]},
    "a short block hash": {"blockHash": "0xb1"},
    "no transaction": {"transactionHash": None},
    "no log index": {"logIndex": None},
    "a log index that is no number": {"logIndex": "three"},
}


@pytest.mark.parametrize("what", MALFORMED)
def test_a_transfer_to_us_that_cannot_be_read_is_never_overlooked(what: str) -> None:
    with pytest.raises(BadAnswer):
        decode(row(**MALFORMED[what]))


def test_two_logs_in_one_place_are_a_contradiction() -> None:
    with pytest.raises(BadAnswer, match="two different logs"):
        decode(row(), row(data=f"0x{6_000_000:064x}"))


@pytest.mark.parametrize("text", ["", "0x", SHOP[:-1], SHOP + "0", SHOP.replace("5", "g"), SHOP[2:]])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        transfers.address(text)
