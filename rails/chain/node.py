"""What the scanner asks a node, in typed questions."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from itertools import islice

import msgspec

from rails.chain import bloom, transfers
from rails.chain.errors import (
    BadAnswer,
    HeadMoved,
    NodeLags,
    RangeRefused,
    RangeTooLarge,
    RpcRefused,
    TooManyAddresses,
)
from rails.chain.rpc import Node, quantity

ADDRESSES_PER_CALL = 500
FILTER_HERE_ABOVE = 5_000
"""From so many addresses on, all transfers are fetched and filtered here: fewer, larger calls."""
GROW_AFTER = 8
LATEST_TIME_UNIX = 253_402_300_799
BALANCE_OF = "0x70a08231"


class _RawHeader(msgspec.Struct, rename="camel"):
    number: str
    hash: str
    timestamp: str
    logs_bloom: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """A block's place in the chain."""

    number: int
    hash: str
    time: datetime
    logs_bloom: str = field(default="", compare=False, repr=False)
    """Which contracts and topics the block's logs may have; empty if the node did not say."""


HEADERS_SINGLY = 8
"""Up to so many headers are asked for one by one: a batch is worth its risk only where there are many."""


@dataclass(frozen=True, slots=True)
class Heads:
    """The node's view at one moment. A tag that the node does not know is None."""

    latest: Header
    safe: Header | None
    finalized: Header | None


_HEADER = msgspec.json.Decoder(_RawHeader | None)
_WORD = msgspec.json.Decoder(str)


def heads(rpc: Node) -> Heads:
    """Read the three tags.

    raises: RpcError
    """
    # Final first: a head that moves in between is then at least not behind what is final.
    finalized, safe = _tagged(rpc, "finalized"), _tagged(rpc, "safe")
    latest = _header(rpc, "latest")
    if latest is None:
        raise BadAnswer("the node knows no latest block")
    return Heads(latest=latest, safe=safe, finalized=finalized)


def header(rpc: Node, number: int) -> Header:
    """The block of the canonical chain at this height.

    raises: RpcError; NodeLags if the node has none
    """
    return _at(number, _header(rpc, hex(number)))


def headers(rpc: Node, numbers: Collection[int]) -> dict[int, Header]:
    """The blocks of the canonical chain at these heights.

    raises: RpcError; NodeLags if the node lacks one
    """
    ordered = sorted(numbers)
    if len(ordered) <= HEADERS_SINGLY:
        return {number: header(rpc, number) for number in ordered}
    raw = rpc.call_each("eth_getBlockByNumber", [[hex(number), False] for number in ordered], answer=_HEADER)
    return {number: _at(number, _usable(found)) for number, found in zip(ordered, raw, strict=True)}


class Side(IntEnum):
    """Whose end of a transfer is asked about; the place of its address among the topics."""

    SENDER = 1
    RECIPIENT = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What to read: transfers of `token` and `others` to or from `parties`, in calls of `chunk_blocks`."""

    token: str
    parties: Collection[str]
    from_block: int
    to_block: int
    chunk_blocks: int
    others: tuple[str, ...] = ()
    side: Side = Side.RECIPIENT

    @property
    def contracts(self) -> str | list[str]:
        """The contracts as a filter names them."""
        return [self.token, *self.others] if self.others else self.token


def read_transfers(rpc: Node, reading: Reading) -> transfers.Decoded:
    """All transfers that `reading` asks for, in chain order.

    raises: RpcError; RangeRefused if the node refuses even one block or one address
    """
    found: list[transfers.Transfer] = []
    skipped = 0
    # An empty list of topics matches everybody's transfers, so nobody to watch means no call at all.
    for group in _groups(reading.parties):
        for part in _walk(rpc, reading, group):
            found += part.transfers
            skipped += part.skipped
    found.sort(key=lambda transfer: (transfer.block_number, transfer.log_index))
    return transfers.Decoded(tuple(found), skipped)


def check_blooms(rpc: Node, reading: Reading, decoded: transfers.Decoded, *, to: Header, most: int) -> None:
    """Ask once more, by its hash, for each of the last `most` blocks whose bloom names what was not told.

    A bloom may name what is not there, but never leaves out what is. Nodes that lag leave logs out of the
    newest blocks; older ones are read a second time once they are final.

    raises: NodeLags if the second answer has what the first had not; HeadMoved, RpcError
    """
    told = {transfer.block_number for transfer in decoded.transfers}
    if not reading.parties or (len(reading.parties) > FILTER_HERE_ABOVE and (told or decoded.skipped)):
        return
    for number in range(max(reading.from_block, to.number - most + 1), to.number + 1):
        if number in told:
            continue
        block = to if number == to.number else header(rpc, number)
        if not bloom.may_hold(block.logs_bloom, _wanted(reading)):
            continue
        left_out = _by_hash(rpc, reading, block)
        if left_out is None or (left_out and header(rpc, number).hash != block.hash):
            raise HeadMoved(f"block {number} changed while it was read")
        if left_out:
            raise NodeLags(f"the node left transfers in block {number} out")


def _wanted(reading: Reading) -> Iterator[tuple[str, ...]]:
    for contract in (reading.token, *reading.others):
        if len(reading.parties) > FILTER_HERE_ABOVE:
            yield contract, transfers.TRANSFER_TOPIC
            continue
        for party in reading.parties:
            yield contract, transfers.TRANSFER_TOPIC, transfers.topic(party)


def _by_hash(rpc: Node, reading: Reading, block: Header) -> bool | None:
    """Whether the block, asked for by its hash, holds a transfer that `reading` wants; None if it is gone."""
    at_block = replace(reading, from_block=block.number, to_block=block.number)
    for group in _groups(reading.parties):
        query = {"address": reading.contracts, "topics": _topics(reading, group), "blockHash": block.hash}
        try:
            logs = rpc.call("eth_getLogs", [query], answer=transfers.LOGS)
        except NodeLags:
            return None
        except RpcRefused:
            # Not every provider takes a hash; the second reading at finality does not need it.
            return False
        if _decoded(logs, at_block, group).transfers:
            return True
    return False


def _groups(recipients: Collection[str]) -> Iterator[Collection[str]]:
    if len(recipients) > FILTER_HERE_ABOVE:
        yield frozenset(recipients)
        return
    ordered = iter(sorted(recipients))
    while group := list(islice(ordered, ADDRESSES_PER_CALL)):
        yield group


def _walk(rpc: Node, reading: Reading, group: Collection[str]) -> Iterator[transfers.Decoded]:
    start, size, easy = reading.from_block, reading.chunk_blocks, 0
    while start <= reading.to_block:
        end = min(start + size - 1, reading.to_block)
        try:
            yield _read(rpc, reading, group, start, end)
        except RangeTooLarge as error:
            if start == end:
                raise RangeRefused(f"block {start} alone is refused: {error}") from error
            # Halved by our own arithmetic: a range that the node suggests may lie outside of ours.
            size, easy = (end - start + 1) // 2, 0
            continue
        start, easy = end + 1, easy + 1
        if easy >= GROW_AFTER:
            size, easy = min(size * 2, reading.chunk_blocks), 0


def _read(rpc: Node, reading: Reading, group: Collection[str], start: int, end: int) -> transfers.Decoded:
    query = {
        "address": reading.contracts,
        "topics": _topics(reading, group),
        "fromBlock": hex(start),
        "toBlock": hex(end),
    }
    try:
        logs = rpc.call("eth_getLogs", [query], answer=transfers.LOGS)
    except TooManyAddresses as error:
        return _read_halves(rpc, reading, group, start, end, error)
    return _decoded(logs, replace(reading, from_block=start, to_block=end), group)


def _topics(reading: Reading, group: Collection[str]) -> list[object]:
    topics: list[object] = [transfers.TRANSFER_TOPIC]
    if len(group) <= FILTER_HERE_ABOVE:
        topics += [None] * (reading.side - 1)
        topics.append([transfers.topic(party) for party in group])
    return topics


def _decoded(logs: Sequence[transfers.Log], reading: Reading, group: Collection[str]) -> transfers.Decoded:
    decoded = transfers.decode(
        logs,
        token=reading.token,
        from_block=reading.from_block,
        to_block=reading.to_block,
        recipients=group if reading.side is Side.RECIPIENT else None,
        others=reading.others,
    )
    if reading.side is Side.RECIPIENT:
        return decoded
    senders = frozenset(group)
    ours = tuple(transfer for transfer in decoded.transfers if transfer.sender in senders)
    return transfers.Decoded(ours, decoded.skipped + len(decoded.transfers) - len(ours))


def _read_halves(
    rpc: Node, reading: Reading, group: Collection[str], start: int, end: int, error: TooManyAddresses
) -> transfers.Decoded:
    if len(group) == 1 or len(group) > FILTER_HERE_ABOVE:
        raise RangeRefused(f"a filter of one entry is refused: {error}") from error
    middle, ordered = len(group) // 2, sorted(group)
    halves = [_read(rpc, reading, half, start, end) for half in (ordered[:middle], ordered[middle:])]
    return transfers.Decoded(
        tuple(transfer for half in halves for transfer in half.transfers),
        sum(half.skipped for half in halves),
    )


def _tagged(rpc: Node, tag: str) -> Header | None:
    # After a restart nodes answer null, or refuse with "safe block not found", until they know again.
    try:
        return _header(rpc, tag)
    except (RpcRefused, NodeLags):
        return None


def _header(rpc: Node, block: str) -> Header | None:
    return _usable(rpc.call("eth_getBlockByNumber", [block, False], answer=_HEADER))


def _at(number: int, found: Header | None) -> Header:
    if found is None:
        raise NodeLags(f"the node has no block {number}")
    if found.number != number:
        raise BadAnswer(f"asked for block {number}, got {found.number}")
    return found


def _usable(raw: _RawHeader | None) -> Header | None:
    if raw is None:
        return None
    seconds = quantity(raw.timestamp)
    if seconds > LATEST_TIME_UNIX or len(raw.hash) != 66:
        raise BadAnswer(f"block {raw.number[:20]} has no usable hash or time")
    return Header(
        number=quantity(raw.number),
        hash=raw.hash.lower(),
        time=datetime.fromtimestamp(seconds, tz=UTC),
        logs_bloom=raw.logs_bloom,
    )


def balance(rpc: Node, *, token: str, address: str, block: int) -> int:
    """What `address` held of `token` after this block, in the token's smallest units.

    raises: RpcError; RpcRefused if the node no longer knows the state of that block
    """
    call = {"to": token, "data": BALANCE_OF + transfers.topic(address)[2:]}
    word = rpc.call("eth_call", [call, hex(block)], answer=_WORD)
    if len(word) != 66:
        raise BadAnswer(f"the balance of {address} is {word[:70]!r}")
    return quantity(word)
