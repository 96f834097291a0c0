"""USDC transfers out of a node's logs: everything that was asked for, and nothing else."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from rails.chain.errors import BadAnswer

TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
ADDRESS_PADDING = "0x" + "0" * 24
# Both addresses as topics, the value, the block's and the transaction's hash, the block's number and the
# log's index, in one look: seven looks would take longer than all the rest.
_WORDS = re.compile(r"(?:0x0{24}[0-9a-f]{40}){2}(?:0x[0-9a-f]{64}){3}(?:0x[0-9a-f]{1,15}){2}")
_ADDRESS = re.compile(r"0x[0-9a-f]{40}")


# Neither of the two is seen by the garbage collector, which would walk over all rows again and again while
# they are read: a third of the time.
class Topics(msgspec.Struct, array_like=True, gc=False):
    """The indexed words of a log. A Transfer(address, address, uint256) has three, an ERC-721 one four."""

    event: str = ""
    sender: str = ""
    recipient: str = ""
    fourth: str = ""


class Log(msgspec.Struct, rename="camel", gc=False):
    """A row of eth_getLogs, as it came. The last fields are null in a block that is not built yet."""

    address: str
    topics: Topics
    data: str
    block_number: str | None
    block_hash: str | None
    transaction_hash: str | None
    log_index: str | None
    removed: bool = False


# A Struct and not a dataclass: it is built ten times faster, and a day of Base has millions of these.
class Transfer(msgspec.Struct, frozen=True, gc=False):
    """One USDC transfer in one block. Addresses and hashes in lower case, `units` in millionths."""

    block_number: int
    block_hash: str
    log_index: int
    tx_hash: str
    token: str
    sender: str
    recipient: str
    units: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """The transfers asked for, in chain order, and how many rows were something else."""

    transfers: tuple[Transfer, ...]
    skipped: int


LOGS = msgspec.json.Decoder(list[Log])


# A pass is given all addresses again, and nearly all of them are those of the pass before.
@lru_cache(maxsize=131_072)
def address(text: str) -> str:
    """The address in lower case.

    raises: ValueError if it is none
    """
    lowered = text.lower()
    if not _ADDRESS.fullmatch(lowered):
        raise ValueError(f"{text!r} is not an address")
    return lowered


def topic(address: str) -> str:
    """A lower-case address as it stands in a topic."""
    return ADDRESS_PADDING + address[2:]


def decode(
    logs: Sequence[Log],
    *,
    token: str,
    from_block: int,
    to_block: int,
    recipients: Collection[str] | None,
    others: Collection[str] = (),
) -> Decoded:
    """The transfers of `token` to `recipients` (None: to anyone) in these blocks, each once.

    Those of the tokens in `others` as well; what such a contract garbles is skipped: nobody is paid in it.

    Skipped are rows that were not asked for: other contracts, other events (an ERC-721 transfer has the
    same first topic, and a fourth), other recipients or blocks, rows of blocks that are pending or removed.
    They can do no harm, and one strange row must not stop the watcher.

    raises: BadAnswer for a transfer that was asked for and cannot be read: skipping it could lose money
    """
    wanted = None if recipients is None else _topics(frozenset(recipients))
    tokens = {token, *others}
    found: dict[str, Transfer] = {}
    skipped = 0
    for log in logs:
        topics = log.topics
        if (
            topics.event != TRANSFER_TOPIC
            or topics.fourth
            or not topics.recipient
            or (log.address not in tokens and log.address.lower() not in tokens)
            or (
                wanted is not None
                and topics.recipient not in wanted
                and topics.recipient.lower() not in wanted
            )
            or log.removed
            or log.block_number is None
        ):
            skipped += 1
            continue
        transfer = _transfer(log, token)
        if transfer is None or not from_block <= transfer.block_number <= to_block:
            skipped += 1
            continue
        key = f"{transfer.block_hash}:{transfer.log_index}"
        if found.setdefault(key, transfer) != transfer:
            raise BadAnswer(f"two different logs with index {transfer.log_index} in {transfer.block_hash}")
    return Decoded(tuple(sorted(found.values(), key=_chain_order)), skipped)


# A catch-up asks for the same hundred thousand addresses call after call.
@lru_cache(maxsize=4)
def _topics(recipients: frozenset[str]) -> frozenset[str]:
    return frozenset(map(topic, recipients))


def _transfer(log: Log, token: str) -> Transfer | None:
    """The transfer in a row; None for a garbled one of another token than ours."""
    words, emitter = _words(log), log.address.lower()
    if not _WORDS.fullmatch(words):
        words = words.lower()
        if not _WORDS.fullmatch(words):
            if emitter != token:
                return None
            raise BadAnswer(f"a transfer in block {log.block_number} is malformed")
    return Transfer(
        int(log.block_number or "", 16),
        words[198:264],
        int(log.log_index or "", 16),
        words[264:330],
        emitter,
        "0x" + words[26:66],
        "0x" + words[92:132],
        int(words[132:198], 16),
    )


def _words(log: Log) -> str:
    topics, place = log.topics, f"{log.transaction_hash}{log.block_number}{log.log_index}"
    return f"{topics.sender}{topics.recipient}{log.data}{log.block_hash}{place}"


def _chain_order(transfer: Transfer) -> tuple[int, int]:
    return (transfer.block_number, transfer.log_index)
